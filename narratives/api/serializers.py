"""The export's JSON exactly as api.md names it."""

from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api.serializers import UserBriefSerializer
from accounts.second_factor import LONGEST_CODE
from approvals.api.serializers import StageSerializer
from approvals.enums import LadderStatus, Meaning
from approvals.transitions import APPROVING
from evidence.kinds import MOST_ATTACHMENTS
from governance.blueprint import MAX_STAGES
from ledger.canonical import loads
from narratives.enums import PackageStatus
from narratives.models import ExportAttachment, NarrativeExport
from narratives.queries import current_package, current_stage, final_action
from portal.parsing import ShortListField


class AttachmentSerializer(serializers.ModelSerializer):
    evidence_type = serializers.CharField(source="evidence.evidence_type")
    reference_id = serializers.UUIDField(source="evidence.reference_id")
    snapshot = serializers.SerializerMethodField()
    hydration_context = serializers.SerializerMethodField()
    sha256 = serializers.CharField(source="evidence.sha256")
    size = serializers.IntegerField(source="evidence.size")
    file = serializers.SerializerMethodField()

    class Meta:
        model = ExportAttachment
        fields = (
            "id", "evidence_type", "reference_id", "label", "snapshot", "hydration_context", "sha256", "size", "file",
            "created_at",
        )  # fmt: skip

    def get_snapshot(self, attachment) -> dict:
        return attachment.evidence.snapshot

    def get_hydration_context(self, attachment) -> dict:
        return loads(attachment.context_text)

    def get_file(self, attachment) -> dict | None:
        evidence = attachment.evidence
        if evidence.file_id is None:
            return None
        return {"id": str(evidence.file_id), "filename": evidence.filename, "file_type": evidence.media_type}


class ExportSerializer(serializers.ModelSerializer):
    """One export; with `context["summary"]` without `content` and without the stages' actions."""

    approval_status = serializers.CharField(source="ladder.status")
    approval_signature = serializers.SerializerMethodField()
    approved_at = serializers.SerializerMethodField()
    approved_by = serializers.SerializerMethodField()
    approval_completed_at = serializers.DateTimeField(source="ladder.closed_at")
    approval_stage_count = serializers.SerializerMethodField()
    approval_stages = serializers.SerializerMethodField()
    current_stage = serializers.SerializerMethodField()
    current_stage_started_at = serializers.SerializerMethodField()
    workflow_template_id = serializers.UUIDField(allow_null=True)
    workflow_template_snapshot_id = serializers.UUIDField(source="template_snapshot_id", allow_null=True)
    workflow_template_key = serializers.SerializerMethodField()
    workflow_template_version = serializers.SerializerMethodField()
    workflow_template_snapshot = serializers.SerializerMethodField()
    template_drift = serializers.SerializerMethodField()
    requested_by = UserBriefSerializer()
    attachments = AttachmentSerializer(many=True)
    artifact_status = serializers.SerializerMethodField()
    artifact_checksum = serializers.SerializerMethodField()
    artifact_manifest_digest = serializers.SerializerMethodField()
    artifact_error = serializers.SerializerMethodField()
    artifact_file = serializers.SerializerMethodField()
    artifact_download_path = serializers.SerializerMethodField()
    artifact_signed_url = serializers.SerializerMethodField(method_name="get_nothing")
    packaging_attempts = serializers.SerializerMethodField()
    packaged_at = serializers.SerializerMethodField()

    class Meta:
        model = NarrativeExport
        fields = (
            "id", "execution_id", "version", "format", "generated_at", "event_count", "content", "content_digest",
            "approval_status", "approval_signature", "approved_at", "approved_by", "approval_completed_at",
            "approval_stage_count", "approval_stages", "current_stage", "current_stage_started_at",
            "workflow_template_id", "workflow_template_snapshot_id", "workflow_template_key",
            "workflow_template_version", "workflow_template_snapshot", "template_drift", "requested_by", "notes",
            "metadata", "attachments", "artifact_status", "artifact_checksum", "artifact_manifest_digest",
            "artifact_error", "artifact_file", "artifact_download_path", "artifact_signed_url", "packaging_attempts",
            "packaged_at", "retired_at", "retention_expires_at", "legal_hold", "created_at", "updated_at",
        )  # fmt: skip

    def get_fields(self):
        fields = super().get_fields()
        if self.context.get("summary"):
            del fields["content"]
        return fields

    def to_representation(self, export):
        self._stages = list(export.ladder.stages.all())
        for stage in self._stages:
            stage.ladder = export.ladder
        self._final = final_action(export.ladder, self._stages)
        self._package = current_package(export)
        return super().to_representation(export)

    @extend_schema_field({"type": "null"})
    def get_nothing(self, export):
        return None

    def get_workflow_template_key(self, export) -> str | None:
        return export.template_snapshot.template.family.template_key if export.template_snapshot else None

    def get_workflow_template_version(self, export) -> int | None:
        return export.template_snapshot.template.version if export.template_snapshot else None

    @extend_schema_field({"type": ["object", "null"]})
    def get_workflow_template_snapshot(self, export):
        return export.template_snapshot.members if export.template_snapshot else None

    @extend_schema_field({"type": ["object", "null"], "properties": {"version": {"type": "integer"}}})
    def get_template_drift(self, export):
        """`{"version"}` of a newer published version of the ladder, or null."""
        bound = self.get_workflow_template_version(export)
        newest = export.newest_template_version
        return {"version": newest} if bound and newest and newest > bound else None

    def get_approval_signature(self, export) -> str | None:
        return self._final.signature_text if self._final else None

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_approved_at(self, export):
        if export.ladder.status != LadderStatus.APPROVED:
            return None
        return serializers.DateTimeField().to_representation(export.ladder.closed_at)

    @extend_schema_field(UserBriefSerializer(allow_null=True))
    def get_approved_by(self, export):
        return UserBriefSerializer(self._final.actor).data if self._final else None

    def get_approval_stage_count(self, export) -> int:
        return len(self._stages)

    @extend_schema_field(StageSerializer(many=True))
    def get_approval_stages(self, export):
        return [self._stage(stage) for stage in self._stages]

    @extend_schema_field(StageSerializer(allow_null=True))
    def get_current_stage(self, export):
        stage = current_stage(self._stages)
        return self._stage(stage) if stage else None

    def _stage(self, stage):
        if not self.context.get("summary"):
            return StageSerializer(stage, context=self.context).data
        serializer = StageSerializer(stage, context=self.context)
        serializer.fields.pop("actions", None)
        return serializer.data

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_current_stage_started_at(self, export):
        stage = current_stage(self._stages)
        return serializers.DateTimeField().to_representation(stage.started_at) if stage else None

    def get_artifact_status(self, export) -> str | None:
        return self._package.status if self._package else None

    def get_artifact_checksum(self, export) -> str | None:
        return (self._package.checksum or None) if self._package else None

    def get_artifact_manifest_digest(self, export) -> str | None:
        return (self._package.manifest_digest or None) if self._package else None

    def get_artifact_error(self, export) -> str | None:
        return (self._package.error or None) if self._package else None

    def get_artifact_file(self, export) -> str | None:
        return self._package.storage_name.rsplit("/", 1)[-1] or None if self._ready() else None

    def get_artifact_download_path(self, export) -> str | None:
        if not self._ready():
            return None
        return reverse("api-export-artifact", kwargs={"execution_id": export.execution_id, "export_id": export.pk})

    def _ready(self):
        return self._package is not None and self._package.status == PackageStatus.READY

    def get_packaging_attempts(self, export) -> int:
        return self._package.attempts if self._package else 0

    @extend_schema_field({"type": ["string", "null"], "format": "date-time"})
    def get_packaged_at(self, export):
        packaged = self._package.packaged_at if self._package else None
        return serializers.DateTimeField().to_representation(packaged) if packaged else None


