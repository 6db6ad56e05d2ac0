"""Baselines in Django's admin: looked at, and moved on by the verbs of the portal after a page that asks."""

from dataclasses import dataclass

from django.contrib import admin, messages
from django.template.response import TemplateResponse

from baselines.enums import Decision
from baselines.input import seen_in
from baselines.models import Baseline, BaselineEvent, BaselineEvidence, BaselineLabel, BaselineReviewer
from baselines.queries import targets_of
from baselines.transitions import publish_baseline, review_baseline, roll_back_baseline
from ledger.admin import ReadOnlyAdmin
from ledger.errors import Refusal

MOST_AT_ONCE = 100


@dataclass(frozen=True)
class Verb:
    """What a confirmation page asks; `carry_out(baseline, by=, notes=, target=, seen=)`."""

    label: str
    consequence: str
    done: str
    carry_out: callable
    notes_needed: bool = False
    with_target: bool = False
    into_force: bool = False


def _approve(row, *, by, notes, seen, **_):
    return review_baseline(row.pk, by=by, decision=Decision.APPROVE, notes=notes, seen=seen)


def _reject(row, *, by, notes, seen, **_):
    return review_baseline(row.pk, by=by, decision=Decision.REJECT, notes=notes, seen=seen)


def _publish(row, *, by, notes, **_):
    return publish_baseline(row.pk, by=by, notes=notes)


def _roll_back(row, *, by, notes, target, **_):
    return roll_back_baseline(row.pk, by=by, reason=notes, target_id=target)


APPROVE = Verb(
    "Approve", "An approved baseline can be published by its reviewers and by administrators.", "Approved",
    _approve,
)  # fmt: skip
REJECT = Verb(
    "Reject", "Who submitted it reads your notes and may submit it again with changes.", "Rejected",
    _reject, notes_needed=True,
)  # fmt: skip
PUBLISH = Verb(
    "Publish", "It takes its protocol's next version number and becomes current; the former one stays published.",
    "Published", _publish, into_force=True,
)  # fmt: skip
ROLL_BACK = Verb(
    "Roll back",
    "A version that was rolled back never becomes current again. Without an earlier version in its place its protocol "
    "has no current baseline.",
    "Rolled back",
    _roll_back,
    notes_needed=True,
    with_target=True,
)  # fmt: skip


class AdministratorsOnly:
    def has_module_permission(self, request):
        return request.user.is_active and request.user.is_admin

    def has_view_permission(self, request, obj=None):
        return request.user.is_active and request.user.is_admin


class ReadOnlyInline(AdministratorsOnly, admin.TabularInline):
    extra = 0
    can_delete = False

    def has_add_permission(self, request, obj=None):
        return False

    has_change_permission = has_delete_permission = has_add_permission


class ReviewerInline(ReadOnlyInline):
    model = BaselineReviewer
    verbose_name = "reviewer"
    fields = readonly_fields = ["user", "created_at"]

    def get_queryset(self, request):
        return super().get_queryset(request).select_related("user", "baseline")


class LabelInline(ReadOnlyInline):
    model = BaselineLabel
    verbose_name = "label"
    fields = readonly_fields = ["key", "value"]


class EvidenceInline(ReadOnlyInline):
    model = BaselineEvidence
    fields = readonly_fields = ["round", "position", "kind", "label", "reference_id"]


class EventInline(ReadOnlyInline):
    model = BaselineEvent
    verbose_name_plural = "history"
    fields = readonly_fields = ["sequence", "event_type", "actor_name", "created_at", "notes"]


@admin.register(Baseline)
class BaselineAdmin(AdministratorsOnly, ReadOnlyAdmin):
    list_display = ["name", "protocol", "status", "version_number", "is_current", "submitted_by", "submitted_at"]
    list_filter = ["status", "is_current"]
    list_select_related = ["protocol", "submitted_by"]
    search_fields = ["name", "protocol__name", "execution__title", "submitted_by__full_name"]
    date_hierarchy = "created_at"
    inlines = [ReviewerInline, LabelInline, EvidenceInline, EventInline]
    actions = ["approve", "reject", "publish", "roll_back"]

    @admin.action(description="Approve the selected baselines")
    def approve(self, request, queryset):
        return self._confirmed(request, queryset, APPROVE)

    @admin.action(description="Reject the selected baselines")
    def reject(self, request, queryset):
        return self._confirmed(request, queryset, REJECT)

    @admin.action(description="Publish the selected baselines")
    def publish(self, request, queryset):
        return self._confirmed(request, queryset, PUBLISH)

    @admin.action(description="Roll the selected baselines back")
    def roll_back(self, request, queryset):
        return self._confirmed(request, queryset, ROLL_BACK)

    def _confirmed(self, request, queryset, verb):
        """The action's first POST shows the page, the one with `confirm` carries out; refused, the page comes back."""
        # Of several, the oldest is published first.
        rows = list(queryset.order_by("created_at", "pk")[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            self.message_user(request, f"{verb.label}: {MOST_AT_ONCE} at a time, please.", messages.ERROR)
            return None
        if "confirm" in request.POST:
            if verb.notes_needed and not request.POST.get("notes", "").strip():
                self.message_user(request, f"{verb.label}: say why.", messages.ERROR)
            elif self._carry_out(request, rows, verb):
                return None
        return self._ask(request, rows, verb)

    def _ask(self, request, rows, verb):
        one_current = verb.with_target and len(rows) == 1 and rows[0].is_current
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{verb.label}: are you sure?",
            "verb": verb,
            "rows": rows,
            "targets": targets_of(rows[0]) if one_current else [],
            "action": request.POST["action"],
            "notes": request.POST.get("notes", ""),
            "target": request.POST.get("target", ""),
            "back": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/baselines/confirm.html", context)

    def _carry_out(self, request, rows, verb):
        """Answers how many were done."""
        given = {name: request.POST.get(name, "") for name in ("notes", "target")}
        count = 0
        for row in rows:
            try:
                done = verb.carry_out(row, by=request.user, seen=_seen(request, row), **given)
            except Refusal as refusal:
                self.message_user(request, f"{row}: {refusal.sentence}", messages.ERROR)
            else:
                count += 1
                self.log_change(request, row, f"{verb.done} {done}.")
                self.message_user(request, f"{verb.done} {done}.", messages.SUCCESS)
        return count


def _seen(request, row):
    """How many events of the baseline the page that asked had seen, None where it does not say."""
    return seen_in(request.POST.get(f"seen-{row.pk}", ""))


@admin.register(BaselineEvent)
class BaselineEventAdmin(AdministratorsOnly, ReadOnlyAdmin):
    list_display = ["created_at", "baseline", "sequence", "event_type", "actor_name", "notes"]
    list_filter = ["event_type"]
    list_select_related = ["baseline"]
    search_fields = ["baseline__name", "actor_name", "hash"]
    date_hierarchy = "created_at"
    ordering = ["-created_at", "-sequence"]
