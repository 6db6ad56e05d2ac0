from django.contrib import admin

from evidence.models import FrozenEvidence, NotebookEntry, NotebookRevision, StoredFile
from ledger.admin import ReadOnlyAdmin


@admin.register(StoredFile)
class StoredFileAdmin(ReadOnlyAdmin):
    list_display = ["filename", "file_type", "file_size", "sha256", "uploaded_by_name", "created_at"]
    search_fields = ["filename", "sha256"]
    list_select_related = False


@admin.register(NotebookEntry)
class NotebookEntryAdmin(ReadOnlyAdmin):
    list_display = ["title", "execution", "revision", "created_by", "updated_at"]
    list_select_related = ["execution", "created_by"]
    search_fields = ["title"]


@admin.register(NotebookRevision)
class NotebookRevisionAdmin(ReadOnlyAdmin):
    list_display = ["title", "number", "edited_by_name", "created_at", "sha256"]
    search_fields = ["title", "sha256"]


@admin.register(FrozenEvidence)
class FrozenEvidenceAdmin(ReadOnlyAdmin):
    list_display = ["label", "evidence_type", "execution", "sha256", "size", "created_at"]
    list_select_related = ["execution"]
    list_filter = ["evidence_type"]
    search_fields = ["label", "sha256"]
