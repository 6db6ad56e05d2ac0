"""Pages of the notebook and of files."""

from django.urls import path

from evidence import views, views_files

urlpatterns = [
    path("executions/<uuid:execution_id>/notebook/", views.execution_notebook, name="execution_notebook"),
    path("executions/<uuid:execution_id>/notebook/new/", views.notebook_new, name="notebook_new"),
    path("notebook/<uuid:pk>/", views.notebook_entry, name="notebook_entry"),
    path("notebook/<uuid:pk>/edit/", views.notebook_edit, name="notebook_edit"),
    path("executions/<uuid:execution_id>/files/", views_files.execution_files, name="execution_files"),
    path("files/<uuid:pk>/download/", views_files.file_download, name="file_download"),
]
