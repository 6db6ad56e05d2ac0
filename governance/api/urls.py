from django.urls import path

from governance.api import views

urlpatterns = [
    path("governance/templates", views.Templates.as_view(), name="api_templates"),
    path("governance/templates/<str:pk>", views.OneTemplate.as_view(), name="api_template"),
    path("governance/templates/<str:pk>/publish", views.Publish.as_view(), name="api_template_publish"),
    path("governance/templates/<str:pk>/archive", views.Archive.as_view(), name="api_template_archive"),
    path("governance/templates/<str:pk>/snapshots", views.Snapshots.as_view(), name="api_template_snapshots"),
    path("governance/templates/<str:pk>/audit", views.Audit.as_view(), name="api_template_audit"),
    path("governance/templates/<str:pk>/diff", views.Diff.as_view(), name="api_template_diff"),
    path("governance/templates/<str:pk>/assignments", views.Assignments.as_view(), name="api_template_assignments"),
    path("governance/assignments/<str:pk>", views.OneAssignment.as_view(), name="api_assignment"),
]