class StrictSerializer(serializers.Serializer):
    """Refuses members it does not know: a misspelt one would be lost silently."""

    def to_internal_value(self, data):
        unknown = sorted(set(data) - set(self.fields)) if isinstance(data, dict) else ()
        if unknown:
            raise serializers.ValidationError(
                {str(name)[:60]: ["This is not a member of the request."] for name in unknown[:20]},
                code="unknown_field",
            )
        return super().to_internal_value(data)


class ExportRequestSerializer(StrictSerializer):
    """The body of POST; the verb checks what each member holds."""

    attachments = ShortListField(
        child=serializers.DictField(), max_length=MOST_ATTACHMENTS, required=False, default=list
    )
    notes = serializers.CharField(required=False, allow_blank=True, default="")
    metadata = serializers.DictField(required=False)
    workflow_template_id = serializers.UUIDField(required=False, allow_null=True)
    workflow_template_snapshot_id = serializers.UUIDField(required=False, allow_null=True)
    approval_stages = ShortListField(child=serializers.DictField(), max_length=MAX_STAGES, required=False)


class DecisionSerializer(StrictSerializer):
    """The body of approve. The password is asked again for every signature; an API token alone never signs."""

    status = serializers.ChoiceField(choices=["approved", "rejected"])
    signature = serializers.CharField(max_length=254, required=False, allow_blank=True, default="")
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)
    code = serializers.CharField(
        max_length=LONGEST_CODE,
        required=False,
        allow_blank=True,
        default="",
        write_only=True,
        help_text="Of the authenticator app, or a recovery code; needed where a second factor is enrolled.",
    )
    stage_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    meaning = serializers.ChoiceField(
        choices=APPROVING, default=Meaning.APPROVED, help_text="Of an approving signature (21 CFR 11.50(a)(3))."
    )
    content_digest = serializers.CharField(
        max_length=64,
        required=False,
        allow_blank=True,
        default="",
        help_text="What the signer read; another digest than the record's is 409 `record_changed`.",
    )
    cycle = serializers.IntegerField(
        required=False,
        allow_null=True,
        default=None,
        min_value=1,
        max_value=2**31 - 1,
        help_text="The same, for the cycle.",
    )
    notes = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")
    metadata = serializers.DictField(required=False, allow_null=True, default=None)


class DelegationSerializer(StrictSerializer):
    delegate_id = serializers.UUIDField()
    due_at = serializers.DateTimeField(required=False, allow_null=True, default=None)
    notes = serializers.CharField(max_length=10_000, required=False, allow_blank=True, default="")
    metadata = serializers.DictField(required=False, allow_null=True, default=None)


class ResetSerializer(StrictSerializer):
    notes = serializers.CharField(max_length=10_000)
    metadata = serializers.DictField(required=False, allow_null=True, default=None)


class ClaimSerializer(StrictSerializer):
    take_over = serializers.BooleanField(
        default=True, help_text="False: 409 `claimed` where somebody else claimed the stage."
    )
