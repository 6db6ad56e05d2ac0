"""Runs and their events are looked at here; what runs need is changed by the same verbs as everywhere."""

from django import forms
from django.contrib import admin

from experiments import transitions_stock as stock
from experiments.models import (
    Booking,
    Equipment,
    Execution,
    ExecutionEvent,
    ExecutionStep,
    GrantedApproval,
    InventoryItem,
    Protocol,
    Resource,
)
from ledger.admin import PortalAdmin, ReadOnlyAdmin
from ledger.errors import Refusal


def admin_form(model, names, create, change=None):
    """A form that carries out the verb when it is checked, so that a refusal is shown at its field."""

    class VerbForm(forms.ModelForm):
        class Meta:
            fields = names

        def clean(self):
            given = super().clean()
            if self.errors:
                return given
            values = {"team_id" if name == "team" else name: given.get(name) for name in names}
            if "team_id" in values:
                values["team_id"] = getattr(values["team_id"], "pk", None)
            try:
                if self.instance._state.adding:
                    self.done = create(by=self.by, **values)
                else:
                    self.done = change(self.instance.pk, by=self.by, **values)
            except Refusal as refusal:
                raise forms.ValidationError(refusal.sentence) from refusal
            return given

        def save(self, commit=True):
            self.instance = self.done
            self.save_m2m = lambda: None
            return self.done

        def _post_clean(self):
            """Nothing: the verb has validated, and writing to the instance here would be a second way."""

    VerbForm.Meta.model = model
    return VerbForm


class VerbAdmin(PortalAdmin):
    """No deletion and no bulk action; `save_model` writes nothing because the form's verb has."""

    actions = None

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"by": request.user})

    def save_model(self, request, obj, form, change):
        pass

    def has_delete_permission(self, request, obj=None):
        return False


@admin.register(Protocol)
class ProtocolAdmin(VerbAdmin):
    names = ["name", "version", "team", "content", "variables"]
    form = admin_form(Protocol, names, stock.create_protocol, stock.change_protocol)
    fields = names
    list_display = ["name", "version", "team", "updated_at"]
    list_select_related = ["team"]
    search_fields = ["name"]


@admin.register(InventoryItem)
class InventoryItemAdmin(VerbAdmin):
    names = ["item_type", "name", "status", "team"]
    form = admin_form(InventoryItem, names, stock.create_item, stock.change_item)
    fields = names
    list_display = ["name", "item_type", "status", "team"]
    list_select_related = ["team"]
    list_filter = ["status"]
    search_fields = ["name", "item_type"]


@admin.register(Equipment)
class EquipmentAdmin(VerbAdmin):
    names = ["name", "team", "calibration_due_at"]
    form = admin_form(Equipment, names, stock.create_equipment, stock.change_equipment)
    fields = names
    list_display = ["name", "team", "calibration_due_at"]
    list_select_related = ["team"]
    search_fields = ["name"]


@admin.register(Resource)
class ResourceAdmin(VerbAdmin):
    form = admin_form(Resource, ["name"], stock.create_resource)
    fields = ["name"]
    search_fields = ["name"]

    def has_change_permission(self, request, obj=None):
        return False


@admin.register(Booking, Execution, ExecutionStep, ExecutionEvent, GrantedApproval)
class RecordAdmin(ReadOnlyAdmin):
    pass
