"""Which ladder applies to an export (api.md, "Which ladder"), and the names that ladders are told with."""

from collections import Counter
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from accounts.models import RoleGrant, User
from governance.blueprint import DEFAULT_LADDER, LadderBlueprint, StageBlueprint
from governance.differences import people_in
from governance.enums import TemplateStatus
from governance.models import TemplateAssignment, TemplateSnapshot
from ledger.errors import Invalid, TransitionDenied


@dataclass(frozen=True)
class Choice:
    """The ladder of an export and why: `assigned_protocol`, `assigned_team`, `named`, `ad_hoc` or `default`."""

    blueprint: LadderBlueprint
    reason: str
    snapshot: TemplateSnapshot | None = None


def assigned_snapshot(protocol_id, team_id):
    """What is assigned to the protocol, else to the team: its newest snapshot and the reason; or (None, "")."""
    in_force = TemplateAssignment.objects.filter(revoked_at__isnull=True).filter(
        Q(protocol_id=protocol_id) | Q(team_id=team_id, team__isnull=False)
    )
    # A protocol's own assignment goes before its team's.
    ordered = sorted(in_force.select_related("template"), key=lambda row: row.protocol_id is None)
    for assignment in ordered:
        snapshot = newest_snapshot(assignment.template.family_id)
        if snapshot:
            return snapshot, "assigned_protocol" if assignment.protocol_id else "assigned_team"
    return None, ""


def newest_snapshot(family_id):
    """The snapshot of a family's newest version that is published and not archived."""
    return (
        TemplateSnapshot.objects.filter(template__family_id=family_id, template__status=TemplateStatus.PUBLISHED)
        .select_related("template__family")
        .order_by("-template__version")
        .first()
    )


def choose_ladder(*, protocol_id, team_id, snapshot_id=None, template_id=None, ad_hoc=None):
    """The ladder for a request, as a Choice; `ad_hoc` is a blueprint of the requester's own stages.

    Raises Invalid, and TransitionDenied `assigned_ladder_required`, `template_archived`.
    """
    if ad_hoc and (snapshot_id or template_id):
        raise Invalid(
            "Name a published ladder or give approval stages, not both.",
            code="two_ladders",
            errors=[
                {"field": "approval_stages", "code": "two_ladders", "detail": "A published ladder was named as well."}
            ],
        )
    named = _named_snapshot(snapshot_id, template_id) if snapshot_id or template_id else None
    assigned, reason = assigned_snapshot(protocol_id, team_id)
    if assigned:
        if ad_hoc or (named and named.pk != assigned.pk):
            raise TransitionDenied(
                f"The ladder {assigned.template} is assigned here, so exports use it and no other.",
                code="assigned_ladder_required",
                details={"workflow_template_snapshot_id": str(assigned.pk)},
            )
        return Choice(blueprint_of(assigned), reason, assigned)
    if named:
        return Choice(blueprint_of(named), "named", named)
    if ad_hoc:
        return Choice(ad_hoc, "ad_hoc")
    return Choice(DEFAULT_LADDER, "default")


def _named_snapshot(snapshot_id, template_id):
    snapshots = TemplateSnapshot.objects.select_related("template__family")
    try:
        if snapshot_id:
            snapshot = snapshots.get(pk=UUID(str(snapshot_id)))
        else:
            snapshot = snapshots.get(template_id=UUID(str(template_id)))
    except (ValueError, TemplateSnapshot.DoesNotExist):
        field = "workflow_template_snapshot_id" if snapshot_id else "workflow_template_id"
        raise Invalid.field(field, "There is no published ladder with this id.", "unknown_snapshot") from None
    if template_id and str(snapshot.template_id) != str(template_id).lower():
        raise Invalid.field("workflow_template_id", "The snapshot belongs to another template.", "template_mismatch")
    if snapshot.template.status != TemplateStatus.PUBLISHED:
        raise TransitionDenied(
            f"{snapshot.template} was archived. Choose a ladder that is in use.", code="template_archived"
        )
    return snapshot


def blueprint_of(snapshot):
    """A snapshot as frozen values; a stage without a time limit takes the template's default."""
    members = snapshot.members
    default = members["default_stage_sla_hours"]
    return LadderBlueprint(
        name=f"{members['name']} v{members['version']}",
        source="snapshot",
        snapshot_id=str(snapshot.pk),
        template_id=members["template_id"],
        template_key=members["template_key"],
        template_version=members["version"],
        stages=tuple(
            StageBlueprint(
                name=stage["name"],
                required_role=stage["required_role"],
                sla_hours=stage["sla_hours"] or default,
                assignee_id=stage["assignee_id"],
                stage_step_indexes=tuple(stage["stage_step_indexes"]),
                stage_gate_keys=tuple(stage["stage_gate_keys"]),
                metadata=stage["metadata"],
            )
            for stage in members["stages"]
        ),
    )


def template_drift(snapshot_id):
    """Whether a newer version was published since: `{"version", "snapshot_id", "published_at"}` of it, or None."""
    snapshot = TemplateSnapshot.objects.select_related("template").filter(pk=snapshot_id).first()
    newest = newest_snapshot(snapshot.template.family_id) if snapshot else None
    if newest is None or newest.template.version <= snapshot.template.version:
        return None
    return {"version": newest.template.version, "snapshot_id": str(newest.pk), "published_at": newest.captured_at}


def names_in(stages):
    """The printed names of everybody whom stages name, by id, with the address of those who share one.

    One query, none where nobody is named.
    """
    wanted = people_in(stages)
    people = list(User.objects.filter(pk__in=wanted)) if wanted else []
    shared = Counter(person.printed_name for person in people)
    return {
        str(person.pk): f"{person.printed_name} ({person.email})"
        if shared[person.printed_name] > 1
        else person.printed_name
        for person in people
    }


def roles_nobody_holds(stages):
    """The roles of stages that nobody active holds now, in some team or everywhere; one query."""
    wanted = {stage["required_role"] for stage in stages}
    grants = RoleGrant.objects.in_force(timezone.now()).filter(role__in=wanted, user__is_active=True)
    return sorted(wanted - set(grants.values_list("role", flat=True)))


def warnings_of(stages):
    """A sentence for each role that nobody holds now: no reason to refuse a ladder, but nobody could sign it yet."""
    return [
        f"Nobody holds the role {role} now. Grant it before an export needs it." for role in roles_nobody_holds(stages)
    ]
