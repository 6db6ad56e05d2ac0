"""Reads of exports shared by pages and API."""

from django.db.models import Count, F, OuterRef, Prefetch, Q, Subquery
from django.http import Http404

from accounts.scoping import NOT_THERE, uuid_or_404, visible_or_404
from approvals.enums import ActionType, LadderStatus, StageStatus
from approvals.models import ApprovalAction, ApprovalStage
from approvals.policies import decision_of
from experiments.models import Execution
from governance.enums import TemplateStatus
from governance.models import WorkflowTemplate
from narratives.enums import PackageStatus
from narratives.models import ExportAttachment, NarrativeExport, Package

BULKY = ("content",)


def current_package(export):
    """The package that stands for the export now, or None; a superseded one stands for nothing."""
    newest = next(iter(export.packages.all()), None)
    return None if newest is None or newest.status == PackageStatus.SUPERSEDED else newest


def with_ladder(exports):
    """Exports with their ladder, its stages in order, and their package; a constant number of queries."""
    stages = ApprovalStage.objects.select_related("assignee", "delegated_to").order_by("sequence_index")
    return exports.select_related("execution", "requested_by", "ladder").prefetch_related(
        Prefetch("ladder__stages", queryset=stages),
        Prefetch("packages", queryset=Package.objects.order_by("-cycle")),
    )


def with_details(exports):
    """Everything the export's JSON shows: ladder, actions, evidence, package; a constant number of queries."""
    actions = ApprovalAction.objects.select_related("actor", "delegation_target", "signature")
    return with_template(with_ladder(exports)).prefetch_related(
        Prefetch("attachments", queryset=ExportAttachment.objects.select_related("evidence").order_by("position")),
        Prefetch("ladder__stages__actions", queryset=actions.order_by("created_at", "id")),
    )


def with_template(exports):
    """The published ladder each export was bound to, and the newest version published since."""
    newest = WorkflowTemplate.objects.filter(
        family=OuterRef("template_snapshot__template__family"), status=TemplateStatus.PUBLISHED
    ).order_by("-version")
    return exports.select_related("template_snapshot__template__family").annotate(
        newest_template_version=Subquery(newest.values("version")[:1])
    )


def for_list(exports):
    """Exports without their Markdown, counting their evidence."""
    return with_ladder(exports).defer(*BULKY).annotate(attachment_count=Count("attachments", distinct=True))


def execution_or_404(user, execution_id):
    return visible_or_404(Execution.objects.select_related("protocol", "run_by"), user, execution_id)


def export_or_404(user, export_id, *, execution_id=None, queryset=None):
    """An export the user sees; of that run, when one is named."""
    exports = NarrativeExport.objects.all() if queryset is None else queryset
    export = visible_or_404(exports, user, export_id)
    if execution_id is not None and export.execution_id != uuid_or_404(execution_id):
        raise Http404(NOT_THERE)
    return export


def stage_or_404(export, stage_id):
    """The id of a stage of this export's ladder."""
    wanted = uuid_or_404(stage_id)
    if not any(stage.pk == wanted for stage in export.ladder.stages.all()):
        raise Http404(NOT_THERE)
    return wanted


def final_action(ladder, stages):
    """The action that approved the ladder's last stage, or None while the ladder is not approved."""
    if ladder.status != LadderStatus.APPROVED:
        return None
    actions = [action for action in stages[-1].actions.all() if action.action_type == ActionType.APPROVED]
    return max(actions, key=lambda action: (action.cycle, action.created_at))


def current_stage(stages):
    return next((stage for stage in stages if stage.status == StageStatus.IN_PROGRESS), None)


def rejection_of(export):
    """The decision that rejected an export, in force, or None."""
    rejected = export.ladder.stages.filter(status=StageStatus.REJECTED).first()
    return decision_of(rejected) if rejected else None


def previous_version(export):
    """The version before this one, or None."""
    return (
        NarrativeExport.objects.filter(execution_id=export.execution_id, version__lt=export.version)
        .order_by("-version")
        .first()
    )


def search_exports(user, *, q="", status="", mine=False):
    """Exports the user sees, newest first, filtered as the list page asks."""
    exports = NarrativeExport.objects.visible_to(user)
    if mine:
        exports = exports.filter(requested_by=user)
    for word in q.split()[:8]:
        match = (
            Q(execution__title__icontains=word)
            | Q(execution__protocol_name__icontains=word)
            | Q(requested_by_name__icontains=word)
            | Q(content_digest__startswith=word.lower())
        )
        if word.lower().lstrip("v").isdigit() and len(word) < 9:
            match |= Q(version=int(word.lower().lstrip("v")))
        exports = exports.filter(match)
    return _with_status(exports, status)


def _with_status(exports, status):
    if status in ("pending", "approved", "rejected"):
        return exports.filter(ladder__status=status)
    if status in (PackageStatus.READY, PackageStatus.FAILED, PackageStatus.EXPIRED):
        return exports.filter(packages__status=status, packages__cycle=F("ladder__cycle"))
    if status == "packaging":
        waiting = (PackageStatus.QUEUED, PackageStatus.PROCESSING, PackageStatus.RETRYING)
        return exports.filter(packages__status__in=waiting, packages__cycle=F("ladder__cycle"))
    return exports
