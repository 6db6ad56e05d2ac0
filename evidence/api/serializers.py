from rest_framework import serializers

from accounts.api.serializers import StrictSerializer, UserBriefSerializer
from evidence.enums import EvidenceType
from evidence.models import NotebookEntry, NotebookRevision, StoredFile
from evidence.transitions import LONGEST_CONTENT


class StoredFileSerializer(serializers.ModelSerializer):
    uploaded_by = UserBriefSerializer(read_only=True)
    execution_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = StoredFile
        fields = ["id", "filename", "file_type", "file_size", "sha256", "uploaded_by", "execution_id", "created_at"]
        read_only_fields = fields


class NotebookEntrySerializer(serializers.ModelSerializer):
    created_by = UserBriefSerializer(read_only=True)
    execution_id = serializers.UUIDField(read_only=True, allow_null=True)

    class Meta:
        model = NotebookEntry
        fields = ["id", "title", "content", "execution_id", "revision", "created_by", "created_at", "updated_at"]
        read_only_fields = fields


class NotebookRevisionSerializer(serializers.ModelSerializer):
    edited_by = UserBriefSerializer(read_only=True)

    class Meta:
        model = NotebookRevision
        fields = ["number", "title", "content", "sha256", "edited_by", "created_at"]
        read_only_fields = fields


class EvidenceItemSerializer(serializers.Serializer):
    """Something of a run that could be attached to an export."""

    id = serializers.UUIDField()
    type = serializers.ChoiceField(EvidenceType.choices)
    label = serializers.CharField()
    snapshot = serializers.DictField()
    context = serializers.DictField()


class EvidencePageSerializer(serializers.Serializer):
    items = EvidenceItemSerializer(many=True)
    next_cursor = serializers.CharField(allow_null=True)


# --- What comes in --------------------------------------------------------------------------------------------------


class EntryInput(StrictSerializer):
    title = serializers.CharField(max_length=200)
    content = serializers.CharField(
        max_length=LONGEST_CONTENT, allow_blank=True, required=False, default="", trim_whitespace=False
    )
    execution_id = serializers.UUIDField(required=False, allow_null=True, default=None)


class EntryChange(StrictSerializer):
    """`revision` is the one the change was made on; when it is not the newest any more, nothing is written (409)."""

    title = serializers.CharField(max_length=200, required=False)
    content = serializers.CharField(max_length=LONGEST_CONTENT, allow_blank=True, required=False, trim_whitespace=False)
    revision = serializers.IntegerField(min_value=1, max_value=2**31 - 1, required=False)


class FileInput(serializers.Serializer):
    upload = serializers.FileField()
    execution_id = serializers.UUIDField(required=False, allow_null=True)
