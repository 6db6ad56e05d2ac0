"""Jobs of this app: an identifier in, one verb called, a summary out."""

from narratives import packaging


def package_export(package_id):
    return packaging.package(package_id)
