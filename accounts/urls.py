from django.urls import path

from accounts import absence_views, notification_views, second_factor_views, views

urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-in/code/", second_factor_views.sign_in_code, name="sign_in_code"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("account/", views.account, name="account"),
    path("account/password/", views.password_change, name="password_change"),
    path("account/second-factor/", second_factor_views.page, name="second_factor"),
    path("account/second-factor/start/", second_factor_views.start, name="second_factor_start"),
    path("account/second-factor/confirm/", second_factor_views.confirm, name="second_factor_confirm"),
    path("account/second-factor/recovery-codes/", second_factor_views.recovery_codes, name="second_factor_codes"),
    path("account/second-factor/remove/", second_factor_views.remove, name="second_factor_remove"),
    path("account/tokens/", views.token_create, name="token_create"),
    path("account/tokens/revoke-all/", views.tokens_revoke_all, name="tokens_revoke_all"),
    path("account/tokens/<slug:token_key>/revoke/", views.token_revoke, name="token_revoke"),
    path("account/notifications/", views.notifications, name="notifications"),
    path("account/notifications/choices/", notification_views.notification_choices, name="notification_choices"),
    path("account/notifications/read/", views.notifications_read, name="notifications_read"),
    path("account/notifications/<uuid:pk>/read/", views.notifications_read, name="notification_read"),
    path("account/absences/", absence_views.absences, name="absences"),
    path("account/absences/stand-ins/", absence_views.absence_stand_ins, name="absence_stand_ins"),
    path("account/absences/<uuid:pk>/cancel/", absence_views.absence_cancel, name="absence_cancel"),
    path("people/", views.user_search, name="user_search"),
]
