"""The portal's settings with one more address: a bare view that sends a file."""

from biolabs.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
