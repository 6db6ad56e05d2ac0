"""What waits for a person's signature: filtered as the address asks, grouped by due date, in words."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from django.db.models import Count, F, IntegerField, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from accounts.scoping import uuid_or_404
from approvals.absences import with_absence_end
from approvals.enums import ActionType
from approvals.models import ApprovalAction, ApprovalStage
from approvals.presence import who_is_looking
from narratives.models import ExportAttachment
from narratives.together import looking_words
from portal.text import MONTHS, one_line

SIZE = 50
MOST_WORDS = 8
DUE = (("", "Any time"), ("overdue", "Overdue"), ("today", "Due today"), ("later", "Later"))
MINE = (
    ("", "All"),
    ("named", "Named: me"),
    ("group", "Open to my roles"),
    ("claimed", "Claimed by me"),
)
NOBODY_NAMED = Q(assignee__isnull=True, delegated_to__isnull=True)


@dataclass(frozen=True)
class Asked:
    """The filters of the address; what is not one of the choices asks for nothing."""

    q: str = ""
    role: str = ""
    team: str = ""
    due: str = ""
    mine: str = ""

    @classmethod
    def by(cls, params):
        words = {name: one_line(params.get(name, ""), 200) for name in ("q", "role", "team")}
        chosen = {name: params.get(name, "") for name in ("due", "mine")}
        return cls(
            **words,
            due=chosen["due"] if chosen["due"] in dict(DUE) else "",
            mine=chosen["mine"] if chosen["mine"] in dict(MINE) else "",
        )

    def __bool__(self):
        return any(asdict(self).values())


def filtered(stages, asked, user, *, now):
    for word in asked.q.split()[:MOST_WORDS]:
        stages = stages.filter(
            Q(ladder__title__icontains=word)
            | Q(name__icontains=word)
            | Q(ladder__execution__protocol_name__icontains=word)
            | Q(ladder__requested_by__full_name__icontains=word)
        )
    if asked.role:
        stages = stages.filter(required_role=asked.role)
    if asked.team:
        stages = stages.filter(ladder__execution__protocol__team=uuid_or_404(asked.team))
    whose = {"named": ~NOBODY_NAMED, "group": NOBODY_NAMED, "claimed": Q(claimed_by=user)}
    if asked.mine:
        stages = stages.filter(whose[asked.mine])
    return stages.filter(due_parts(now)[asked.due]) if asked.due else stages


def due_parts(now):
    """The three groups as conditions: overdue, due today (UTC), later."""
    midnight = _midnight(now)
    return {
        "overdue": Q(due_at__lt=now),
        "today": Q(due_at__gte=now, due_at__lt=midnight),
        "later": Q(due_at__isnull=True) | Q(due_at__gte=midnight),
    }


def counted(stages, *, now):
    """How many stages there are in each group and in all."""
    parts = {name: Count("pk", filter=part) for name, part in due_parts(now).items()}
    return stages.order_by().aggregate(all=Count("pk"), **parts)


def choices(stages):
    """The roles and teams a filter can ask for, as `(value, words)`: those of what waits."""
    team = "ladder__execution__protocol__team"
    found = set(stages.order_by().values_list("required_role", f"{team}_id", f"{team}__name").distinct())
    teams = {(str(pk), one_line(name)) for _, pk, name in found if pk}
    return {
        "roles": sorted((role, role) for role in {role for role, _, _ in found}),
        "teams": sorted(teams, key=lambda each: each[1]),
    }


def page_number(text, total):
    """The page asked for; beyond the last one, the last one."""
    last = max(1, -(-total // SIZE))
    asked = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return min(max(asked, 1), last), last


def rows(stages, user, *, now, page):
    """One page of stages in the order of their groups, each with its words."""
    first = (page - 1) * SIZE
    found = list(_for_rows(stages, now)[first : first + SIZE])
    looking = who_is_looking([stage.ladder_id for stage in found], now, but=user)
    for stage in found:
        _add_words(stage, user)
        stage.looking = looking_words(looking.get(stage.ladder_id, []), "it now")
    return found


def grouped(stages, counts, *, now):
    """`[(words, css, count, stages)]` of the rows of a page; groups without rows here are left out."""
    midnight = _midnight(now)
    parts = {"overdue": [], "today": [], "later": []}
    for stage in stages:
        late = stage.due_at and stage.due_at < now
        parts["overdue" if late else "today" if stage.due_at and stage.due_at < midnight else "later"].append(stage)
    told = [("Overdue", "bad", "overdue"), ("Due today", "", "today"), ("Later", "", "later")]
    return [(words, css, counts[name], parts[name]) for words, css, name in told if parts[name]]


def _midnight(now):
    return (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def _for_rows(stages, now):
    # Counted by subqueries: joins would multiply the rows that are counted.
    rungs = ApprovalStage.objects.filter(ladder=OuterRef("ladder"))
    evidence = ExportAttachment.objects.filter(export__ladder=OuterRef("ladder"))
    handed_on = ApprovalAction.objects.filter(
        stage=OuterRef("pk"), action_type=ActionType.DELEGATED, delegation_target=OuterRef("delegated_to")
    ).order_by("-created_at")
    return (
        with_absence_end(stages, now=now)
        .select_related("ladder__narrative_export", "claimed_by")
        .defer("ladder__narrative_export__content", "ladder__blueprint_text", "ladder__subject_text")
        .annotate(
            stage_count=_count(rungs, "ladder"),
            attachment_count=_count(evidence, "export"),
            delegated_by=Subquery(handed_on.values("actor_name")[:1]),
        )
        .order_by(F("due_at").asc(nulls_last=True), "started_at", "id")
    )


def _count(found, by):
    counted_rows = found.order_by().values(by).annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted_rows, output_field=IntegerField()), 0)


def _add_words(stage, user):
    """Whose stage it is, and what its row can do; who sees it here may sign it."""
    group = stage.assignee_id is None and stage.delegated_to_id is None
    stage.can_claim = group and stage.claimed_by_id != user.pk
    stage.can_release = group and stage.claimed_by_id == user.pk
    stage.can_sign = stage.claimed_by_id in (None, user.pk)
    stage.whose = _whose(stage, user, group)


def _whose(stage, user, group):
    if group:
        return "" if stage.claimed_by_id else f"open to any {stage.required_role}"
    if stage.delegated_to_id == user.pk:
        by = stage.delegated_by or (stage.assignee.printed_name if stage.assignee else "")
        return "delegated to you" + (f" by {by}" if by else "")
    if stage.assignee_id == user.pk:
        return f"delegated to {stage.delegated_to.printed_name}" if stage.delegated_to else "assigned to you"
    back = stage.assignee_back_at
    return f"for {stage.assignee.printed_name}" + (f", away until {last_day(back)}" if back else "")


def last_day(ends_at):
    """The last day of an absence that ends at this moment, `19 May`, in UTC."""
    last = ends_at - timedelta(microseconds=1)
    return f"{last.day} {MONTHS[last.month - 1]}"
