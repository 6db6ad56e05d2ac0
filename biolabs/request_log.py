"""Who and from where, on every log line of a request (django-structlog's own look-up believes any X-Forwarded-For)."""

import structlog
from django.utils.functional import empty

from accounts.lockout import client_address


def name_the_address(sender, request, **_):
    structlog.contextvars.bind_contextvars(ip=client_address(request.META))


def name_the_person(sender, request, log_kwargs, **_):
    """Only when the request has looked the person up: a health probe must not ask the database."""
    user = getattr(request, "user", None)
    if getattr(user, "_wrapped", None) is not empty and getattr(user, "pk", None):
        log_kwargs["user_id"] = str(user.pk)
