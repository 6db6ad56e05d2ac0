"""Every verb on a stage: lock, refresh, lawful, allowed, change, record, react (architecture.md, "A transition")."""

import logging
import uuid
from contextlib import contextmanager
from datetime import timedelta

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils import timezone

from accounts.models import User
from approvals import keys, signing
from approvals.blueprint_people import check_blueprint_people
from approvals.deadlines import TIME_FIELDS, retime
from approvals.delegation import check_can_delegate, check_delegate
from approvals.enums import ActionType, LadderStatus, Meaning, StageStatus
from approvals.models import ApprovalAction, ApprovalStage, Signature
from approvals.notices import tell_delegate, tell_signers
from approvals.policies import acting_as, check_can_reset, check_can_sign, person
from approvals.transitions_ladder import (
    announce,
    close_ladder,
    decide_stage,
    open_ladder,
    reopen_stage,
    stage_members,
    start_stage,
)
from experiments.events import Event
from experiments.timeline import locked_timeline
from experiments.transitions import admit
from ledger.canonical import loads, object_text, rfc3339, sha256_text
from ledger.errors import Busy, Invalid, NotAllowed, TransitionDenied
from portal.text import clean_text

__all__ = [
    "approve_stage",
    "check_blueprint_people",
    "delegate_stage",
    "open_ladder",
    "reject_stage",
    "reset_stage",
]

logger = logging.getLogger(__name__)

MAX_NOTES = 10_000
MAX_SIGNATURE_TEXT = 254
MAX_METADATA_BYTES = 64 * 1024
APPROVING = (Meaning.APPROVED, Meaning.REVIEWED, Meaning.RESPONSIBLE, Meaning.AUTHOR)
FRESH_FOR = timedelta(minutes=5)
LONGEST_DEADLINE = timedelta(days=366)


def approve_stage(
    stage_id,
    *,
    by,
    authentication,
    meaning,
    expected_digest,
    notes="",
    signature_text="",
    metadata=None,
    expected_cycle=None,
):
    """Sign a stage with one of the approving meanings; the next stage starts, or the ladder is approved.

    `authentication` comes from `accounts.passwords`; `expected_digest` (and `expected_cycle`, where the page knew it)
    is what the signer saw. Raises TransitionDenied, NotAllowed, Invalid. Answers the Signature.
    """
    text = Text(notes, signature_text, metadata)
    code = _meaning(meaning, APPROVING)
    check_authentication(authentication)
    key = _signing_key()
    with locked_stage(stage_id, by) as (timeline, stage, signer):
        _check_unchanged(stage, expected_digest, expected_cycle)
        check_can_sign(signer, stage, now=timeline.now)
        signature = _sign(timeline, stage, signer, ActionType.APPROVED, code, authentication, text, key)
        decide_stage(stage, StageStatus.APPROVED, now=timeline.now)
        timeline.record(Event.STAGE_COMPLETED, by=signer, **_decision_members(stage, signature, text))
        following = stage.ladder.stages.filter(sequence_index__gt=stage.sequence_index).first()
        if following:
            following.ladder = stage.ladder
            start_stage(timeline, following, by=signer)
        else:
            close_ladder(timeline, stage.ladder, LadderStatus.APPROVED, by=signer)
    return signature


def reject_stage(
    stage_id,
    *,
    by,
    authentication,
    expected_digest,
    notes,
    meaning=Meaning.REJECTED,
    signature_text="",
    metadata=None,
    expected_cycle=None,
):
    """Sign a rejection, with the reason in `notes`; later stages become reset and the ladder ends.

    Arguments, errors and answer as `approve_stage`.
    """
    text = Text(notes, signature_text, metadata, notes_required="Say why you reject; the requester reads it.")
    code = _meaning(meaning, (Meaning.REJECTED,))
    check_authentication(authentication)
    key = _signing_key()
    with locked_stage(stage_id, by) as (timeline, stage, signer):
        _check_unchanged(stage, expected_digest, expected_cycle)
        check_can_sign(signer, stage, now=timeline.now)
        signature = _sign(timeline, stage, signer, ActionType.REJECTED, code, authentication, text, key)
        decide_stage(stage, StageStatus.REJECTED, now=timeline.now)
        timeline.record(Event.LADDER_REJECTED, by=signer, **_decision_members(stage, signature, text))
        close_ladder(timeline, stage.ladder, LadderStatus.REJECTED, by=signer, notes=text.notes)
    return signature


