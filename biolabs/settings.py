"""Every setting of the portal. What differs between deployments comes from the environment (docs/operations.md)."""

import logging
from datetime import timedelta
from pathlib import Path

from csp.constants import NONE, SELF

from biolabs import environment as given
from biolabs.logs import LOGGING  # noqa: F401

BASE_DIR = Path(__file__).resolve().parent.parent

# --- Where this deployment is ---------------------------------------------------------------------------------------
DATA_DIR = given.folder("BIOLABS_DATA_DIR", BASE_DIR / "var")
PORT = given.whole("PORT", 8000, least=1, most=65535)
WEB_CONCURRENCY = given.whole("WEB_CONCURRENCY", 2, least=1, most=64)
DEBUG = given.flag("DEBUG", default=False)
ALLOWED_HOSTS = given.hosts("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
ON_THIS_MACHINE_ONLY = given.only_this_machine(ALLOWED_HOSTS)
if DEBUG and not ON_THIS_MACHINE_ONLY:
    given.refuse("DEBUG shows secrets in error pages, so it must be off when ALLOWED_HOSTS names other hosts.")
SECRET_KEY = given.secret_key("SECRET_KEY", DATA_DIR, may_make=ON_THIS_MACHINE_ONLY)
SECRET_KEY_FALLBACKS = given.secret_keys("SECRET_KEY_FALLBACKS")  # earlier keys: what they encrypted stays readable
# How people reach the portal; links in mails begin with it, and https turns on secure cookies.
SITE_URL = given.address("SITE_URL", f"http://127.0.0.1:{PORT}" if ON_THIS_MACHINE_ONLY else "")
if not SITE_URL:
    given.refuse("SITE_URL must be set when ALLOWED_HOSTS names other hosts, for example https://biolabs.example.org.")
# How many proxies of ours stand in front; only then X-Forwarded-For and X-Forwarded-Proto are believed.
TRUSTED_PROXIES = given.whole("TRUSTED_PROXIES", 0, least=0, most=10)

# --- Rules of the house ---------------------------------------------------------------------------------------------
SEPARATION_OF_DUTIES = given.flag("SEPARATION_OF_DUTIES", default=True)
SIGNATURE_REAUTHENTICATION = given.flag("SIGNATURE_REAUTHENTICATION", default=True)
SECOND_FACTOR_REQUIRED_TO_SIGN = given.flag("SECOND_FACTOR_REQUIRED_TO_SIGN", default=False)
if SECOND_FACTOR_REQUIRED_TO_SIGN and not SIGNATURE_REAUTHENTICATION:
    given.refuse("SECOND_FACTOR_REQUIRED_TO_SIGN needs SIGNATURE_REAUTHENTICATION to be on.")
SIGNING_SERIES_MINUTES = given.whole("SIGNING_SERIES_MINUTES", 10, least=0, most=60)
RETENTION_DAYS = given.whole("RETENTION_DAYS", 3650, least=1, most=36500)
UPLOAD_MAX_BYTES = given.whole("UPLOAD_MAX_BYTES", 1024**3, least=1, most=1024**5)
PACKAGING_MAX_ATTEMPTS = given.whole("PACKAGING_MAX_ATTEMPTS", 5, least=1, most=100)
SIGNING_KEY_FILE = Path(given.text("SIGNING_KEY_FILE") or DATA_DIR / "signing_key.pem").expanduser().resolve()
_retired = given.text("SIGNING_KEYS_RETIRED") or SIGNING_KEY_FILE.with_name("signing_keys_retired")
SIGNING_KEYS_RETIRED = Path(_retired).expanduser().resolve()  # public keys of earlier signing keys
METRICS_TOKEN = given.text("METRICS_TOKEN")
if METRICS_TOKEN and not (METRICS_TOKEN.isascii() and len(METRICS_TOKEN) >= given.SECRET_KEY_LEAST):
    given.refuse("METRICS_TOKEN must have at least 32 plain characters.")
TSA_URL = given.address("TSA_URL")
OIDC_ISSUER = given.address("OIDC_ISSUER")
OIDC_CLIENT_ID = given.text("OIDC_CLIENT_ID")
OIDC_CLIENT_SECRET = given.text("OIDC_CLIENT_SECRET")
if len({bool(OIDC_ISSUER), bool(OIDC_CLIENT_ID), bool(OIDC_CLIENT_SECRET)}) > 1:
    given.refuse("OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET must be set together or not at all.")

# --- Apps -----------------------------------------------------------------------------------------------------------
OUR_APPS = [  # lowest first: an app imports only from those before it (tests/test_architecture.py)
    "ledger.apps.LedgerConfig",
    "portal.apps.PortalConfig",
    "accounts.apps.AccountsConfig",
    "experiments.apps.ExperimentsConfig",
    "evidence.apps.EvidenceConfig",
    "governance.apps.GovernanceConfig",
    "approvals.apps.ApprovalsConfig",
    "narratives.apps.NarrativesConfig",
    "baselines.apps.BaselinesConfig",
    "biolabs.apps.BiolabsConfig",
]
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    *OUR_APPS,
    "rest_framework",
    "knox",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "django_q",
    "django_structlog",
    "adminsortable2",
    "csp",
]
MIDDLEWARE = [
    "biolabs.request_id.RequestIdMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "accounts.middleware.PasswordChangeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "portal.problems.ProblemMiddleware",
]
ROOT_URLCONF = "biolabs.urls"
WSGI_APPLICATION = "biolabs.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "portal.navigation.context",
            ],
        },
    },
]

