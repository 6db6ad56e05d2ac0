from django.contrib import admin

from approvals.admin_calendar import WorkingCalendarAdmin  # noqa: F401  registered there
from approvals.models import ApprovalAction, ApprovalLadder, ApprovalStage, Signature
from ledger.admin import ReadOnlyAdmin


@admin.register(ApprovalLadder)
class LadderAdmin(ReadOnlyAdmin):
    list_display = ["title", "name", "status", "cycle", "requested_by", "created_at", "closed_at"]
    list_filter = ["status"]
    list_select_related = ["requested_by"]
    search_fields = ["title", "content_digest"]
    date_hierarchy = "created_at"


@admin.register(ApprovalStage)
class StageAdmin(ReadOnlyAdmin):
    list_display = ["ladder", "sequence_index", "name", "required_role", "status", "assignee", "delegated_to", "due_at"]
    list_filter = ["status", "required_role"]
    list_select_related = ["ladder", "assignee", "delegated_to"]
    search_fields = ["ladder__title", "name"]


@admin.register(ApprovalAction)
class ActionAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "stage", "action_type", "actor_name", "cycle"]
    list_filter = ["action_type"]
    list_select_related = ["stage"]
    search_fields = ["actor_name", "content_digest"]
    date_hierarchy = "created_at"


@admin.register(Signature)
class SignatureAdmin(ReadOnlyAdmin):
    list_display = ["created_at", "ladder", "sequence", "signer_name", "meaning", "digest"]
    list_filter = ["meaning"]
    list_select_related = ["ladder"]
    search_fields = ["signer_name", "digest", "ladder__title"]
    date_hierarchy = "created_at"
