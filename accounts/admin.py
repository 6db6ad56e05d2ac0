"""People, teams and role grants in Django's admin; every change goes through the verbs in `transitions`."""

import allauth.account.admin  # (register first, so that this can take them back)
import allauth.mfa.admin  # noqa: F401
import knox.admin  # noqa: F401
from allauth.account.models import EmailAddress, EmailConfirmation
from allauth.mfa.models import Authenticator
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from knox.models import AuthToken

from accounts import transitions
from accounts.absence_forms import AbsenceAdminForm
from accounts.absences import stand_in_warning, state_of
from accounts.addresses import safe_next
from accounts.admin_forms import GrantForm, PersonForm, TeamForm
from accounts.admin_second_factor import SecondFactorRemoval
from accounts.admin_verbs import VerbAdmin
from accounts.models import (
    Absence,
    AccountEvent,
    ApiToken,
    Membership,
    RoleGrant,
    Team,
    User,
    WebhookDelivery,
    WebhookEndpoint,
)
from accounts.transitions_absence import cancel_absence, set_absence
from accounts.webhook_admin import WebhookAdmin, WebhookDeliveryAdmin
from ledger.admin import ReadOnlyAdmin

# Tokens and second factors are their person's; rights come from roles, not from groups; addresses stand on the user.
for model in (AuthToken, ApiToken, Authenticator, Group, EmailAddress, EmailConfirmation):
    if admin.site.is_registered(model):
        admin.site.unregister(model)


def sign_in_first(request, extra_context=None):
    """The admin's sign-in is the portal's, so that wrong passwords count there."""
    if request.user.is_authenticated:
        raise PermissionDenied("Only administrators may enter here.")
    return redirect_to_login(safe_next(request.GET.get("next", reverse("admin:index"))), reverse("sign_in"))


def change_own_password(request, extra_context=None):
    return redirect("password_change")


admin.site.login = sign_in_first
admin.site.password_change = change_own_password


@admin.register(User)
class PersonAdmin(SecondFactorRemoval, VerbAdmin):
    form = PersonForm
    list_display = ["full_name", "email", "is_active", "is_admin", "last_login"]
    list_filter = ["is_active", "is_admin"]
    search_fields = ["full_name", "email"]
    readonly_fields = ["must_change_password", "last_login", "date_joined"]
    fields = [
        "email",
        "full_name",
        "is_active",
        "is_admin",
        "compliance_administrator",
        "new_password",
        *readonly_fields,
    ]
    actions = ["unlock", "remove_second_factor"]

    def get_queryset(self, request):
        return super().get_queryset(request).people()

    def get_fields(self, request, obj=None):
        """Who may only look sees no fields that have nothing to show."""
        asked = ("compliance_administrator", "new_password")
        return [name for name in self.fields if name not in asked or self.has_change_permission(request, obj)]

    def save_model(self, request, obj, form, change):
        given = {name: form.cleaned_data[name] for name in PersonForm.Meta.fields}
        password = form.cleaned_data["new_password"] or None
        compliance = form.cleaned_data["compliance_administrator"]
        if not change:
            created = transitions.create_user(by=request.user, **given, password=password, must_change_password=True)
            obj.pk = created.pk
            obj.refresh_from_db()
            if compliance:
                transitions.set_compliance_administrator(obj.pk, by=request.user, member=True)
            return
        transitions.change_user(obj.pk, by=request.user, **given)
        transitions.set_compliance_administrator(obj.pk, by=request.user, member=compliance)
        if password:
            transitions.reset_password(obj.pk, by=request.user, new_password=password)

    @admin.action(description="Unlock after wrong passwords or codes", permissions=["change"])
    def unlock(self, request, queryset):
        for user in queryset:
            transitions.unlock(user, by=request.user)
        self.message_user(request, "Unlocked.")


