"""The base of admins that change rows through the verbs in `transitions`."""

from ledger.admin import PortalAdmin
from ledger.errors import Refusal
from portal.problems import show_refusal


class VerbAdmin(PortalAdmin):
    """Shows a refusal of the verb on the form, beside what was typed; nothing of ours is deleted here."""

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        given = request, object_id, form_url, extra_context
        try:
            return self.form_page(*given)
        except Refusal as refusal:
            request.refusal = refusal
        return self.form_page(*given)

    def form_page(self, *given):
        return super().changeform_view(*given)

    def get_form(self, request, obj=None, change=False, **kwargs):
        form = super().get_form(request, obj, change=change, **kwargs)
        refusal = getattr(request, "refusal", None)
        return refused(form, refusal) if refusal else form

    def has_delete_permission(self, request, obj=None):
        return False


def refused(form, refusal):
    """The class of a form that is never valid: it says why the verb refused what was sent."""

    class Refused(form):
        def clean(self):
            given = super().clean()
            show_refusal(self, refusal)
            return given

    return Refused
