"""Addresses under `/api/`."""

from django.urls import path

from narratives.api import package_urls, views

BASE = "experiment-console/sessions/<str:execution_id>/exports/narrative"

urlpatterns = [
    path(BASE, views.ExportsView.as_view(), name="api-exports"),
    path(f"{BASE}/<str:export_id>", views.ExportView.as_view(), name="api-export"),
    path(f"{BASE}/<str:export_id>/diff", views.ExportDiffView.as_view(), name="api-export-diff"),
    path(f"{BASE}/<str:export_id>/approve", views.ApproveView.as_view(), name="api-export-approve"),
    path(
        f"{BASE}/<str:export_id>/stages/<str:stage_id>/delegate",
        views.DelegateView.as_view(),
        name="api-export-delegate",
    ),
    path(f"{BASE}/<str:export_id>/stages/<str:stage_id>/claim", views.ClaimView.as_view(), name="api-export-claim"),
    path(f"{BASE}/<str:export_id>/stages/<str:stage_id>/reset", views.ResetView.as_view(), name="api-export-reset"),
    *package_urls.urlpatterns,
]
