from django.urls import path

from portal import views

urlpatterns = [path("gallery/", views.gallery, name="gallery")]
