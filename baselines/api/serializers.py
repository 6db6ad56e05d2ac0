"""The baseline's JSON exactly as api.md names it, and the bodies of its calls."""

from rest_framework import serializers

from baselines.enums import Decision
from baselines.models import Baseline, BaselineEvent, BaselineEvidence, BaselineLabel


class LabelSerializer(serializers.ModelSerializer):
    class Meta:
        model = BaselineLabel
        fields = ("key", "value")


class BaselineEvidenceSerializer(serializers.ModelSerializer):
    snapshot = serializers.DictField()

    class Meta:
        model = BaselineEvidence
        fields = ("id", "kind", "reference_id", "label", "snapshot")


class BaselineEventSerializer(serializers.ModelSerializer):
    actor_id = serializers.UUIDField()
    actor = serializers.CharField(source="actor_name")
    notes = serializers.CharField()
    details = serializers.DictField()

    class Meta:
        model = BaselineEvent
        fields = ("id", "event_type", "sequence", "actor_id", "actor", "notes", "details", "hash", "created_at")


class BaselineSerializer(serializers.ModelSerializer):
    """From `queries.with_details`."""

    execution_id = serializers.UUIDField()
    template_id = serializers.UUIDField(source="protocol_id")
    team_id = serializers.UUIDField(allow_null=True)
    labels = LabelSerializer(many=True)
    reviewer_ids = serializers.SerializerMethodField()
    submitted_by_id = serializers.UUIDField()
    reviewed_by_id = serializers.UUIDField(allow_null=True)
    published_by_id = serializers.UUIDField(allow_null=True)
    rollback_of_id = serializers.UUIDField(
        allow_null=True, help_text="Of a version that was rolled back: the version that became current again."
    )
    rolled_back_by_id = serializers.UUIDField(allow_null=True)
    evidence = BaselineEvidenceSerializer(many=True)
    events = BaselineEventSerializer(many=True)

    class Meta:
        model = Baseline
        fields = (
            "id", "execution_id", "template_id", "team_id", "name", "description", "status", "labels", "reviewer_ids",
            "version_number", "is_current", "submitted_by_id", "submitted_at", "reviewed_by_id", "reviewed_at",
            "review_notes", "published_by_id", "published_at", "publish_notes", "rollback_of_id", "rolled_back_by_id",
            "rolled_back_at", "rollback_notes", "evidence", "events", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_reviewer_ids(self, baseline) -> list[str]:
        return sorted(str(person.pk) for person in baseline.reviewers.all())


class LabelInput(serializers.Serializer):
    key = serializers.CharField()
    value = serializers.CharField(required=False, allow_blank=True)


class SubmissionInput(serializers.Serializer):
    """Documents the body, as those below do; values go to the transition as they came, which names every wrong one."""

    execution_id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField(required=False, help_text="Markdown.")
    reviewer_ids = serializers.ListField(child=serializers.UUIDField(), required=False)
    labels = LabelInput(many=True, required=False)
    export_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="The run's exports; left out: the newest 50."
    )
    qc_event_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="The run's `qc.*` events; left out: the newest 50."
    )


class ReviewInput(serializers.Serializer):
    decision = serializers.ChoiceField(choices=Decision.choices)
    notes = serializers.CharField(required=False, help_text="Needed for a rejection.")
    seen = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="The `sequence` of the newest event that was read; 409 `stale` when the baseline changed since.",
    )


class PublishInput(serializers.Serializer):
    notes = serializers.CharField(required=False)


class RollbackInput(serializers.Serializer):
    reason = serializers.CharField()
    target_version_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="An earlier published version, which becomes current again."
    )


class ResubmissionInput(serializers.Serializer):
    """What is left out, or null, stays as it is."""

    name = serializers.CharField(required=False)
    description = serializers.CharField(required=False, help_text="Markdown.")
    reviewer_ids = serializers.ListField(child=serializers.UUIDField(), required=False)
    labels = LabelInput(many=True, required=False)
    export_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="The run's exports that are attached from now on."
    )
    qc_event_ids = serializers.ListField(
        child=serializers.UUIDField(), required=False, help_text="The run's `qc.*` events, the same."
    )
    seen = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        help_text="The `sequence` of the newest event that was read; 409 `stale` when the baseline changed since.",
    )
