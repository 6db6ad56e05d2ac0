"""Pages of baselines: the catalogue, a run's baselines, one baseline with its tabs."""

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.models import Team
from accounts.scoping import visible_or_404
from baselines import policies
from baselines.catalogue import current_first, search_baselines
from baselines.comparing import changed_since, comparison
from baselines.enums import BaselineEventType, BaselineStatus, EvidenceKind
from baselines.forms import CatalogueFilter, PublishForm, ReviewForm, RollBackForm
from baselines.models import Baseline
from baselines.panels import following_of
from baselines.queries import baseline_or_404, current_baseline, events_of, sees, targets_of, versions_of
from baselines.words import metric, told
from experiments.models import Execution, Protocol
from portal.paging import page_of

GOOD, BAD = ("done", "check"), ("rejected", "cross")
TABS = ("record", "differences", "events")
ACTION_OF = {
    BaselineStatus.SUBMITTED: "review",
    BaselineStatus.APPROVED: "publish",
    BaselineStatus.PUBLISHED: "roll_back",
    BaselineStatus.REJECTED: "resubmit",
}


@login_required
@require_safe
def baseline_list(request):
    """The catalogue: current ones first; filters live in the address."""
    seen = Baseline.objects.visible_to(request.user)
    form = CatalogueFilter(
        request.GET,
        protocols=Protocol.objects.filter(pk__in=seen.values("protocol")),
        teams=Team.objects.filter(pk__in=seen.values("protocol__team")),
    )
    form.is_valid()
    given = form.cleaned_data
    context = {
        "form": form,
        "page": current_first(search_baselines(request.user, **given), request),
        "filtered": any(given.values()),
        "now": timezone.now(),
    }
    return render(request, "baselines/baseline_list.html", context)


@login_required
@require_safe
def execution_baselines(request, execution_id):
    """The Baselines tab of a run: what was submitted from it, and whether it follows the current one."""
    execution = visible_or_404(Execution.objects.select_related("protocol__team", "run_by"), request.user, execution_id)
    rows = Baseline.objects.visible_to(request.user).filter(execution=execution)
    context = {
        "execution": execution,
        "tab": "baselines",
        "page": current_first(rows, request),
        "why_not": policies.why_not_submit(request.user, execution),
        "following": following_of(execution, request.user),
        "now": timezone.now(),
    }
    return render(request, "baselines/execution_baselines.html", context)


@login_required
@require_safe
def baseline(request, pk):
    """One baseline: what it says and shows, differences or history, beside what can be done with it."""
    found = baseline_or_404(request.user, pk)
    return render(request, "baselines/baseline.html", baseline_context(request, found))


def baseline_context(request, found, **refused):
    """What `baseline.html` shows; `refused` may bring a form that was refused."""
    tab = request.GET.get("tab") if request.GET.get("tab") in TABS else TABS[0]
    others = versions_of(found.protocol_id).visible_to(request.user).exclude(pk=found.pk)
    current = current_baseline(found.protocol_id)
    return {
        "baseline": found,
        "reviewers": reviewers_of(found),
        "life": life_of(found),
        "current": current,
        "sees_current": sees(request.user, current),
        "sees_run": Execution.objects.visible_to(request.user).filter(pk=found.execution_id).exists(),
        "sees_protocol": Protocol.objects.visible_to(request.user).filter(pk=found.protocol_id).exists(),
        "tab": tab,
        "tabs": [
            ("record", "What it says", None),
            ("differences", "Differences", None),
            ("events", "History", found.event_count),
        ],
        "now": timezone.now(),
        **_tab_context(request, found, tab, others, current),
        **_actions(request.user, found),
        **refused,
    }


def _tab_context(request, found, tab, others, current):
    """What one tab shows, and nothing of the others."""
    if tab == "differences":
        return comparison(found, others, current, against=request.GET.get("against", ""))
    if tab == "events":
        page = page_of(events_of(found), request, order="sequence")
        for event in page.items:
            event.words = told(event.event_type, event.details)
            event.changed = changed_since(event)
        return {"page": page}
    evidence = found.evidence
    return {
        "exports": [row for row in evidence if row.kind == EvidenceKind.NARRATIVE_EXPORT],
        "metrics": [metric(row) for row in evidence if row.kind == EvidenceKind.QC_METRIC],
    }


def _actions(user, found):
    """The verb that is next, its form, and for whom it is not: why."""
    action = ACTION_OF.get(found.status)
    why_not = {name: getattr(policies, f"why_not_{name}")(user, found) for name in ACTION_OF.values()}
    # Only the current version hands over to an earlier one.
    targets = list(targets_of(found)) if action == "roll_back" and found.is_current and user.is_admin else []
    return {
        "action": action,
        "why_not": why_not,
        "review_form": ReviewForm(),
        "targets": targets,
        "again": _after_rejection(found) if action == "review" else None,
        "publish_form": PublishForm(),
        "roll_back_form": RollBackForm(targets=targets),
    }


def _after_rejection(found):
    """The last rejection and what was changed since: whoever reviews again reads that first."""
    events = list(found.events.all())
    if events[-1].event_type != BaselineEventType.RESUBMITTED:
        return None
    return {"rejection": events[-2], "changed": changed_since(events[-1])}


def reviewers_of(found):
    """Who is named, each with why they could not review it now: (person, words or None)."""
    stand_ins = policies.stand_ins_of(found.submitted_by_id)

    def why(person):
        if not person.is_active:
            return "Deactivated"
        return "Stands in for the submitter" if person.pk in stand_ins else None

    return [(person, why(person)) for person in found.reviewers.all()]


def life_of(found):
    """What was decided so far, with who, when and why."""
    restored = found.rollback_of
    back = f"Rolled back to version {restored.version_number}" if restored else "Rolled back"
    reviewed = ("Rejected", BAD) if found.status == BaselineStatus.REJECTED else ("Approved", GOOD)
    own = " by its submitter" if found.published_by_submitter else ""
    published = (f"Published as version {found.version_number}{own}", GOOD)
    steps = [
        (reviewed, found.reviewed_by, found.reviewed_at, found.review_notes),
        (published, found.published_by, found.published_at, found.publish_notes),
        *_restorations(found),
        ((back, BAD), found.rolled_back_by, found.rolled_back_at, found.rollback_notes),
    ]
    return [
        {"words": words, "css": css, "icon": icon, "by": by.printed_name, "at": at, "notes": notes}
        for (words, (css, icon)), by, at, notes in steps
        if by
    ]


def _restorations(found):
    """Each time it became current again, from its history: the row keeps only what it is now."""
    for event in found.events.all():
        if event.event_type == BaselineEventType.RESTORED:
            words = f"Current again, after version {event.details['rolled_back_version']}"
            yield (words, GOOD), event.actor, event.created_at, event.notes
