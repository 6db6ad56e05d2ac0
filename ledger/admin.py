"""The bases of every admin: lists that answer any address, and records that are only looked at."""

from contextlib import suppress

from django.contrib import admin, messages
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import FieldError, ValidationError
from django.db import DataError
from django.db.models.constants import LOOKUP_SEP
from django.shortcuts import redirect

# What the links of filters and of the date hierarchy end in. Ranges and regular expressions are nobody's to ask for.
OFFERED = {"exact", "isnull", "isempty", "gte", "lt", "year", "month", "day"}
SEARCHED = 200  # characters: every word is one more condition, and databases refuse deep ones
ODD_ADDRESSES = (
    IncorrectLookupParameters, DisallowedModelAdminLookup, DisallowedModelAdminToField,
    ValidationError, FieldError, DataError, ValueError, OverflowError,
)  # fmt: skip


class NotUnderstood(Exception):
    """The address asks a list for what it does not have."""


class PortalAdmin(admin.ModelAdmin):
    """An address that a list does not understand leads to the plain list, which says so."""

    list_per_page = 50
    show_full_result_count = False

    def changelist_view(self, request, extra_context=None):
        try:
            return super().changelist_view(request, extra_context)
        except NotUnderstood:
            sentence = "The address asked for something this list does not have. Here are all rows."
            self.message_user(request, sentence, messages.WARNING)
            return redirect(request.path)

    def get_changelist_instance(self, request):
        try:
            return super().get_changelist_instance(request)
        except ODD_ADDRESSES as error:
            if not request.GET:
                raise
            raise NotUnderstood from error

    def lookup_allowed(self, lookup, value, request):
        _, separator, last = lookup.rpartition(LOOKUP_SEP)
        return (not separator or last in OFFERED) and super().lookup_allowed(lookup, value, request)

    def get_search_results(self, request, queryset, search_term):
        return super().get_search_results(request, queryset, search_term[:SEARCHED])

    def get_changeform_initial_data(self, request):
        """What the address of an add page fills in; what does not fit a field is left out."""
        given, initial = super().get_changeform_initial_data(request), {}
        for field in self.opts.fields:
            with suppress(ValidationError, ValueError):
                if field.name in given:
                    initial[field.name] = field.to_python(given[field.name])
        return initial

    def response_action(self, request, queryset):
        try:
            queryset.filter(pk__in=request.POST.getlist(ACTION_CHECKBOX_NAME))
        except (ValidationError, ValueError):
            self.message_user(request, "One of the selected rows does not exist. Nothing was changed.", messages.ERROR)
            return redirect(request.path)
        return super().response_action(request, queryset)


class ReadOnlyAdmin(PortalAdmin):
    """Records are looked at, never edited: no add, change, delete or bulk action."""

    actions = None

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
