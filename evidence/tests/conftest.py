import pytest

from evidence.tests import factories


@pytest.fixture(autouse=True)
def evidence_folder(settings, tmp_path):
    """Every test stores its bytes in a folder of its own."""
    folder = tmp_path / "evidence"
    settings.STORAGES = settings.STORAGES | {
        "evidence": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": folder, "file_permissions_mode": 0o440, "base_url": None},
        }
    }
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    return folder


@pytest.fixture
def lab(db):
    return factories.team()


@pytest.fixture
def runner(lab):
    return factories.person("Lea", team=lab)


@pytest.fixture
def colleague(lab):
    return factories.person("Jonas", team=lab)


@pytest.fixture
def stranger(db):
    return factories.person("Sven", team=factories.team("Elsewhere"))


@pytest.fixture
def execution(runner, lab):
    return factories.run(runner, team=lab)
