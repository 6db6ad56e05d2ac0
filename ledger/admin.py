from django.contrib import admin


class ReadOnlyAdmin(admin.ModelAdmin):
    """Records are looked at, never edited: no add, change, delete or bulk action."""

    actions = None
    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def has_delete_permission(self, request, obj=None):
        return False
