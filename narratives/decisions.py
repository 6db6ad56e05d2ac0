"""Posts of the export page: sign, reject, delegate, reset. A refusal shows the page again with what was typed."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from accounts.passwords import check_password_again
from accounts.second_factor import is_enrolled
from approvals import series
from approvals.forms import DelegateForm, RejectForm, ResetForm, SignForm
from approvals.transitions import approve_stage, delegate_stage, reject_stage, reset_stage
from ledger.errors import Refusal, TransitionDenied
from narratives.models import NarrativeExport
from narratives.queries import current_stage, export_or_404, stage_or_404, with_ladder
from narratives.signing_queue import series_context
from narratives.together import delegates_page
from narratives.views import export_context, page_queryset
from portal.problems import show_refusal


@login_required
@sensitive_post_parameters("password", "code")
@require_POST
def export_sign(request, pk):
    """Approve the stage in progress."""
    return _decide(request, pk, form_class=SignForm, verb=approve_stage)


@login_required
@sensitive_post_parameters("password", "code")
@require_POST
def export_reject(request, pk):
    """Reject the stage in progress."""
    return _decide(request, pk, form_class=RejectForm, verb=reject_stage)


def _decide(request, pk, *, form_class, verb):
    found = export_or_404(request.user, pk, queryset=_light())
    in_series = bool(request.POST.get("series"))
    form = form_class(request.POST, auto_id="sign_%s", asks_code=is_enrolled(request.user), in_series=in_series)
    if not form.is_valid():
        return _again(request, found, sign_form=form, in_series=in_series, status=400)
    try:
        stage_id, given = _stage_meant(found, form.cleaned_data), form.cleaned_data
        verb(
            stage_id,
            by=request.user,
            authentication=_authentication(request, stage_id, given),
            meaning=given["meaning"],
            expected_digest=given["digest"],
            notes=given["notes"],
            expected_cycle=given["cycle"],
        )
    except Refusal as refusal:
        return _again(request, found, sign_form=form, in_series=in_series, status=show_refusal(form, refusal))
    said = "approved" if verb is approve_stage else "rejected"
    messages.success(request, f"Your signature is recorded: {found.execution.title}, version {found.version} {said}.")
    return redirect("sign_next") if in_series else redirect("export", pk=found.pk)


def _authentication(request, stage_id, given):
    """The password and code just typed, or the signing series this record was shown in."""
    if given["series"]:
        return series.take(request, stage_id, given["series"], digest=given["digest"], cycle=given["cycle"])
    return check_password_again(request.user, given["password"], request_meta=request.META, code=given["code"])


def _stage_meant(found, given):
    """The stage the form was shown for; somebody else may have decided it meanwhile."""
    if given.get("stage_id"):
        return stage_or_404(found, given["stage_id"])
    stage = current_stage(found.ladder.stages.all())
    if stage is None:
        raise TransitionDenied(f"No stage is in progress: this export is {found.ladder.get_status_display().lower()}.")
    return stage.pk


@login_required
@require_POST
def export_delegate(request, pk, stage_id):
    """Hand a stage to somebody else who holds its role."""
    found = export_or_404(request.user, pk, queryset=_light())
    stage_id = stage_or_404(found, stage_id)
    form = DelegateForm(request.POST, auto_id="delegate_%s")
    if not form.is_valid():
        return _delegate_again(request, found, stage_id, form, 400)
    try:
        delegate_stage(stage_id, by=request.user, **form.arguments())
    except Refusal as refusal:
        return _delegate_again(request, found, stage_id, form, show_refusal(form, refusal))
    messages.success(request, "The stage is delegated.")
    return redirect("export", pk=found.pk)


def _delegate_again(request, found, stage_id, form, status):
    """The page the refused form was on: the search's own, or the export's."""
    if request.POST.get("here"):
        return delegates_page(request, found, stage_id, form, status=status)
    return _again(request, found, delegate_form=form, stage_id=stage_id, status=status)


@login_required
@require_POST
def export_reset(request, pk, stage_id):
    """Reopen a decided stage."""
    found = export_or_404(request.user, pk, queryset=_light())
    stage_id = stage_or_404(found, stage_id)
    form = ResetForm(request.POST, auto_id="reset_again_%s")
    if not form.is_valid():
        return _again(request, found, reset_form=form, stage_id=stage_id, status=400)
    try:
        reset_stage(stage_id, by=request.user, notes=form.cleaned_data["notes"])
    except Refusal as refusal:
        return _again(request, found, reset_form=form, stage_id=stage_id, status=show_refusal(form, refusal))
    messages.success(request, "The stage is open again.")
    return redirect("export", pk=found.pk)


def _light():
    return with_ladder(NarrativeExport.objects.defer("content"))


def _again(request, found, *, status, in_series=False, **forms):
    """The page with the refused form and the ladder as it is now; in a series the record is shown anew."""
    fresh = export_or_404(request.user, found.pk, queryset=page_queryset())
    context = export_context(request, fresh, **forms)
    if in_series:
        running = series_context(request, context["ladder_view"].current)
        if not running:
            forms["sign_form"].ask_password()
        context |= running
    return render(request, "narratives/export.html", context, status=status)