# --- Database, cache, queue -----------------------------------------------------------------------------------------
DATABASES = {"default": given.database("DATABASE_URL", DATA_DIR / "biolabs.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = given.address("REDIS_URL", schemes=("redis", "rediss", "unix"))
CACHES = {
    # Shared by every process: sign-in throttles count in it.
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL, "KEY_PREFIX": "biolabs"}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.db.DatabaseCache",
            "LOCATION": "biolabs_cache",
            "OPTIONS": {"MAX_ENTRIES": 100_000},  # past it, entries are dropped at random: throttles too
        }
    ),
    # django-q2 writes its statistics every half second; they may stay in the process.
    "queue": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "queue"},
}

Q_CLUSTER = {
    "name": "biolabs",
    "orm": "default",
    "broker_class": "biolabs.broker.Broker",
    "cache": "queue",
    "workers": 2,
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 900,
    # Waiting in the cluster's own queue counts, so: timeout x (1 + ceil((queue_limit + bulk) / workers)) + slack.
    "retry": 2800,
    "ack_failures": True,
    "max_attempts": 3,
    "catch_up": False,
    "recycle": 200,  # heartbeats count: a worker lives for about half an hour
    "poll": 0.5,
    "save_limit": 1000,
    "label": "Queue",
}

# --- People ---------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "accounts.backends.PortalBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
        "OPTIONS": {"user_attributes": ("full_name", "email")},
    },
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "sign_in"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "sign_in"

ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # accounts are made by administrators, who vouch for the address
ACCOUNT_UNIQUE_EMAIL = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_LOGOUT_REDIRECT_URL = LOGOUT_REDIRECT_URL
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = "[BioLabs] "
ACCOUNT_RATE_LIMITS = {"login_failed": "5/5m/key,20/5m/ip", "login": "60/m/ip"}
ALLAUTH_TRUSTED_PROXY_COUNT = TRUSTED_PROXIES
MFA_ADAPTER = "accounts.second_factor.Adapter"

# --- API ------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "accounts.api.auth.BearerAuthentication",
        "accounts.api.auth.PortalSessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "portal.parsing.StrictJSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_SCHEMA_CLASS": "portal.problems.ProblemSchema",
    "EXCEPTION_HANDLER": "drf_standardized_errors.handler.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "NUM_PROXIES": TRUSTED_PROXIES,
}
DRF_STANDARDIZED_ERRORS = {"EXCEPTION_HANDLER_CLASS": "portal.problems.ProblemHandler"}
JSON_MAX_BYTES = 5 * 1024**2
KNOX_TOKEN_MODEL = "accounts.ApiToken"
# Its first migrations make a table of its own all the same, and PostgreSQL then refuses to flush ours.
MIGRATION_MODULES = {"knox": None}
REST_KNOX = {
    "AUTH_HEADER_PREFIX": "Bearer",
    "TOKEN_PREFIX": "bl_",
    "TOKEN_TTL": timedelta(hours=12),
    "AUTO_REFRESH": False,
    "TOKEN_MODEL": KNOX_TOKEN_MODEL,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "BioLabs",
    "DESCRIPTION": "From a laboratory run to a signed, packaged, verifiable dossier.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "ENUM_NAME_OVERRIDES": {
        "InventoryStatusEnum": "experiments.enums.InventoryStatus",
        "StepStatusEnum": "experiments.enums.StepStatus",
        "TemplateStatusEnum": "governance.enums.TemplateStatus",
    },
}

