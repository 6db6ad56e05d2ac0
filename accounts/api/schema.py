"""How the OpenAPI document names the two ways to be somebody."""

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.auth.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema):
        return {"type": "http", "scheme": "bearer", "description": "A token of `POST /api/auth/login` or `/account/`."}


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "accounts.api.auth.PortalSessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema):
        description = "The browser's session; unsafe methods also need the CSRF token in `X-CSRFToken`."
        return {"type": "apiKey", "in": "cookie", "name": settings.SESSION_COOKIE_NAME, "description": description}
