"""Addresses of the artifact, the legal hold and the queue's telemetry under `/api/`."""

from django.urls import path

from narratives.api import package_views

EXPORT = "experiment-console/sessions/<str:execution_id>/exports/narrative/<str:export_id>"

urlpatterns = [
    path(f"{EXPORT}/artifact", package_views.ArtifactView.as_view(), name="api-export-artifact"),
    path(f"{EXPORT}/legal-hold", package_views.LegalHoldView.as_view(), name="api-export-legal-hold"),
    path("experiment-console/exports/narrative/jobs", package_views.JobsView.as_view(), name="api-export-jobs"),
]