def delegate_stage(stage_id, *, by, delegate_id, notes="", due_at=None, metadata=None):
    """Let another holder of the role sign an undecided stage; `due_at` moves the deadline of one in progress.

    Raises Invalid at `delegate_id` or `due_at`, NotAllowed, TransitionDenied. Answers the ApprovalAction.
    """
    text = Text(notes, "", metadata)
    with locked_stage(stage_id, by) as (timeline, stage, actor):
        check_can_delegate(actor, stage, now=timeline.now)
        delegate = _person(delegate_id)
        check_delegate(delegate, stage, by=actor, now=timeline.now)
        if delegate.pk == stage.delegated_to_id:
            raise TransitionDenied(f"This stage is delegated to {delegate.printed_name} already.")
        _check_deadline(stage, due_at, timeline.now)
        stage.delegated_to, stage.claimed_by, stage.claimed_at = delegate, None, None
        if due_at is not None:
            retime(stage, due_at, now=timeline.now)
        stage.save(update_fields=["delegated_to", "claimed_by", "claimed_at", *TIME_FIELDS])
        action = act(timeline, stage, actor, ActionType.DELEGATED, text, delegation_target=delegate)
        admit(timeline, reason="delegate of a stage", user=delegate)
        timeline.record(
            Event.STAGE_DELEGATED,
            by=actor,
            **stage_members(stage),
            delegate=person(delegate),
            delegated_by=person(actor),
            notes=text.notes,
            due_at=rfc3339(stage.due_at) if stage.due_at else None,
        )
        tell_delegate(stage, by=actor, notes=text.notes)
    return action


def reset_stage(stage_id, *, by, notes, metadata=None):
    """Put a decided stage in progress again and later ones to pending: the ladder's next cycle.

    Decisions it undoes stay on record, superseded. A receiver of `ladder_closed` may veto with TransitionDenied
    (the dossier is ready). Answers the ApprovalAction.
    """
    text = Text(notes, "", metadata, notes_required="Say why the stage is reset.")
    with locked_stage(stage_id, by) as (timeline, stage, actor):
        check_can_reset(actor, stage)
        from_status = stage.status
        reopen_stage(stage, now=timeline.now)
        action = act(timeline, stage, actor, ActionType.RESET, text)
        timeline.record(
            Event.STAGE_RESET,
            by=actor,
            **stage_members(stage),
            reset_by=person(actor),
            notes=text.notes,
            due_at=rfc3339(stage.due_at) if stage.due_at else None,
            from_status=str(from_status),
        )
        tell_signers(stage, now=timeline.now)
        announce(timeline, stage.ladder, by=actor, notes=text.notes)
    return action


def check_authentication(authentication):
    """A fresh proof from `accounts.passwords`; a session alone counts only where the deployment says so."""
    if authentication is None or not authentication.method or authentication.at is None:
        raise NotAllowed("Give your password again to sign.", code="password_required")
    if settings.SIGNATURE_REAUTHENTICATION:
        if authentication.method == "session":
            raise NotAllowed("Give your password again to sign.", code="password_required")
        if authentication.series and timezone.now() < authentication.until:
            return
        if abs(timezone.now() - authentication.at) > FRESH_FOR:
            raise NotAllowed("Too much time passed since you gave your password. Sign again.", code="password_required")


def _signing_key():
    try:
        return keys.current()
    except ImproperlyConfigured as error:
        logger.critical("Nobody can sign: %s", error)
        raise Busy(
            "Nobody can sign at present: the signing key cannot be read. Nothing was signed; tell an operator.",
            retry_after=60,
            code="signing_key",
        ) from error


class Text:
    """What the actor wrote, cleaned before the lock. Raises Invalid naming the field."""

    def __init__(self, notes, signature_text, metadata, *, notes_required=None):
        self.notes = clean_text(notes or "", "notes", MAX_NOTES, required=False)
        if notes_required and not self.notes:
            raise Invalid.field("notes", notes_required, "required")
        self.signature_text = clean_text(signature_text or "", "signature", MAX_SIGNATURE_TEXT, required=False)
        if "\n" in self.signature_text:
            raise Invalid.field("signature", "A signature is one line.", "one_line")
        self.metadata_text = object_text(metadata, "metadata", most=MAX_METADATA_BYTES)


