"""Where to go after signing in: a path of this portal, whatever `?next=` said."""

from django.conf import settings
from django.utils.http import url_has_allowed_host_and_scheme

LONGEST = 2000


def safe_next(path):
    """`path` when it stays inside the portal, else the start page."""
    inside = (
        isinstance(path, str)
        and path.startswith("/")
        and len(path) <= LONGEST
        and path.isprintable()
        and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    )
    return path if inside else settings.LOGIN_REDIRECT_URL
