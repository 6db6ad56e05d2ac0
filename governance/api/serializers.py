from rest_framework import serializers

from accounts.api.serializers import UserBriefSerializer
from governance.models import TemplateAssignment, TemplateAuditLog, TemplateSnapshot, WorkflowTemplate
from governance.queries import warnings_of
from governance.transitions import stages_of


class StageInput(serializers.Serializer):
    """One stage; the rules are checked by `governance.validation`, for every path alike."""

    name = serializers.CharField()
    required_role = serializers.CharField()
    sla_hours = serializers.IntegerField(required=False, allow_null=True)
    assignee_id = serializers.UUIDField(required=False, allow_null=True)
    stage_step_indexes = serializers.ListField(child=serializers.IntegerField(), required=False)
    stage_gate_keys = serializers.ListField(child=serializers.CharField(), required=False)
    metadata = serializers.DictField(required=False)


class TemplateInput(serializers.Serializer):
    """Documents the body; values go to the transition as they came, which names every wrong one."""

    template_key = serializers.CharField(required=False)
    name = serializers.CharField()
    description = serializers.CharField(required=False)
    default_stage_sla_hours = serializers.IntegerField(required=False, allow_null=True)
    permitted_roles = serializers.ListField(child=serializers.CharField(), required=False)
    stage_blueprint = StageInput(many=True, required=False)
    forked_from_id = serializers.UUIDField(required=False, allow_null=True)
    publish = serializers.BooleanField(required=False)


class TemplateChange(serializers.Serializer):
    name = serializers.CharField(required=False)
    description = serializers.CharField(required=False)
    default_stage_sla_hours = serializers.IntegerField(required=False, allow_null=True)
    permitted_roles = serializers.ListField(child=serializers.CharField(), required=False)
    stage_blueprint = StageInput(many=True, required=False)


class TemplateSerializer(serializers.ModelSerializer):
    template_key = serializers.CharField(read_only=True)
    stage_blueprint = serializers.SerializerMethodField()
    forked_from_id = serializers.UUIDField(read_only=True, allow_null=True)
    published_snapshot_id = serializers.SerializerMethodField()
    created_by = UserBriefSerializer(read_only=True)
    published_by = UserBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = WorkflowTemplate
        fields = [
            "id",
            "template_key",
            "version",
            "name",
            "description",
            "default_stage_sla_hours",
            "permitted_roles",
            "stage_blueprint",
            "status",
            "is_latest",
            "forked_from_id",
            "published_snapshot_id",
            "published_at",
            "published_by",
            "created_by",
            "created_at",
            "updated_at",
            "archived_at",
        ]
        read_only_fields = fields

    def get_stage_blueprint(self, template) -> list[dict]:
        return stages_of(template)

    def get_published_snapshot_id(self, template) -> str | None:
        snapshot = getattr(template, "snapshot", None)
        return str(snapshot.pk) if snapshot else None


class WrittenTemplateSerializer(TemplateSerializer):
    """The answer to a write: the version, and what does not stand in its way but in that of its exports."""

    warnings = serializers.SerializerMethodField()

    class Meta(TemplateSerializer.Meta):
        fields = [*TemplateSerializer.Meta.fields, "warnings"]
        read_only_fields = fields

    def get_warnings(self, template) -> list[str]:
        return warnings_of(stages_of(template))


class SnapshotSerializer(serializers.ModelSerializer):
    template_id = serializers.UUIDField(read_only=True)
    captured_by = UserBriefSerializer(read_only=True)
    content = serializers.DictField(source="members", read_only=True)

    class Meta:
        model = TemplateSnapshot
        fields = ["id", "template_id", "digest", "content", "captured_by", "captured_at"]
        read_only_fields = fields


class AuditSerializer(serializers.ModelSerializer):
    template_id = serializers.UUIDField(read_only=True, allow_null=True)
    actor = UserBriefSerializer(read_only=True)
    details = serializers.DictField(read_only=True)

    class Meta:
        model = TemplateAuditLog
        fields = ["id", "sequence", "action", "template_id", "actor", "details", "hash", "created_at"]
        read_only_fields = fields


class AssignmentInput(serializers.Serializer):
    team_id = serializers.UUIDField(required=False, allow_null=True)
    protocol_template_id = serializers.UUIDField(required=False, allow_null=True)
    metadata = serializers.DictField(required=False)


class AssignmentSerializer(serializers.ModelSerializer):
    template_id = serializers.UUIDField(read_only=True)
    team_id = serializers.UUIDField(read_only=True, allow_null=True)
    protocol_template_id = serializers.UUIDField(source="protocol_id", read_only=True, allow_null=True)
    assigned_by = UserBriefSerializer(read_only=True)

    class Meta:
        model = TemplateAssignment
        fields = [
            "id",
            "template_id",
            "team_id",
            "protocol_template_id",
            "metadata",
            "assigned_by",
            "assigned_at",
            "revoked_at",
        ]
        read_only_fields = fields
