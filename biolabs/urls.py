"""Every address of the portal. Each app brings its own; this file says where they hang."""

from importlib.util import find_spec

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from biolabs import health

APPS = [config.partition(".")[0] for config in settings.OUR_APPS]
PAGES = [f"{app}.urls" for app in APPS if app != "biolabs" and find_spec(f"{app}.urls")]
API = [f"{app}.api.urls" for app in APPS if find_spec(f"{app}.api") and find_spec(f"{app}.api.urls")]

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
    *[path("api/", include(module)) for module in API],
    path("admin/", admin.site.urls),
    *[path("", include(module)) for module in PAGES],
]
