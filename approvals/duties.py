"""Four eyes: who is kept from a stage whatever roles they hold (api.md, "Rules of the ladder")."""

from datetime import UTC

from django.conf import settings
from django.db.models import Exists, OuterRef

from accounts.roles import holds_role
from approvals.enums import ActionType, StageStatus
from approvals.models import ApprovalAction, ApprovalStage
from ledger.errors import NotAllowed

DECIDED = (StageStatus.APPROVED, StageStatus.REJECTED)
DECISIONS = (ActionType.APPROVED, ActionType.REJECTED)


def check_duties(user, stage):
    """Raises NotAllowed for the requester, for who signed another stage, and, where the stage says so, for who
    brought evidence.
    """
    if settings.SEPARATION_OF_DUTIES:
        if user.pk == stage.ladder.requested_by_id:
            raise NotAllowed("You requested this, so you cannot sign it.", code="own_request")
        signed = decisions_on_other_stages(stage).filter(actor=user).select_related("stage").first()
        if signed:
            raise NotAllowed(
                f"You signed {place(signed.stage)} on {told_at(signed.created_at)}; "
                "nobody signs two stages of one ladder.",
                code="already_signed",
            )
    if stage.excludes_uploaders and stage.ladder.uploaders.filter(pk=user.pk).exists():
        raise NotAllowed(
            "You brought evidence that is signed here, and this stage is for people who did not.", code="own_evidence"
        )


def principal_fault(person, stage, *, now):
    """Why a stand-in may not act for this person either, as `(code, words about them)`; None when they may.

    An absence must not open what the absent person could not do.
    """
    if not person.is_active:
        return "inactive", f"{person.printed_name} is deactivated"
    if not holds_role(person, stage.required_role, stage.ladder.execution.team_id, now=now):
        return "role_missing", f"{person.printed_name} does not hold the role {stage.required_role} here"
    if settings.SEPARATION_OF_DUTIES:
        if person.pk == stage.ladder.requested_by_id:
            return "own_request", f"{person.printed_name} requested this"
        if person.pk in set(signers_of_other_stages(stage)):
            return "already_signed", f"{person.printed_name} signed another stage of this ladder"
    if stage.excludes_uploaders and stage.ladder.uploaders.filter(pk=person.pk).exists():
        return "own_evidence", f"{person.printed_name} brought evidence that is signed here"
    return None


def free_of_duties(people, stage):
    """`people`, a queryset, without those `check_duties` refuses."""
    if settings.SEPARATION_OF_DUTIES:
        people = people.exclude(pk=stage.ladder.requested_by_id).exclude(pk__in=signers_of_other_stages(stage))
    if stage.excludes_uploaders:
        people = people.exclude(pk__in=stage.ladder.uploaders.values("pk"))
    return people


def stages_free_for(user, stages):
    """`stages`, a queryset, without those `check_duties` refuses to `user`."""
    if settings.SEPARATION_OF_DUTIES:
        signed = decisions_in_force().filter(stage__ladder=OuterRef("ladder"), actor=user)
        stages = stages.exclude(ladder__requested_by=user).exclude(Exists(signed))
    brought = ApprovalStage.objects.filter(pk=OuterRef("pk"), ladder__uploaders=user)
    return stages.exclude(Exists(brought), excludes_uploaders=True)


def decisions_in_force():
    """Decisions that no reset has superseded, as a queryset over all ladders."""
    later = ApprovalAction.objects.filter(
        stage=OuterRef("stage"), action_type__in=DECISIONS, cycle__gt=OuterRef("cycle")
    )
    return ApprovalAction.objects.filter(action_type__in=DECISIONS, stage__status__in=DECIDED).exclude(Exists(later))


def decisions_on_other_stages(stage):
    return decisions_in_force().filter(stage__ladder=stage.ladder_id).exclude(stage=stage.pk)


def signers_of_other_stages(stage):
    return decisions_on_other_stages(stage).values_list("actor_id", flat=True)


def signers_in_force(ladder):
    """The ids of who signed a stage of this ladder."""
    return decisions_in_force().filter(stage__ladder=ladder.pk).values_list("actor_id", flat=True)


def place(stage):
    return f"stage {stage.sequence_index}, {stage.name},"


def told_at(moment):
    """A moment as refusals name it."""
    moment = moment.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y, %H:%M} UTC"
