from django.urls import path

from governance import views

urlpatterns = [
    path("governance/ladders/", views.ladder_list, name="ladder_list"),
    path("governance/ladders/<slug:key>/", views.ladder, name="ladder"),
]
