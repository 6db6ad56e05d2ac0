"""Pages of exports."""

from django.urls import path

from narratives import compose, decisions, package_urls, signing_queue, together, used_by, views

urlpatterns = [
    path("executions/<uuid:execution_id>/exports/", views.execution_exports, name="execution_exports"),
    path("executions/<uuid:execution_id>/exports/new/", compose.export_compose, name="export_compose"),
    path("exports/", views.export_list, name="export_list"),
    path("exports/<uuid:pk>/", views.export, name="export"),
    path("exports/<uuid:pk>/sign/", decisions.export_sign, name="export_sign"),
    path("exports/<uuid:pk>/reject/", decisions.export_reject, name="export_reject"),
    path("exports/<uuid:pk>/stages/<uuid:stage_id>/delegate/", decisions.export_delegate, name="export_delegate"),
    path("exports/<uuid:pk>/stages/<uuid:stage_id>/delegates/", together.export_delegates, name="export_delegates"),
    path("exports/<uuid:pk>/stages/<uuid:stage_id>/reset/", decisions.export_reset, name="export_reset"),
    path("exports/<uuid:pk>/stages/<uuid:stage_id>/claim/", together.export_claim, name="export_claim"),
    path("exports/<uuid:pk>/stages/<uuid:stage_id>/release/", together.export_release, name="export_release"),
    path("exports/<uuid:pk>/presence/", together.export_presence, name="export_presence"),
    path("governance/ladders/<slug:key>/exports/", used_by.ladder_exports, name="ladder_exports"),
    path("sign-next/", signing_queue.sign_next, name="sign_next"),
    path("sign-next/start/", signing_queue.sign_next_start, name="sign_next_start"),
    path("sign-next/skip/", signing_queue.sign_next_skip, name="sign_next_skip"),
    path("sign-next/end/", signing_queue.sign_next_end, name="sign_next_end"),
    *package_urls.urlpatterns,
]