# --- Files ----------------------------------------------------------------------------------------------------------
S3_BUCKET = given.text("S3_BUCKET")
S3_ENDPOINT_URL = given.address("S3_ENDPOINT_URL")
S3_REGION = given.text("S3_REGION")
S3_ACCESS_KEY_ID = given.text("S3_ACCESS_KEY_ID")
S3_SECRET_ACCESS_KEY = given.text("S3_SECRET_ACCESS_KEY")
if bool(S3_ACCESS_KEY_ID) != bool(S3_SECRET_ACCESS_KEY):
    given.refuse("S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY must be set together or not at all.")
if not S3_BUCKET and (S3_ENDPOINT_URL or S3_ACCESS_KEY_ID):
    given.refuse("S3_BUCKET must name a bucket when other S3_ settings are set.")


def files_under(name):
    """A storage for this kind of file: a folder of the data directory, or a prefix of the bucket."""
    if not S3_BUCKET:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": DATA_DIR / name, "file_permissions_mode": 0o440, "base_url": None},
        }
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": S3_BUCKET,
            "location": name,
            "endpoint_url": S3_ENDPOINT_URL or None,
            "region_name": S3_REGION or None,
            "access_key": S3_ACCESS_KEY_ID or None,
            "secret_key": S3_SECRET_ACCESS_KEY or None,
            "default_acl": None,
            "file_overwrite": False,
            "max_memory_size": 1024**2,  # larger objects go through a file on disk, not through memory
        },
    }


STORAGES = {
    "default": files_under("evidence"),
    "evidence": files_under("evidence"),
    "dossiers": files_under("dossiers"),
    "staticfiles": {"BACKEND": "biolabs.static_files.Storage"},
}
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = True  # serves what was not collected yet
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Uploads land on the disk of the evidence, not in a small /tmp.
FILE_UPLOAD_TEMP_DIR = DATA_DIR / "uploads"
FILE_UPLOAD_TEMP_DIR.mkdir(mode=0o750, exist_ok=True)
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024**2
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5000

# --- Mail -----------------------------------------------------------------------------------------------------------
EMAIL_CONFIGURED = bool(given.text("EMAIL_URL"))  # else notifications stay in the portal
EMAIL_TIMEOUT = 15
vars().update(given.email("EMAIL_URL", DATA_DIR / "mail"))
DIGEST_HOUR = given.whole("DIGEST_HOUR", 6, least=0, most=23)  # UTC
DEFAULT_FROM_EMAIL = given.text("EMAIL_FROM", "BioLabs <biolabs@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# --- Webhooks -------------------------------------------------------------------------------------------------------
# Host names, addresses and networks inside the house that webhooks may reach; everything internal else is refused.
WEBHOOK_ALLOWED_INTERNAL = given.hosts_and_networks("WEBHOOK_ALLOWED_INTERNAL")

# --- Time and language ----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- Log lines ------------------------------------------------------------------------------------------------------
DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = True  # biolabs.request_id has made it safe
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # biolabs.request_log knows which proxies to believe
DJANGO_STRUCTLOG_USER_ID_FIELD = None  # the same, without a query for requests that need no person
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG

# --- Safety ---------------------------------------------------------------------------------------------------------
OVER_HTTPS = SITE_URL.startswith("https://")
SESSION_COOKIE_NAME = "biolabs_session"
CSRF_COOKIE_NAME = "biolabs_csrf"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = OVER_HTTPS
SESSION_COOKIE_AGE = 12 * 60 * 60
SECURE_SSL_REDIRECT = OVER_HTTPS and bool(TRUSTED_PROXIES)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES else None
SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60 if OVER_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = False
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CSRF_FAILURE_VIEW = "portal.problems.csrf_failure"
CSRF_TRUSTED_ORIGINS = [SITE_URL]
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
    },
}
