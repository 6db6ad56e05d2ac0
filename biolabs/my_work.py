"""My work: what waits for this person's signature, how their own exports fare, what they have done."""

from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Exists, F, OuterRef, Q
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from approvals.enums import ActionType, LadderStatus
from approvals.models import ApprovalAction
from approvals.queries import stages_to_sign
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport
from narratives.queries import for_list
from narratives.views import listed_exports, with_words
from portal.navigation import NavItem, register
from portal.paging import page_of

MOST_TO_SIGN = 100
TABS = ("sign", "exports", "done")
FINISHED = (PackageStatus.READY, PackageStatus.EXPIRED)


def register_page():
    """Called once, when the project is ready."""
    register(NavItem("My work", "my_work", icon="inbox", order=10, count=count_to_sign, count_words="to sign"))


def count_to_sign(user):
    return stages_to_sign(user, now=timezone.now()).count()


@login_required
@require_safe
def my_work(request):
    """To sign, grouped by due date; my exports; what I signed."""
    now, user = timezone.now(), request.user
    tab = request.GET.get("tab", "sign")
    tab = tab if tab in TABS else "sign"
    waiting, running = stages_to_sign(user, now=now), in_progress(user)
    counts = {"sign": waiting.count(), "exports": running.count()}
    context = {
        "now": now,
        "tab": tab,
        "tabs": [
            ("sign", "To sign", counts["sign"]),
            ("exports", "My exports", counts["exports"]),
            ("done", "Done", None),
        ],
        "counts": counts,
        **{"sign": _to_sign, "exports": _exports, "done": _done}[tab](request, waiting, running, now),
    }
    return render(request, "narratives/my_work.html", context)


def _to_sign(request, waiting, running, now):
    stages = list(
        waiting.select_related("ladder__narrative_export")
        .defer("ladder__narrative_export__content")
        .annotate(
            stage_count=Count("ladder__stages", distinct=True),
            attachment_count=Count("ladder__narrative_export__attachments", distinct=True),
        )
        .order_by(F("due_at").asc(nulls_last=True), "started_at", "id")[:MOST_TO_SIGN]
    )
    groups = grouped(stages, now)
    exports = with_words(for_list(running).order_by("-created_at")[:10])
    overdue = waiting.filter(due_at__lt=now).count()
    return {"groups": groups, "shown": len(stages), "overdue": overdue, "exports": exports}


def grouped(stages, now):
    """`[(words, css, stages)]`: overdue, due today (UTC), later; empty groups are left out."""
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    overdue = [stage for stage in stages if stage.due_at and stage.due_at < now]
    today = [stage for stage in stages if stage.due_at and now <= stage.due_at < midnight]
    later = [stage for stage in stages if not stage.due_at or stage.due_at >= midnight]
    found = [("Overdue", "bad", overdue), ("Due today", "", today), ("Later", "", later)]
    return [group for group in found if group[2]]


def in_progress(user):
    """The user's exports that wait for somebody: unsigned, not packaged yet, or rejected and not yet done again."""
    newer = NarrativeExport.objects.filter(execution=OuterRef("execution"), version__gt=OuterRef("version"))
    finished = Q(packages__status__in=FINISHED, packages__cycle=F("ladder__cycle"))
    mine = NarrativeExport.objects.filter(requested_by=user)
    done = NarrativeExport.objects.filter(finished, requested_by=user)
    return mine.exclude(pk__in=done.values("pk")).exclude(Q(ladder__status=LadderStatus.REJECTED) & Exists(newer))


def _exports(request, waiting, running, now):
    return {"page": listed_exports(for_list(running), request)}


def _done(request, waiting, running, now):
    signed = (
        ApprovalAction.objects.filter(actor=request.user, action_type__in=[ActionType.APPROVED, ActionType.REJECTED])
        .select_related("stage__ladder__narrative_export__execution", "signature")
        .defer("stage__ladder__narrative_export__content")
    )
    return {"page": page_of(signed, request, order="-created_at")}
