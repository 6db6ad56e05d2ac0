from django.urls import path

from experiments import protocol_views, stock_views, views

urlpatterns = [
    path("executions/", views.execution_list, name="execution_list"),
    path("executions/new/", views.execution_new, name="execution_new"),
    path("executions/<uuid:pk>/", views.execution, name="execution"),
    path("executions/<uuid:pk>/timeline/", views.execution_timeline, name="execution_timeline"),
    path("executions/<uuid:pk>/timeline/notes/", views.note_add, name="note_add"),
    path("executions/<uuid:pk>/steps/<int:index>/", views.step_transition, name="step_transition"),
    path("executions/<uuid:pk>/steps/<int:index>/remediate/", views.step_remediate, name="step_remediate"),
    path("inventory/", stock_views.inventory_list, name="inventory_list"),
    path("inventory/equipment/", stock_views.equipment_list, name="equipment_list"),
    path("inventory/bookings/", stock_views.booking_list, name="booking_list"),
    path("protocols/", protocol_views.protocol_list, name="protocol_list"),
    path("protocols/new/", protocol_views.protocol_new, name="protocol_new"),
    path("protocols/<uuid:pk>/", protocol_views.protocol, name="protocol"),
    path("protocols/<uuid:pk>/edit/", protocol_views.protocol_edit, name="protocol_edit"),
]
