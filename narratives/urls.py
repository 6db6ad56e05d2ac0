"""Pages of exports."""

from django.urls import path

from narratives import compose, decisions, package_urls, views

urlpatterns = [
    path("executions/<uuid:execution_id>/exports/", views.execution_exports, name="execution_exports"),
    path("executions/<uuid:execution_id>/exports/new/", compose.export_compose, name="export_compose"),
    path("exports/", views.export_list, name="export_list"),
    path("exports/<uuid:pk>/", views.export, name="export"),
    path("exports/<uuid:pk>/sign/", decisions.export_sign, name="export_sign"),
    path("exports/<uuid:pk>/reject/", decisions.export_reject, name="export_reject"),
    path("exports/<uuid:pk>/stages/<uuid:stage_id>/delegate/", decisions.export_delegate, name="export_delegate"),
    path("exports/<uuid:pk>/stages/<uuid:stage_id>/reset/", decisions.export_reset, name="export_reset"),
    *package_urls.urlpatterns,
]
