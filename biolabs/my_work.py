"""My work: what waits for this person's signature, how their own exports fare, what they have done."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.absences import open_absences
from approvals.duties import DECISIONS, decisions_in_force
from approvals.enums import ActionType, LadderStatus
from approvals.models import ApprovalAction
from approvals.queries import stages_to_sign
from approvals.views import for_whom
from baselines.catalogue import listed_to_review
from baselines.queries import count_to_review
from biolabs import to_sign
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport
from narratives.queries import for_list
from narratives.views import listed_exports, with_words
from portal.navigation import NavItem, register
from portal.paging import page_of

FINISHED = (PackageStatus.READY, PackageStatus.EXPIRED)
EXPORTS_SHOWN = 10


def register_page():
    """Called once, when the project is ready."""
    register(NavItem("My work", "my_work", icon="inbox", order=10, count=count_to_sign, count_words="to sign"))


def count_to_sign(user):
    return stages_to_sign(user, now=timezone.now()).count()


@login_required
@require_safe
def my_work(request):
    """To sign, grouped by due date; my exports; what I signed."""
    now = timezone.now()
    waiting, running = stages_to_sign(request.user, now=now), in_progress(request.user)
    counts = to_sign.counted(waiting, now=now)
    tabs = [
        ("sign", "To sign", counts["all"], _to_sign),
        ("review", "To review", count_to_review(request.user), _to_review),
        ("exports", "My exports", running.count(), _exports),
        ("done", "Done", None, _done),
    ]
    tab, shows = next(((name, shows) for name, *_, shows in tabs if name == request.GET.get("tab")), ("sign", _to_sign))
    context = {
        "now": now,
        "tab": tab,
        "tabs": [(name, words, count) for name, words, count, _ in tabs],
        "counts": counts,
        "absence": open_absences(request.user, now=now).filter(starts_at__lte=now).first(),
        "series_offered": bool(settings.SIGNING_SERIES_MINUTES),
        **shows(request, waiting=waiting, counts=counts, running=running, now=now),
    }
    return render(request, "narratives/my_work.html", context)


def in_progress(user):
    """The user's exports that wait for somebody: unsigned, not packaged yet, or rejected and not yet done again."""
    newer = NarrativeExport.objects.filter(execution=OuterRef("execution"), version__gt=OuterRef("version"))
    finished = Q(packages__status__in=FINISHED, packages__cycle=F("ladder__cycle"))
    mine = NarrativeExport.objects.filter(requested_by=user)
    done = NarrativeExport.objects.filter(finished, requested_by=user)
    return mine.exclude(pk__in=done.values("pk")).exclude(Q(ladder__status=LadderStatus.REJECTED) & Exists(newer))


def _to_sign(request, *, waiting, counts, running, now):
    user, asked = request.user, to_sign.Asked.by(request.GET)
    found = to_sign.filtered(waiting, asked, user, now=now)
    shown = to_sign.counted(found, now=now) if asked else counts
    page, last = to_sign.page_number(request.GET.get("page", ""), shown["all"])
    rows = to_sign.rows(found, user, now=now, page=page)
    return {
        "asked": asked,
        "dues": to_sign.DUE,
        "mines": to_sign.MINE,
        **to_sign.choices(waiting),
        "groups": to_sign.grouped(rows, shown, now=now),
        "found": shown["all"],
        "page_number": page,
        "last_page": last,
        "exports": with_words(_with_reasons(for_list(running)).order_by("-created_at")[:EXPORTS_SHOWN]),
    }


def _to_review(request, **_):
    return {"page": listed_to_review(request)}


def _with_reasons(exports):
    """Exports, each with who rejected it and what they asked for."""
    rejections = ApprovalAction.objects.filter(
        stage__ladder=OuterRef("ladder"), cycle=OuterRef("ladder__cycle"), action_type=ActionType.REJECTED
    )
    return exports.annotate(
        rejected_by=Subquery(rejections.values("actor_name")[:1]), asked_for=Subquery(rejections.values("notes")[:1])
    )


def _exports(request, *, running, **_):
    return {"page": listed_exports(for_list(running), request)}


def _done(request, **_):
    signed = (
        ApprovalAction.objects.filter(actor=request.user, action_type__in=DECISIONS)
        .select_related("stage__ladder__narrative_export", "signature")
        .defer("stage__ladder__narrative_export__content")
        .annotate(in_force=Exists(decisions_in_force().filter(pk=OuterRef("pk"))))
    )
    page = page_of(signed, request, order="-created_at")
    for action in page.items:
        action.signed_for = for_whom(action)
    return {"page": page}
