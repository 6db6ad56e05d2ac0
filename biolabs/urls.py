"""Every address of the portal. Each app brings its own; this file says where they hang."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from biolabs import audit_views, health
from biolabs.metrics import metrics
from biolabs.my_work import my_work
from biolabs.operations import operations
from biolabs.search import search

PAGES = ["portal", "accounts", "experiments", "evidence", "governance", "approvals", "narratives", "baselines"]
API = ["accounts", "experiments", "evidence", "governance", "approvals", "narratives", "baselines"]

urlpatterns = [
    path("healthz", health.alive, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("api/schema/", SpectacularAPIView.as_view(), name="api_schema"),
    path(
        "api/docs/",
        SpectacularSwaggerSplitView.as_view(url_name="api_schema", template_name="biolabs/api_docs.html"),
        name="api_docs",
    ),
    *[path("api/", include(f"{app}.api.urls")) for app in API],
    path("admin/", admin.site.urls),
    path("", my_work, name="my_work"),
    path("search/", search, name="search"),
    path("operations/", operations, name="operations"),
    path("audit/", audit_views.audit_trail, name="audit"),
    path("audit/entries.csv", audit_views.audit_csv, name="audit_csv"),
    path("audit/<slug:name>/<uuid:pk>/verify/", audit_views.audit_verify, name="audit_verify"),
    *[path("", include(f"{app}.urls")) for app in PAGES],
]

handler400 = "portal.problems.bad_request"
handler403 = "portal.problems.permission_denied"
handler404 = "portal.problems.page_not_found"
handler500 = "portal.problems.server_error"
