"""Approval ladders in Django's admin: drafts are edited as rows; every change goes through the transitions."""

import re
from functools import partial

from django.contrib import admin, messages
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Exists, OuterRef, Q
from django.http import HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect
from django.urls import path, reverse

from governance.admin_fields import SearchOrType, ladder_named, person_at, protocol_named, team_named
from governance.admin_forms import AssignmentForm, StageForm, StageFormSet, TemplateForm
from governance.admin_records import TemplateAuditLogAdmin  # noqa: F401  registered there, with the other records
from governance.admin_verbs import ARCHIVE, NEW_VERSION, OF_ONE_VERSION, PUBLISH, REVOKE, ConfirmedVerbs
from governance.blueprint import MAX_STAGES
from governance.enums import TEMPLATE_MOVES, TemplateStatus
from governance.models import TemplateAssignment, TemplateStage, WorkflowTemplate
from governance.policies import can_manage_ladders
from governance.queries import names_in
from governance.stage_rules import rules_in_words
from governance.transitions import stages_of

VERSION_NAMED = re.compile(r"(.+?)(?:@|\s+v)(\d{1,9})\Z", re.ASCII)


class TypedChoices:
    """Search fields that can be filled in without JavaScript too: `typed` says for each how a typed text is found."""

    typed = {}

    def formfield_for_foreignkey(self, db_field, request, **kwargs):
        if db_field.name in self.typed:
            find, words = self.typed[db_field.name]
            kwargs["widget"] = SearchOrType(db_field, self.admin_site, find=find, words=words)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def formfield_for_dbfield(self, db_field, request, **kwargs):
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name in self.typed and isinstance(field.widget, RelatedFieldWidgetWrapper):
            field.widget = field.widget.widget  # people, teams and protocols have pages of their own
        return field


def may_edit(request, template):
    """Drafts; and what was sent for a version is looked at whatever it became meanwhile: its form says so."""
    open_now = template is None or template.status == TemplateStatus.DRAFT or request.method == "POST"
    return open_now and can_manage_ladders(request.user)


class StageInline(TypedChoices, admin.StackedInline):
    model = TemplateStage
    form = StageForm
    formset = StageFormSet
    max_num = MAX_STAGES
    autocomplete_fields = ["assignee"]
    verbose_name = "stage"
    verbose_name_plural = "stages, in the order in which they sign"
    typed = {"assignee": (person_at, "or an e-mail address")}
    who = ("position", "name", "required_role", "sla_hours", "assignee")
    what = ("stage_step_indexes", "stage_gate_keys")
    rules = ["reminder_hours", "exclude_uploaders", "escalation"]

    def get_fields(self, request, obj=None):
        rules = self.rules if self.has_change_permission(request, obj) else ["further_rules"]
        return [self.who, (*self.what, *rules)]

    def get_readonly_fields(self, request, obj=None):
        return [] if self.has_change_permission(request, obj) else ["further_rules"]

    @admin.display(description="further rules")
    def further_rules(self, stage):
        if not hasattr(self, "_names"):  # an inline lives for one request, and its rows share one query
            self._names = names_in(stages_of(stage.template))
        return "; ".join(rules_in_words(stage.metadata, self._names)) or "none"

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("assignee")

    def get_extra(self, request, obj=None, **kwargs):
        return 1 if obj else 2

    def has_view_permission(self, request, obj=None):
        return can_manage_ladders(request.user)

    def has_change_permission(self, request, obj=None):
        return may_edit(request, obj)

    has_add_permission = has_delete_permission = has_change_permission


