from django.urls import path

from evidence.api import views

urlpatterns = [
    path("notebook/entries", views.Entries.as_view(), name="api_notebook_entries"),
    path("notebook/entries/evidence", views.NotebookEvidence.as_view(), name="api_notebook_evidence"),
    path("notebook/entries/<str:pk>", views.OneEntry.as_view(), name="api_notebook_entry"),
    path("notebook/entries/<str:pk>/revisions", views.Revisions.as_view(), name="api_notebook_revisions"),
    path("files", views.Files.as_view(), name="api_files"),
    path("files/<str:pk>", views.OneFile.as_view(), name="api_file"),
    path("files/<str:pk>/download", views.Download.as_view(), name="api_file_download"),
    path("evidence", views.Evidence.as_view(), name="api_evidence"),
    path("data/evidence", views.DataEvidence.as_view(), name="api_data_evidence"),
]
