"""What changed since somebody signed: against the version or the cycle they signed last."""

from approvals.duties import decisions_in_force
from approvals.models import ApprovalAction, Signature
from governance.differences import differences
from governance.queries import names_in
from ledger.canonical import loads
from narratives.models import NarrativeExport

SIGNED = "signed"  # the value of `against` that stands for it
WHOLE_LADDER = {"description": "", "default_stage_sla_hours": None, "permitted_roles": []}


def last_signed(user, export):
    """The newest Signature of this person over this run that is not in force on this very export, or None.

    Its `ladder.narrative_export` (without content) is the version they signed; versions after this one do not count.
    """
    here = decisions_in_force().filter(stage__ladder=export.ladder_id).values("pk")
    return (
        Signature.objects.filter(
            signer=user,
            ladder__execution=export.execution_id,
            ladder__narrative_export__version__lte=export.version,
        )
        .exclude(action__in=here)
        .select_related("ladder__narrative_export", "action__stage")
        .defer("ladder__narrative_export__content")
        .order_by("-created_at", "-sequence")
        .first()
    )


def signed_version(signature):
    """The export a signature is over, with its content."""
    return NarrativeExport.objects.select_related("ladder").get(ladder=signature.ladder_id)


def ladder_differences(old, new):
    """What differs between the ladders of two exports, as sentences."""
    if old.ladder.blueprint_digest == new.ladder.blueprint_digest:
        return []
    before, after = (WHOLE_LADDER | _shown(loads(export.ladder.blueprint_text)) for export in (old, new))
    names = names_in([*before["stages"], *after["stages"]])
    return [each["detail"] for each in differences(before, after, names)]


def _shown(blueprint):
    return {"name": blueprint["name"], "stages": blueprint["stages"]}


def happened_since(signature, export):
    """What people did on this export's ladder after that signature, oldest first."""
    return (
        ApprovalAction.objects.filter(stage__ladder=export.ladder_id, created_at__gt=signature.created_at)
        .select_related("stage", "delegation_target")
        .order_by("created_at", "id")
    )
