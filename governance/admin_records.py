"""What ladders leave behind, in Django's admin: families, snapshots and the audit log, to be looked at only."""

from django.contrib import admin
from django.utils.html import format_html, format_html_join

from governance.admin_verbs import LadderAccess
from governance.audit_words import told
from governance.models import TemplateAuditLog, TemplateFamily, TemplateSnapshot
from governance.queries import names_in
from governance.stage_words import stage_in_words
from ledger.admin import ReadOnlyAdmin


@admin.register(TemplateFamily)
class TemplateFamilyAdmin(LadderAccess, ReadOnlyAdmin):
    list_display = ["template_key", "version_count", "audit_count", "created_at"]
    search_fields = ["template_key"]


@admin.register(TemplateSnapshot)
class TemplateSnapshotAdmin(LadderAccess, ReadOnlyAdmin):
    list_display = ["template", "captured_by_name", "captured_at", "digest"]
    list_select_related = ["template"]
    search_fields = ["template__family__template_key", "digest"]
    fields = readonly_fields = [
        "template",
        "stages",
        "captured_by",
        "captured_by_name",
        "captured_at",
        "digest",
        "body",
    ]

    @admin.display(description="stages")
    def stages(self, snapshot):
        members = snapshot.members
        stages, default = members["stages"], members["default_stage_sla_hours"]
        names = names_in(stages)
        told = ((stage_in_words(stage, default, names),) for stage in stages)
        return format_html("<ol>{}</ol>", format_html_join("", "<li>{}</li>", told))


@admin.register(TemplateAuditLog)
class TemplateAuditLogAdmin(LadderAccess, ReadOnlyAdmin):
    list_display = ["created_at", "family", "sequence", "action", "actor_name", "template"]
    list_select_related = ["family", "template"]
    list_filter = ["action"]
    search_fields = ["family__template_key", "actor_name"]
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-sequence"]
    fields = readonly_fields = [
        "told", "family", "template", "sequence", "action", "actor", "actor_name", "created_at", "body",
        "previous_hash", "hash",
    ]  # fmt: skip

    @admin.display(description="what happened")
    def told(self, entry):
        ((_, words),) = told([entry])
        return words
