"""Stages and actions exactly as api.md names them."""

from django.utils import timezone
from rest_framework import serializers

from accounts.api.serializers import UserBriefSerializer
from approvals.models import ApprovalAction, ApprovalStage
from approvals.policies import is_overdue


class ActionSerializer(serializers.ModelSerializer):
    stage_id = serializers.UUIDField()
    signature = serializers.SerializerMethodField()
    actor = UserBriefSerializer()
    delegation_target = UserBriefSerializer(allow_null=True)
    metadata = serializers.DictField()

    class Meta:
        model = ApprovalAction
        fields = (
            "id", "stage_id", "action_type", "signature", "notes", "actor", "delegation_target", "metadata",
            "content_digest", "created_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_signature(self, action) -> str | None:
        """The name signed with; null where nothing was signed."""
        return action.signature_text or None


class StageSerializer(serializers.ModelSerializer):
    """A stage; its `ladder` and `actions` are best loaded beforehand (`approvals.queries.ladder_stages`)."""

    export_id = serializers.SerializerMethodField()
    assignee = UserBriefSerializer(allow_null=True)
    delegated_to = UserBriefSerializer(allow_null=True)
    is_overdue = serializers.SerializerMethodField()
    metadata = serializers.DictField()
    actions = ActionSerializer(many=True)

    class Meta:
        model = ApprovalStage
        fields = (
            "id", "export_id", "sequence_index", "name", "required_role", "status", "sla_hours", "due_at", "started_at",
            "completed_at", "assignee", "delegated_to", "overdue_notified_at", "is_overdue", "notes", "metadata",
            "actions",
        )  # fmt: skip
        read_only_fields = fields

    def get_export_id(self, stage) -> str:
        return stage.ladder.subject["id"]

    def get_is_overdue(self, stage) -> bool:
        return is_overdue(stage, now=self.context.get("now") or timezone.now())
