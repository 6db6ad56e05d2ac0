from django.urls import path

from approvals import calendar_views

urlpatterns = [
    path("governance/calendars/", calendar_views.calendar_list, name="calendar_list"),
    path("governance/calendars/<uuid:team_id>/", calendar_views.calendar, name="calendar"),
    path("governance/calendars/<uuid:team_id>/change/", calendar_views.calendar_change, name="calendar_change"),
]
