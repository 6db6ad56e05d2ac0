"""Pages of the dossier and its packaging."""

from django.urls import path

from narratives import package_views

urlpatterns = [
    path("exports/<uuid:pk>/packaging/", package_views.export_progress, name="export_progress"),
    path("exports/<uuid:pk>/dossier/", package_views.export_dossier, name="export_dossier"),
    path("operations/packages/<uuid:pk>/retry/", package_views.package_retry, name="package_retry"),
]
