"""Every address of the portal. Each app brings its own; this file says where they hang."""

import sys

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from biolabs import health
from biolabs.my_work import my_work
from biolabs.search import search

APPS = [config.partition(".")[0] for config in settings.OUR_APPS if not config.startswith("biolabs.")]


def brought_by_apps(name):
    """The `urls` modules there are; tolerant only while the apps are being written."""
    for app in APPS:
        try:
            yield include(f"{app}.{name}")
        except Exception as error:  # noqa: BLE001
            if not (isinstance(error, ModuleNotFoundError) and f"{app}.{name}".startswith(error.name)):
                print(f"biolabs.urls leaves out {app}.{name}: {error}", file=sys.stderr)  # noqa: T201


urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="api_schema"), name="api_docs"),
    *[path("api/", module) for module in brought_by_apps("api.urls")],
    path("admin/", admin.site.urls),
    path("", my_work, name="my_work"),
    path("search/", search, name="search"),
    *[path("", module) for module in brought_by_apps("urls")],
]

handler400 = "portal.problems.bad_request"
handler403 = "portal.problems.permission_denied"
handler404 = "portal.problems.page_not_found"
handler500 = "portal.problems.server_error"
