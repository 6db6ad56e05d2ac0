"""Pages of baselines."""

from django.urls import path

from baselines import decisions, submission, views

urlpatterns = [
    path("executions/<uuid:execution_id>/baselines/", views.execution_baselines, name="execution_baselines"),
    path("executions/<uuid:execution_id>/baselines/new/", submission.baseline_new, name="baseline_new"),
    path("baselines/", views.baseline_list, name="baseline_list"),
    path("baselines/<uuid:pk>/", views.baseline, name="baseline"),
    path("baselines/<uuid:pk>/review/", decisions.baseline_review, name="baseline_review"),
    path("baselines/<uuid:pk>/publish/", decisions.baseline_publish, name="baseline_publish"),
    path("baselines/<uuid:pk>/roll-back/", decisions.baseline_roll_back, name="baseline_roll_back"),
    path("baselines/<uuid:pk>/resubmit/", submission.baseline_resubmit, name="baseline_resubmit"),
]
