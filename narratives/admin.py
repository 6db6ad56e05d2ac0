from django.contrib import admin

from ledger.admin import ReadOnlyAdmin
from narratives.models import Package


@admin.register(Package)
class PackageAdmin(ReadOnlyAdmin):
    list_display = ("export", "cycle", "status", "attempts", "queued_at", "packaged_at")
    list_filter = ("status",)
    list_select_related = ("export__execution",)
    search_fields = ("export__execution__title", "checksum")