class MembershipInline(admin.TabularInline):
    model = Membership
    extra = 1
    autocomplete_fields = ["user"]
    fields = ["user", "role"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user")


@admin.register(Team)
class TeamAdmin(VerbAdmin):
    form = TeamForm
    inlines = [MembershipInline]
    search_fields = ["name"]

    def save_model(self, request, obj, form, change):
        if change:
            transitions.rename_team(obj.pk, by=request.user, name=obj.name)
        else:
            obj.pk = transitions.create_team(by=request.user, name=obj.name).pk
            obj.refresh_from_db()

    def save_formset(self, request, form, formset, change):
        formset.save(commit=False)
        team = form.instance
        # Newcomers and new owners first: an owner may leave once there is another.
        joining = [*formset.new_objects, *(row for row, _ in formset.changed_objects)]
        for membership in sorted(joining, key=lambda row: row.role != "owner"):
            transitions.add_member(team, membership.user, by=request.user, role=membership.role)
        for membership in formset.deleted_objects:
            transitions.remove_member(team, membership.user_id, by=request.user)


@admin.register(RoleGrant)
class RoleGrantAdmin(VerbAdmin):
    form = GrantForm
    list_display = ["role", "user", "team", "valid_until", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter), "role", "team"]
    list_select_related = ["user", "team"]
    search_fields = ["role", "user__full_name", "user__email"]
    autocomplete_fields = ["user", "team"]
    actions = ["revoke"]

    def has_change_permission(self, request, obj=None):
        # A grant is revoked and granted anew; the list needs the permission for its action.
        return obj is None and super().has_change_permission(request, obj)

    def save_model(self, request, obj, form, change):
        given = {name: form.cleaned_data[name] for name in GrantForm.Meta.fields}
        obj.pk = transitions.grant_role(given.pop("user"), by=request.user, **given).pk
        obj.refresh_from_db()

    @admin.action(description="Revoke now")
    def revoke(self, request, queryset):
        count = 0
        for grant in queryset.in_force(timezone.now()):
            transitions.revoke_role(grant.pk, by=request.user)
            count += 1
        self.message_user(request, f"Revoked: {count}.")


@admin.register(Absence)
class AbsenceAdmin(VerbAdmin):
    """For somebody who cannot enter it: who fell ill. Cancelled and entered anew, never edited."""

    form = AbsenceAdminForm
    list_display = ["user", "starts_at", "ends_at", "stand_in", "role", "team", "state"]
    list_filter = [("cancelled_at", admin.EmptyFieldListFilter), "team"]
    list_select_related = ["user", "stand_in", "team"]
    search_fields = ["user__full_name", "user__email", "stand_in__full_name"]
    autocomplete_fields = ["user", "stand_in", "team"]
    actions = ["cancel"]

    def has_change_permission(self, request, obj=None):
        return obj is None and super().has_change_permission(request, obj)

    @admin.display(description="state")
    def state(self, absence):
        return state_of(absence, timezone.now())

    def save_model(self, request, obj, form, change):
        given = form.cleaned_data
        absence = set_absence(
            given["user"].pk,
            by=request.user,
            starts_at=given["starts_at"],
            ends_at=given["ends_at"],
            stand_in_id=given["stand_in"].pk if given["stand_in"] else None,
            role=given["role"],
            team_id=given["team"].pk if given["team"] else None,
            note=given["note"],
        )
        obj.pk = absence.pk
        obj.refresh_from_db()
        if warning := stand_in_warning(absence):
            self.message_user(request, warning, messages.WARNING)

    @admin.action(description="Cancel, or end now")
    def cancel(self, request, queryset):
        count = 0
        for absence in queryset.filter(cancelled_at__isnull=True, ends_at__gt=timezone.now()):
            cancel_absence(absence.pk, by=request.user)
            count += 1
        self.message_user(request, f"Cancelled: {count}.")


@admin.register(AccountEvent)
class AccountEventAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "action", "actor_name", "about_name", "address"]
    list_filter = ["action"]
    search_fields = ["actor_name", "about_name"]
    date_hierarchy = "created_at"


admin.site.register(WebhookEndpoint, WebhookAdmin)
admin.site.register(WebhookDelivery, WebhookDeliveryAdmin)
