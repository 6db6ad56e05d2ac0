from django.urls import path

from baselines.api import views

BASE = "governance/baselines"

urlpatterns = [
    path(BASE, views.Baselines.as_view(), name="api_baselines"),
    path(f"{BASE}/submissions", views.Submissions.as_view(), name="api_baseline_submissions"),
    path(f"{BASE}/<str:pk>", views.OneBaseline.as_view(), name="api_baseline"),
    path(f"{BASE}/<str:pk>/review", views.Review.as_view(), name="api_baseline_review"),
    path(f"{BASE}/<str:pk>/publish", views.Publish.as_view(), name="api_baseline_publish"),
    path(f"{BASE}/<str:pk>/rollback", views.Rollback.as_view(), name="api_baseline_rollback"),
    path(f"{BASE}/<str:pk>/resubmit", views.Resubmit.as_view(), name="api_baseline_resubmit"),
]