@admin.register(WorkflowTemplate)
class WorkflowTemplateAdmin(ConfirmedVerbs):
    form = TemplateForm
    inlines = [StageInline]
    save_on_top = True  # Enter in a field presses the page's first button: it must be Save, not a stage's Move up
    list_display = ["key", "name", "version", "latest", "status", "used_by"]
    list_display_links = ["key", "name"]
    list_filter = ["status", "is_latest"]
    list_select_related = ["family"]
    ordering = ["family__template_key", "-version"]
    search_fields = ["family__template_key", "name"]
    actions = ["publish", "archive", "fork"]
    facts = ["key", "version", "status", "is_latest", "forked_from", "created_by", "created_at", "updated_at",
             "published_by", "published_at", "archived_by", "archived_at"]  # fmt: skip

    class Media:
        css = {"all": ["governance/admin.css"]}

    def get_queryset(self, request):
        newer = WorkflowTemplate.objects.filter(
            family=OuterRef("family"), status=TemplateStatus.PUBLISHED, version__gt=OuterRef("version")
        )
        in_force = Q(family__versions__assignments__revoked_at__isnull=True)
        return (
            super()
            .get_queryset(request)
            .annotate(
                outrun=Exists(newer), assigned=Count("family__versions__assignments", filter=in_force, distinct=True)
            )
        )

    def get_search_results(self, request, queryset, search_term):
        """`biosafety@2` and `Biosafety v2` name a version; an assignment is offered what is published."""
        if request.GET.get("model_name") == "templateassignment":
            queryset = queryset.filter(status=TemplateStatus.PUBLISHED)
        if named := VERSION_NAMED.match(search_term.strip()):
            queryset, search_term = queryset.filter(version=int(named[2])), named[1]
        return super().get_search_results(request, queryset, search_term)

    @admin.display(description="key", ordering="family__template_key")
    def key(self, template):
        return template.family.template_key

    @admin.display(description="latest", ordering="is_latest")
    def latest(self, template):
        return "yes" if template.is_latest else ""  # a cross would look like a fault of the older versions

    @admin.display(description="used by")
    def used_by(self, template):
        """Teams and protocols to which this version applies: assignments follow the newest published version."""
        return template.assigned if template.status == TemplateStatus.PUBLISHED and not template.outrun else 0

    def has_add_permission(self, request):
        return can_manage_ladders(request.user)

    def has_change_permission(self, request, obj=None):
        return may_edit(request, obj)

    def get_fieldsets(self, request, obj=None):
        head = [*TemplateForm.Meta.fields]
        if obj is None:
            return [(None, {"fields": ["template_key", *head]})]
        editable = self.has_change_permission(request, obj)
        if editable:
            head.append("seen")
        return [(None, {"fields": head}), ("Record", {"fields": self.facts, "classes": ["collapse"]})]

    def get_readonly_fields(self, request, obj=None):
        return self.facts if obj else []

    def save_form(self, request, form, change):
        template = super().save_form(request, form, change)
        template.carry_out = partial(form.carry_out, by=request.user)  # the rows, checked last, call it
        return template

    def save_model(self, request, obj, form, change):
        if not change:
            obj.pk = obj.done.pk
            obj.refresh_from_db()

    def save_related(self, request, form, formsets, change):
        """Nothing: head and stages were written by one verb."""

    def construct_change_message(self, request, form, formsets, add=False):
        return super().construct_change_message(request, form, None, add)

    def response_change(self, request, obj):
        if "_move" in request.POST:
            self.message_user(request, "Moved and saved.", messages.SUCCESS)
            return HttpResponseRedirect(f"{request.path}#stages-group")
        return super().response_change(request, obj)

    def render_change_form(self, request, context, add=False, change=False, form_url="", obj=None):
        context["verbs"] = [
            (verb.label, reverse(f"admin:governance_workflowtemplate_{verb.slug}", args=[obj.pk]))
            for verb in OF_ONE_VERSION
            if change and self._offered(verb, obj)
        ]
        return super().render_change_form(request, context, add, change, form_url, obj)

    def _offered(self, verb, template):
        moves = {PUBLISH: TemplateStatus.PUBLISHED, ARCHIVE: TemplateStatus.ARCHIVED}
        return verb not in moves or moves[verb] in TEMPLATE_MOVES[template.status]

    def get_urls(self):
        view = self.admin_site.admin_view(self.verb_view)
        own = [
            path(f"<uuid:pk>/{verb.slug}/", view, {"verb": verb}, name=f"governance_workflowtemplate_{verb.slug}")
            for verb in OF_ONE_VERSION
        ]
        return [*own, *super().get_urls()]

    def verb_view(self, request, pk, verb):
        """The confirmation page of one version, reached by the buttons on its page."""
        if not can_manage_ladders(request.user):
            raise PermissionDenied
        template = get_object_or_404(WorkflowTemplate, pk=pk)
        page = reverse("admin:governance_workflowtemplate_change", args=[pk])
        if request.method != "POST":
            return self._ask(request, [template], verb, back=page)
        return self._carry_out(request, [template], verb) or redirect(page)

    @admin.action(description="Publish the selected drafts")
    def publish(self, request, queryset):
        return self.confirm_selected(request, queryset, PUBLISH)

    @admin.action(description="Archive the selected versions")
    def archive(self, request, queryset):
        return self.confirm_selected(request, queryset, ARCHIVE)

    @admin.action(description="New version of the selected one")
    def fork(self, request, queryset):
        return self.confirm_selected(request, queryset, NEW_VERSION)


@admin.register(TemplateAssignment)
class TemplateAssignmentAdmin(TypedChoices, ConfirmedVerbs):
    form = AssignmentForm
    list_display = ["template", "team", "protocol", "assigned_by", "assigned_at", "revoked_by", "revoked_at"]
    list_filter = [("revoked_at", admin.EmptyFieldListFilter)]
    list_select_related = ["template__family", "team", "protocol", "assigned_by", "revoked_by"]
    search_fields = ["template__family__template_key", "template__name", "team__name", "protocol__name"]
    autocomplete_fields = ["template", "team", "protocol"]
    typed = {
        "template": (ladder_named, "or a key, for example biosafety@2"),
        "team": (team_named, "or a team's name"),
        "protocol": (protocol_named, "or a protocol's name"),
    }
    actions = ["revoke"]

    def has_add_permission(self, request):
        return can_manage_ladders(request.user)

    def has_change_permission(self, request, obj=None):
        return False

    def get_fields(self, request, obj=None):
        return self.list_display if obj else AssignmentForm.Meta.fields

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        return type(form.__name__, (form,), {"by": request.user})

    def save_model(self, request, obj, form, change):
        """Nothing: the form's verb has written."""

    @admin.action(description="Revoke the selected assignments")
    def revoke(self, request, queryset):
        return self.confirm_selected(request, queryset, REVOKE)
