"""Several people at one stage: claim it, give it back, see who else is looking."""

from functools import partial

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.addresses import safe_next
from accounts.scoping import uuid_or_404
from approvals.delegation import candidates, why_not_delegate
from approvals.forms import DelegateForm
from approvals.models import ApprovalStage
from approvals.presence import note_presence, who_is_looking
from approvals.queries import stages_to_sign
from approvals.transitions_claim import claim_stage, release_stage
from ledger.errors import Refusal
from narratives.models import NarrativeExport
from narratives.queries import export_or_404, stage_or_404, with_ladder
from portal.problems import wants_fragment
from portal.text import one_line

NAMES_SHOWN = 3
STOP_POLLING = 286  # HTMX asks no more after it
DECIDED_MEANWHILE = "The stage you opened no longer waits for you. Load the page to see what happened."


@login_required
@require_POST
def export_claim(request, pk, stage_id):
    """Say that one is at it, or take it over."""
    # Who saw nobody's claim does not mean to take the stage from somebody who was a moment faster.
    verb = partial(claim_stage, take_over=not request.POST.get("unclaimed"))
    return _turn(request, pk, stage_id, verb, "The stage is claimed by you.")


@login_required
@require_POST
def export_release(request, pk, stage_id):
    """Give a claimed stage back to everybody who could sign it."""
    return _turn(request, pk, stage_id, release_stage, "The stage is released.")


def _turn(request, pk, stage_id, verb, said):
    found = export_or_404(request.user, pk, queryset=with_ladder(NarrativeExport.objects.defer("content")))
    stage_id = stage_or_404(found, stage_id)
    try:
        verb(stage_id, by=request.user)
    except Refusal as refusal:
        # There is nothing typed to keep: the page one came from says it, and shows how things stand.
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, said)
    if request.POST.get("next"):
        return redirect(safe_next(request.POST["next"]))
    return redirect("export", pk=found.pk)


@login_required
@never_cache
@require_safe
def export_delegates(request, pk, stage_id):
    """Who could sign a stage instead, by name or e-mail address, and why others could not (a fragment, or a page)."""
    found = export_or_404(request.user, pk, queryset=with_ladder(NarrativeExport.objects.defer("content")))
    return delegates_page(request, found, stage_or_404(found, stage_id), DelegateForm())


def delegates_page(request, found, stage_id, form, *, status=200):
    """The search and, on the page, the form beneath it, with what was refused."""
    stage, now = stage_of(found, stage_id), timezone.now()
    text = one_line((request.GET or request.POST).get("q", ""), 100)
    why_not = why_not_delegate(request.user, stage, now=now)
    can, others = ([], []) if why_not else candidates(stage, text, by=request.user, now=now)
    context = {"export": found, "stage": stage, "q": text, "can": can, "others": others, "why_not": why_not}
    template = "approvals/_delegates.html" if wants_fragment(request) else "narratives/delegates.html"
    return render(request, template, context | {"form": form}, status=status)


def stage_of(export, stage_id):
    """A stage of the export's ladder as policies want it."""
    stage = ApprovalStage.objects.select_related("assignee", "delegated_to", "claimed_by").get(pk=stage_id)
    stage.ladder = export.ladder
    stage.ladder.execution = export.execution
    return stage


@login_required
@never_cache
@require_safe
def export_presence(request, pk):
    """Who else is looking at `?stage=` (a fragment that is polled); 204 while nothing changed."""
    light = NarrativeExport.objects.only("ladder", "execution")
    found, now = export_or_404(request.user, pk, queryset=light), timezone.now()
    stage_id = uuid_or_404(request.GET.get("stage"))
    if not stages_to_sign(request.user, now=now).filter(ladder=found.ladder_id, pk=stage_id).exists():
        words, status = DECIDED_MEANWHILE, STOP_POLLING
    else:
        words, status = note_and_tell(found.ladder_id, request.user, now), 200
        if words == request.GET.get("shown"):
            # A live region that is written again is read out again.
            return HttpResponse(status=204)
    return render(request, "narratives/_presence.html", {"looking": words}, status=status)


def looking_beside(user, ladder, now):
    """For the page of a LadderView: who looks at it beside the user. None for who could not sign its stage."""
    current = ladder.current
    if current is None or not (current.can_sign or current.can_claim):
        return None
    return note_and_tell(ladder.ladder.pk, user, now)


def note_and_tell(ladder_id, user, now):
    """Note that the user looks at the record; answers who else does, as a sentence ("": nobody)."""
    note_presence(ladder_id, user, now)
    return looking_words(who_is_looking([ladder_id], now, but=user).get(ladder_id, []))


def looking_words(names, what="this too"):
    """`Mira Kessler and Lea Novak are looking at this too.`"""
    if not names:
        return ""
    if len(names) > NAMES_SHOWN:
        names = [*names[:NAMES_SHOWN], f"{len(names) - NAMES_SHOWN} more"]
    together = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return f"{together} {'is' if len(names) == 1 else 'are'} looking at {what}."
