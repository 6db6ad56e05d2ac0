"""Pages of exports: the list, a run's exports, one export with its tabs."""

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from approvals.enums import LadderStatus
from approvals.views import ladder_view
from experiments.models import ExecutionEvent
from governance.queries import template_drift
from narratives.differences import evidence_diff, narrative_diff
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport
from narratives.queries import (
    current_package,
    current_stage,
    execution_or_404,
    export_or_404,
    for_list,
    previous_version,
    rejection_of,
    search_exports,
    with_ladder,
)
from narratives.reading import narrative_page
from narratives.signing_queue import series_context
from narratives.since_signed import SIGNED, happened_since, ladder_differences, last_signed, signed_version
from narratives.summaries import summary
from narratives.together import looking_beside
from portal.paging import page_of
from portal.problems import wants_fragment

TABS = ("narrative", "evidence", "changes", "audit")
STATUSES = (
    ("", "Any status"),
    ("pending", "Waiting for signatures"),
    ("approved", "Approved"),
    ("rejected", "Rejected"),
    ("packaging", "Packaging"),
    ("ready", "Dossier ready"),
    ("failed", "Packaging failed"),
    ("expired", "Expired"),
)
DIFF_LINES = 1500
EVENTS_SHOWN = 50


@login_required
@require_safe
def export_list(request):
    """Every export the user sees; filters live in the URL."""
    q, status = request.GET.get("q", "").replace("\x00", "")[:200], request.GET.get("status", "")
    mine = request.GET.get("mine") == "1"
    exports = for_list(search_exports(request.user, q=q, status=status, mine=mine))
    context = {
        "page": listed_exports(exports, request),
        "q": q,
        "status": status,
        "mine": mine,
        "statuses": STATUSES,
        "now": timezone.now(),
    }
    return render(request, _table_or(request, "narratives/export_list.html"), context)


@login_required
@require_safe
def execution_exports(request, execution_id):
    """The Exports tab of a run."""
    execution = execution_or_404(request.user, execution_id)
    exports = for_list(NarrativeExport.objects.filter(execution=execution))
    context = {
        "execution": execution,
        "tab": "exports",
        "page": listed_exports(exports, request),
        "now": timezone.now(),
    }
    return render(request, _table_or(request, "narratives/execution_exports.html"), context)


def listed_exports(exports, request):
    """A page of exports, newest first, each with the words the table shows."""
    page = page_of(exports, request, order="-created_at")
    with_words(page.items)
    return page


def with_words(exports):
    """The exports as a list, each with `package_now` and `stage_words`."""
    exports = list(exports)
    for found in exports:
        found.package_now = current_package(found)
        found.stage_words = stage_words(found)
    return exports


def stage_words(found):
    """Where a pending ladder stands, `stage 2 of 3 · QA review`."""
    stages = list(found.ladder.stages.all())
    stage = current_stage(stages)
    return f"stage {stage.sequence_index} of {len(stages)} · {stage.name}" if stage else ""


def _table_or(request, template):
    """Only the table for a "load more", the page otherwise."""
    return "narratives/_export_table.html" if wants_fragment(request) and request.GET.get("cursor") else template


@login_required
@require_safe
def export(request, pk):
    """One export: narrative, evidence, changes or audit trail beside its ladder and dossier."""
    found = export_or_404(request.user, pk, queryset=page_queryset())
    tab = request.GET.get("tab", "narrative")
    tab = tab if tab in TABS else "narrative"
    if wants_fragment(request) and (request.GET.get("cursor") or request.GET.get("from")):
        context = {"export": found, "now": timezone.now(), **tab_context(request, found, tab)}
        return render(request, f"narratives/_{tab}.html", context)
    context = export_context(request, found, tab=tab)
    current = context["ladder_view"].current
    if request.GET.get("series"):
        context |= series_context(request, current)
    return render(request, "narratives/export.html", context)


def page_queryset():
    return (
        with_ladder(NarrativeExport.objects.all())
        .select_related("execution__protocol")
        .annotate(attachment_count=Count("attachments", distinct=True))
    )


