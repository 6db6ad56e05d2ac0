"""Where a ladder applies."""

from uuid import UUID

from django.db import IntegrityError, transaction

from accounts.models import Team
from experiments.models import Protocol
from governance.audit import locked_family
from governance.enums import AuditAction
from governance.models import TemplateAssignment, WorkflowTemplate
from governance.policies import check_can_assign, check_can_manage_ladders
from governance.validation import METADATA_LIMIT
from ledger.canonical import canonical_text, plain
from ledger.errors import Invalid, TransitionDenied


def assign_template(template, *, by, team_id=None, protocol_id=None, metadata=None):
    """Let a ladder apply to a team or a protocol. Raises Invalid, and TransitionDenied where one applies already."""
    check_can_manage_ladders(by)
    team, protocol = _target(team_id, protocol_id)
    if not isinstance(metadata or {}, dict) or len(canonical_text(metadata or {})) > METADATA_LIMIT:
        raise Invalid.field("metadata", f"The metadata is an object of {METADATA_LIMIT:,} characters at most.")
    with locked_family(template.family_id) as log:
        template = WorkflowTemplate.objects.select_related("family").get(pk=template.pk)
        check_can_assign(template)
        assignment = TemplateAssignment(
            template=template,
            team=team,
            protocol=protocol,
            metadata=plain(metadata or {}),
            assigned_by=by,
            assigned_at=log.now,
        )
        _insert(assignment)
        log.record(AuditAction.ASSIGNED, by=by, template=template, **_facts(assignment))
    return assignment


def _target(team_id, protocol_id):
    if bool(team_id) == bool(protocol_id):
        raise Invalid("Name exactly one target: a team or a protocol.", code="one_target")
    if team_id:
        return _one(Team, team_id, "team_id", "team"), None
    return None, _one(Protocol, protocol_id, "protocol_template_id", "protocol")


def _one(model, pk, field, noun):
    try:
        return model.objects.get(pk=UUID(str(pk)))
    except (ValueError, model.DoesNotExist):
        raise Invalid.field(field, f"There is no such {noun}.", f"unknown_{noun}") from None


def _insert(assignment):
    # The partial unique constraint decides between two administrators who hold different families' locks.
    try:
        with transaction.atomic():
            assignment.save()
    except IntegrityError:
        current = TemplateAssignment.objects.filter(
            team=assignment.team, protocol=assignment.protocol, revoked_at__isnull=True
        ).select_related("template", "assigned_by")
        holder = current.first()
        what = assignment.target
        raise TransitionDenied(
            f"{holder.template} is assigned to {what} already, by {holder.assigned_by.printed_name}. Revoke that first."
            if holder
            else f"Another ladder was assigned to {what} at the same moment.",
            code="already_assigned",
        ) from None


def revoke_assignment(assignment, *, by):
    """End an assignment. Revoking twice is refused with the name of who did it."""
    check_can_manage_ladders(by)
    with locked_family(assignment.template.family_id) as log:
        assignment = TemplateAssignment.objects.select_related(
            "template__family", "revoked_by", "team", "protocol"
        ).get(pk=assignment.pk)
        if assignment.revoked_at:
            raise TransitionDenied(
                f"{assignment.revoked_by.printed_name} revoked this assignment already.", code="already_revoked"
            )
        assignment.revoked_by, assignment.revoked_at = by, log.now
        assignment.save(update_fields=["revoked_by", "revoked_at"])
        log.record(AuditAction.UNASSIGNED, by=by, template=assignment.template, **_facts(assignment))
    return assignment


def _facts(assignment):
    return {
        "template_id": str(assignment.template_id),
        "version": assignment.template.version,
        "assignment_id": str(assignment.pk),
        "team_id": str(assignment.team_id) if assignment.team_id else None,
        "protocol_template_id": str(assignment.protocol_id) if assignment.protocol_id else None,
    }