def _meaning(meaning, lawful):
    if meaning not in set(lawful):
        raise Invalid.field("meaning", f"A meaning is one of {', '.join(lawful)}.", "invalid_choice")
    return Meaning(meaning)


@contextmanager
def locked_stage(stage_id, by):
    """The timeline held, the stage fresh under the lock, and the actor as the database knows them now.

    Raises ApprovalStage.DoesNotExist.
    """
    stages = ApprovalStage.objects.filter(pk=stage_id)
    execution_id = stages.values_list("ladder__execution_id", flat=True).get()
    with locked_timeline(execution_id) as timeline:
        stage = stages.select_related("ladder__requested_by", "assignee", "delegated_to", "claimed_by").get()
        stage.ladder.execution = timeline.execution
        yield timeline, stage, User.objects.get(pk=by.pk)


def _check_unchanged(stage, expected_digest, expected_cycle):
    """What the signer saw is what is being signed."""
    if expected_digest != stage.ladder.content_digest:
        raise TransitionDenied(
            "This is not the record you were shown. Read it again before you sign.", code="record_changed"
        )
    if expected_cycle is not None and expected_cycle != stage.ladder.cycle:
        raise TransitionDenied(
            "The ladder was reset since you opened this page. Read it again before you sign.", code="record_changed"
        )


def _check_deadline(stage, due_at, now):
    if due_at is None:
        return
    if stage.status != StageStatus.IN_PROGRESS:
        raise Invalid.field("due_at", "This stage has not started; its time limit begins when it does.")
    if timezone.is_naive(due_at):
        raise Invalid.field("due_at", "Give the deadline with its time zone.")
    if not now < due_at <= now + LONGEST_DEADLINE:
        raise Invalid.field("due_at", "The deadline lies in the future, at most a year away.")


def _person(given):
    """The person an id names, or None."""
    try:
        given = given if isinstance(given, uuid.UUID) else uuid.UUID(given)
    except (AttributeError, TypeError, ValueError):
        return None
    return User.objects.people().filter(pk=given).first()


def act(timeline, stage, actor, action_type, text, **members):
    return ApprovalAction.objects.create(
        stage=stage,
        cycle=stage.ladder.cycle,
        action_type=action_type,
        actor=actor,
        actor_name=actor.printed_name,
        notes=text.notes,
        metadata_text=text.metadata_text,
        content_digest=stage.ladder.content_digest,
        created_at=timeline.now,
        **members,
    )


def _sign(timeline, stage, signer, decision, meaning, authentication, text, key):
    """The decision's action and its sealed statement, linked to the ladder's signature before."""
    signed_as = text.signature_text or signer.printed_name
    action = act(timeline, stage, signer, decision, text, signature_text=signed_as)
    last = Signature.objects.filter(ladder=stage.ladder).order_by("-sequence").first()
    previous = last.digest if last else ""
    statement = signing.statement(
        key=key,
        stage=stage,
        by=signer,
        decision=decision,
        meaning=meaning,
        acting_as=acting_as(signer, stage, now=timeline.now),
        authentication=authentication,
        signed_at=timeline.now,
        notes=text.notes,
        signed_as=signed_as,
        previous=previous,
    )
    return Signature.objects.create(
        action=action,
        ladder=stage.ladder,
        sequence=last.sequence + 1 if last else 1,
        signer=signer,
        signer_name=signer.printed_name,
        meaning=meaning,
        statement=statement,
        digest=sha256_text(statement),
        previous_digest=previous,
        seal=signing.seal(statement, key),
        key_fingerprint=key.fingerprint,
        created_at=timeline.now,
    )


def _decision_members(stage, signature, text):
    return {
        **stage_members(stage),
        "signer": person(signature.signer),
        "acting_as": loads(signature.statement)["acting_as"],
        "meaning": str(signature.meaning),
        "notes": text.notes,
        "signature_digest": signature.digest,
        "content_digest": stage.ladder.content_digest,
    }