def export_context(request, found, *, tab="narrative", **further):
    """What `export.html` shows; `further` may bring refused forms."""
    now = timezone.now()
    package = current_package(found)
    previous = previous_version(found)
    stages = list(found.ladder.stages.all())
    artifact_ready = bool(package) and package.status == PackageStatus.READY
    ladder = ladder_view(found.ladder, request.user, now, artifact_ready=artifact_ready)
    return {
        "export": found,
        "execution": found.execution,
        "stages": stages,
        "current_stage": current_stage(stages),
        "pending_words": f"Pending · {stage_words(found).partition(' · ')[0]}",
        "previous_words": f"Compare with v{previous.version}" if previous else "",
        "ladder_view": ladder,
        "looking": looking_beside(request.user, ladder, now),
        "newer_ladder": template_drift(found.template_snapshot_id) if found.template_snapshot_id else None,
        "package": package,
        "why_no_dossier": why_no_dossier(found, package),
        "previous": previous,
        "signed_before": None if ladder.signed_by(request.user) else last_signed(request.user, found),
        **rework_context(found),
        "tab": tab,
        "tabs": _tabs(found, previous),
        "first_attachments": found.attachments.select_related("evidence").order_by("position")[:5],
        "now": now,
        **tab_context(request, found, tab, previous=previous),
        **further,
    }


def rework_context(found):
    """On a rejected export: what is asked, and the way to the next version with the same evidence."""
    rejection = rejection_of(found) if found.ladder.status == LadderStatus.REJECTED else None
    if rejection is None:
        return {}
    newer = NarrativeExport.objects.filter(execution=found.execution_id, version__gt=found.version).defer("content")
    return {
        "rejection": rejection,
        "newer": newer.order_by("-version").first(),
        "rework_query": f"?from={found.pk}",
    }


def _tabs(found, previous):
    changes = f"Changes since v{previous.version}" if previous else "Changes"
    return [
        ("narrative", "Narrative", None),
        ("evidence", "Evidence", found.attachment_count),
        ("changes", changes, None),
        ("audit", "Audit trail", events_of(found).count()),
    ]


def tab_context(request, found, tab, *, previous=None):
    """What one tab shows, and nothing of the others."""
    if tab == "narrative":
        first = request.GET.get("from", "1")
        first = int(first) if first.isascii() and first.isdigit() and len(first) < 12 else 1
        return {"narrative": narrative_page(found.content, first=first, size=EVENTS_SHOWN), "first": first}
    if tab == "evidence":
        return {"page": page_of(found.attachments.select_related("evidence"), request, order="position")}
    if tab == "audit":
        page = page_of(events_of(found).select_related("actor"), request, order="sequence")
        for event in page.items:
            event.summary = summary(event.event_type, event.payload)
        return {"page": page}
    return changes_context(request, found, previous)


def changes_context(request, found, previous):
    """The diff against the version named by `against` (`signed`: what the user signed last), else the one before."""
    others = NarrativeExport.objects.filter(execution=found.execution).exclude(pk=found.pk).order_by("-version")
    against, signature = request.GET.get("against"), last_signed(request.user, found)
    context = {"versions": others.values_list("pk", "version")[:200], "signature": signature, "other": previous}
    if against == SIGNED and signature:
        context |= {"other": signed_version(signature), "since_signed": True, "choice": SIGNED}
        context["happened"] = happened_since(signature, found)[:EVENTS_SHOWN]
    elif against and against != SIGNED:
        context["other"] = export_or_404(request.user, against, execution_id=found.execution_id)
    return context | (compared(context["other"], found) if context["other"] else {})


def compared(old, new):
    """From one version to another: lines of the narrative, evidence, ladder."""
    lines = narrative_diff(
        old.content, new.content, old_name=f"version {old.version}", new_name=f"version {new.version}"
    )
    return {
        "changes": lines[2 : DIFF_LINES + 2],
        "more_changes": max(0, len(lines) - DIFF_LINES - 2),
        "evidence_changes": evidence_diff(*(each.attachments.select_related("evidence") for each in (old, new))),
        "ladder_changes": ladder_differences(old, new),
    }


def events_of(found):
    """The timeline's events about this export, in sequence."""
    return ExecutionEvent.objects.filter(
        execution_id=found.execution_id,
        event_type__startswith="narrative_export.",
        body__contains=f'"export_id":"{found.pk}"',
    ).order_by("sequence")


def why_no_dossier(found, package):
    """Why the dossier cannot be downloaded now, or None."""
    if package is None:
        words = {"pending": "The dossier is packaged when every stage has approved.",
                 "rejected": "A rejected export has no dossier."}  # fmt: skip
        return words.get(found.ladder.status, "The dossier is not queued yet.")
    if package.status == PackageStatus.READY:
        return None
    return {
        PackageStatus.FAILED: "Packaging failed; an operator can try it again.",
        PackageStatus.EXPIRED: "The dossier was removed when its retention ended.",
    }.get(package.status, "The dossier is being packaged.")
