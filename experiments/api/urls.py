from django.urls import path

from experiments.api import console, stock

SESSION = "experiment-console/sessions/<str:execution_id>"

urlpatterns = [
    path("protocols/templates", stock.Protocols.as_view()),
    path("protocols/templates/<str:pk>", stock.OneProtocol.as_view()),
    path("inventory/items", stock.InventoryItems.as_view()),
    path("inventory/items/<str:pk>", stock.OneInventoryItem.as_view()),
    path("schedule/resources", stock.Resources.as_view()),
    path("schedule/bookings", stock.Bookings.as_view()),
    path("equipment/devices", stock.Devices.as_view()),
    path("equipment/devices/<str:pk>", stock.OneDevice.as_view()),
    path("experiment-console/sessions", console.Sessions.as_view()),
    path(SESSION, console.OneSession.as_view()),
    path(f"{SESSION}/steps/<int:index>", console.Step.as_view()),
    path(f"{SESSION}/steps/<int:index>/advance", console.Advance.as_view()),
    path(f"{SESSION}/steps/<int:index>/remediate", console.Remediate.as_view()),
    path(f"{SESSION}/timeline", console.Timeline.as_view()),
    path(f"{SESSION}/events", console.Events.as_view()),
]
