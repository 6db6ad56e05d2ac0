"""The verbs of ladders in Django's admin: each asks on a page of its own and goes through its transition."""

from dataclasses import dataclass

from django.contrib import messages
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from accounts.admin import VerbAdmin
from governance.assignment_transitions import revoke_assignment
from governance.consequences import of_archiving, of_publishing
from governance.enums import TemplateStatus
from governance.policies import can_manage_ladders
from governance.queries import warnings_of
from governance.transitions import archive_template, create_template, publish_template
from ledger.errors import Refusal, TransitionDenied

MOST_AT_ONCE = 100


def publish(template, *, by):
    """Publish a draft; who comes second reads who was first."""
    was = template.status
    snapshot = publish_template(template, by=by)
    if was == TemplateStatus.PUBLISHED or snapshot.captured_by_id != by.pk:
        raise TransitionDenied(f"{template} was published already, by {snapshot.captured_by_name}.")
    return snapshot


def stages_nobody_signs(snapshot):
    return warnings_of(snapshot.members["stages"])


def new_version(template, *, by):
    """The next version of a ladder, as a draft with the head and the stages of this one."""
    return create_template(
        by=by,
        name=template.name,
        description=template.description,
        default_stage_sla_hours=template.default_stage_sla_hours,
        permitted_roles=template.permitted_roles,
        forked_from_id=template.pk,
    )


@dataclass(frozen=True)
class Verb:
    """What a confirmation page asks. `one`: not for several rows at once.

    `foretell`: what these rows would lead to, in sentences; `warn`: sentences about the outcome.
    """

    slug: str
    label: str
    consequence: str
    done: str
    carry_out: callable
    one: bool = False
    foretell: callable = None
    warn: callable = None


PUBLISH = Verb(
    "publish", "Publish",
    "A published version is frozen for good; exports that follow its ladder use it from then on.",
    "Published", publish, foretell=of_publishing, warn=stages_nobody_signs,
)  # fmt: skip
ARCHIVE = Verb(
    "archive", "Archive",
    "An archived version cannot be assigned or published again. Exports that started with it keep it.",
    "Archived", archive_template, foretell=of_archiving,
)  # fmt: skip
NEW_VERSION = Verb(
    "new-version", "New version",
    "A draft of the next version is made, with the same stages. This version stays as it is.",
    "Made a new version from", new_version, one=True,
)  # fmt: skip
OF_ONE_VERSION = (PUBLISH, ARCHIVE, NEW_VERSION)
REVOKE = Verb(
    "revoke", "Revoke", "Exports asked for after this need not use the ladder. The assignment stays on record.",
    "Revoked", revoke_assignment,
)  # fmt: skip


class LadderAccess:
    """One rule for every page: who manages ladders (`governance.policies`) sees them."""

    def has_module_permission(self, request):
        return can_manage_ladders(request.user)

    def has_view_permission(self, request, obj=None):
        return can_manage_ladders(request.user)


class ConfirmedVerbs(LadderAccess, VerbAdmin):
    def confirm_selected(self, request, queryset, verb):
        """The action's first POST shows the page, the one with `confirm` carries out."""
        rows = list(queryset[: MOST_AT_ONCE + 1])
        if len(rows) > (1 if verb.one else MOST_AT_ONCE):
            most = "one at a time" if verb.one else f"{MOST_AT_ONCE} at a time"
            self.message_user(request, f"{verb.label}: {most}, please.", messages.ERROR)
            return None
        if "confirm" in request.POST:
            return self._carry_out(request, rows, verb)
        return self._ask(request, rows, verb, action=request.POST["action"], back=request.get_full_path())

    def _ask(self, request, rows, verb, *, action="", back):
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{verb.label}: are you sure?",
            "consequence": verb.consequence,
            "yes": f"Yes, {verb.label.lower()}",
            "rows": rows,
            "foretold": verb.foretell(rows) if verb.foretell else (),
            "action": action,
            "back": back,
        }
        return TemplateResponse(request, "admin/confirm.html", context)

    def _carry_out(self, request, rows, verb):
        result = None
        for row in rows:
            try:
                result = verb.carry_out(row, by=request.user)
            except Refusal as refusal:
                self.message_user(request, refusal.sentence, messages.ERROR)
            else:
                self.log_change(request, row, f"{verb.done} {row}.")
                self.message_user(request, f"{verb.done} {row}.", messages.SUCCESS)
                for sentence in verb.warn(result) if verb.warn else ():
                    self.message_user(request, sentence, messages.WARNING)
        if verb.one and result:
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", result.pk)
        return None
