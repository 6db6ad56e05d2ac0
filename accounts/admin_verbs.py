"""The base of admins that change rows through the verbs in `transitions`."""

from django.contrib import admin, messages
from django.shortcuts import redirect

from ledger.errors import Refusal


class VerbAdmin(admin.ModelAdmin):
    """Shows a refusal of the verb on the form's page; nothing of ours is deleted here."""

    list_per_page = 50
    show_full_result_count = False

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            self.message_user(request, refusal.sentence, messages.ERROR)
            return redirect(request.get_full_path())

    def has_delete_permission(self, request, obj=None):
        return False
