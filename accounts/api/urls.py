from django.urls import path

from accounts.api import absences, directory, views, webhooks

urlpatterns = [
    path("auth/login", views.Login.as_view(), name="api_login"),
    path("auth/logout", views.Logout.as_view(), name="api_logout"),
    path("auth/logoutall", views.LogoutAll.as_view(), name="api_logout_all"),
    path("users/me", views.Me.as_view(), name="api_me"),
    path("users/me/password", views.MyPassword.as_view(), name="api_my_password"),
    path("users", directory.Users.as_view(), name="api_users"),
    path("users/<str:pk>", directory.OneUser.as_view(), name="api_user"),
    path("teams", directory.Teams.as_view(), name="api_teams"),
    path("teams/<str:team_id>/members", directory.Members.as_view(), name="api_team_members"),
    path("teams/<str:team_id>/members/<str:user_id>", directory.OneMember.as_view(), name="api_team_member"),
    path("role-grants", directory.RoleGrants.as_view(), name="api_role_grants"),
    path("role-grants/<str:pk>", directory.OneRoleGrant.as_view(), name="api_role_grant"),
    path("absences", absences.Absences.as_view(), name="api_absences"),
    path("absences/<str:pk>", absences.OneAbsence.as_view(), name="api_absence"),
    path("webhooks", webhooks.Webhooks.as_view(), name="api_webhooks"),
    path("webhooks/<str:pk>", webhooks.OneWebhook.as_view(), name="api_webhook"),
    path("webhooks/<str:pk>/secret", webhooks.WebhookSecret.as_view(), name="api_webhook_secret"),
    path("webhooks/<str:pk>/test", webhooks.WebhookTest.as_view(), name="api_webhook_test"),
    path("webhooks/<str:pk>/deliveries", webhooks.WebhookDeliveries.as_view(), name="api_webhook_deliveries"),
    path(
        "webhooks/<str:pk>/deliveries/<str:delivery_id>/retry",
        webhooks.WebhookRetry.as_view(),
        name="api_webhook_retry",
    ),
]
