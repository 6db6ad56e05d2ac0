"""Settings of the test suite. BIOLABS_TEST_DATABASE=postgresql runs it on a real PostgreSQL instead of SQLite."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_DATABASE = os.environ.get("BIOLABS_TEST_DATABASE", "sqlite")
if _DATABASE not in {"sqlite", "postgresql"}:
    raise SystemExit(f"BIOLABS_TEST_DATABASE must be sqlite or postgresql, not {_DATABASE!r}.")

_FOLDER = Path(tempfile.mkdtemp(prefix="biolabs-test-"))
atexit.register(shutil.rmtree, _FOLDER, ignore_errors=True)

# What the developer's own shell says about a deployment must not reach the tests.
_DEPLOYMENT = ("ALLOWED_HOSTS", "DEBUG", "EMAIL_URL", "EMAIL_FROM", "PORT", "REDIS_URL", "RETENTION_DAYS", "SECRET_KEY")
_DEPLOYMENT += ("SEPARATION_OF_DUTIES", "SIGNATURE_REAUTHENTICATION", "SIGNING_KEY_FILE", "SITE_URL", "TSA_URL")
_DEPLOYMENT += ("SIGNING_KEYS_RETIRED",)
_DEPLOYMENT += ("PACKAGING_MAX_ATTEMPTS", "TRUSTED_PROXIES", "UPLOAD_MAX_BYTES", "DATABASE_URL", "LOG_FORMAT")
_DEPLOYMENT += ("DIGEST_HOUR", "SECRET_KEY_FALLBACKS", "WEBHOOK_ALLOWED_INTERNAL", "METRICS_TOKEN")
for _name in list(os.environ):
    if _name in _DEPLOYMENT or _name.startswith(("S3_", "OIDC_")):
        del os.environ[_name]

os.environ["BIOLABS_DATA_DIR"] = str(_FOLDER)
os.environ["LOG_LEVEL"] = os.environ.get("LOG_LEVEL", "error")
if _DATABASE == "postgresql":
    # Here and not in a conftest: Django reads the address when it loads its settings.
    from tests import postgresql

    os.environ["DATABASE_URL"] = postgresql.url()

from biolabs.settings import *  # noqa: E402, F403

if _DATABASE == "sqlite":
    # A file: threads of a live server cannot share SQLite's in-memory database.
    DATABASES["default"]["TEST"] = {"NAME": str(_FOLDER / "test.sqlite3")}  # noqa: F405
    # The disk's promises are not under test; everything else stays as in production.
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA synchronous=OFF;"  # noqa: F405

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "default"},
    "queue": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "queue"},
}
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_AUTOREFRESH = True
