from whitenoise.storage import CompressedManifestStaticFilesStorage


class Storage(CompressedManifestStaticFilesStorage):
    """Names with a digest, for ever cacheable, once `collectstatic` has run; before it, the plain names.

    Django's own would answer every page with a 500 until then.
    """

    def stored_name(self, name):
        return super().stored_name(name) if name in self.hashed_files else name
