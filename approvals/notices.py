"""What people are told about a ladder, inside the transaction that changes it."""

from django.urls import NoReverseMatch, reverse

from accounts.notify import notify
from approvals.announcements import announce_outcome, announce_stage
from approvals.enums import LadderStatus
from approvals.policies import told_at, who_can_sign, who_instead

PAGES = {"narrative_export": "export"}


def subject_url(ladder):
    """The page of what is signed ("" where there is none); it belongs to a higher app, so it is known by name only."""
    subject = ladder.subject
    try:
        return reverse(PAGES[subject["kind"]], args=[subject["id"]])
    except (KeyError, NoReverseMatch):
        return ""


def tell_signers(stage, *, now):
    """Who may sign the stage that has just started."""
    due = f" It is due by {stage.due_at:%d %b %Y, %H:%M} UTC." if stage.due_at else ""
    notify(
        who_can_sign(stage, now=now),
        kind="stage_to_sign",
        title=f"To sign: {stage.ladder.title}, {stage.name}",
        body=f"Stage {stage.sequence_index}, {stage.name}, waits for the role {stage.required_role}.{due}",
        url=subject_url(stage.ladder),
    )
    announce_stage("stage_to_sign", stage, path=subject_url(stage.ladder))


def tell_delegate(stage, *, by, notes):
    notify(
        [stage.delegated_to],
        kind="stage_delegated",
        title=f"Delegated to you: {stage.ladder.title}, {stage.name}",
        body=f"{by.printed_name} asks you to sign stage {stage.sequence_index}, {stage.name}. {notes}".strip(),
        url=subject_url(stage.ladder),
    )
    announce_stage("stage_delegated", stage, path=subject_url(stage.ladder))


def tell_claim_taken(stage, before, *, by):
    """Who had claimed the stage, when somebody else took it over or released it."""
    notify(
        [before],
        kind="stage_claimed",
        title=f"No longer claimed by you: {stage.ladder.title}, {stage.name}",
        body=f"{by.printed_name} {'took it over' if stage.claimed_by_id else 'released it'}.",
        url=subject_url(stage.ladder),
    )


def tell_reminder(stage, *, now):
    notify(
        who_can_sign(stage, now=now),
        kind="stage_reminder",
        title=f"Due soon: {stage.ladder.title}, {stage.name}",
        body=f"Stage {stage.sequence_index}, {stage.name}, is due on {told_at(stage.due_at)}.",
        url=subject_url(stage.ladder),
    )


def tell_overdue(stage, *, now):
    """Who can sign, and who requested it."""
    signers = list(who_can_sign(stage, now=now))
    notify(
        [*signers, stage.ladder.requested_by],
        kind="stage_overdue",
        title=f"Overdue: {stage.ladder.title}, {stage.name}",
        body=_overdue(stage, now, signers),
        url=subject_url(stage.ladder),
    )
    announce_stage("stage_overdue", stage, path=subject_url(stage.ladder))


def tell_escalated(stage, people, *, reason, now):
    notify(
        people,
        kind="stage_escalated",
        title=f"Escalated: {stage.ladder.title}, {stage.name}",
        body=f"{_overdue(stage, now)} {reason}",
        url=subject_url(stage.ladder),
    )
    announce_stage("stage_escalated", stage, path=subject_url(stage.ladder))


def _overdue(stage, now, signers=None):
    was = f"Stage {stage.sequence_index}, {stage.name}, was due on {told_at(stage.due_at)}."
    return f"{was} {who_instead(stage, now=now, people=signers)}"


def tell_outcome(ladder, *, by, notes=""):
    """The requester, unless the requester did it; other systems always."""
    told = {
        LadderStatus.APPROVED: ("ladder_approved", "Approved", "The last stage was approved"),
        LadderStatus.REJECTED: ("ladder_rejected", "Rejected", "Rejected"),
        LadderStatus.PENDING: ("ladder_reopened", "Reopened", "A stage was reset"),
    }
    kind, word, sentence = told[LadderStatus(ladder.status)]
    announce_outcome(kind, ladder, path=subject_url(ladder))
    if ladder.requested_by_id == by.pk:
        return
    reason = f": {notes}" if notes else "."
    notify(
        [ladder.requested_by],
        kind=kind,
        title=f"{word}: {ladder.title}",
        body=f"{sentence} by {by.printed_name}{reason}",
        url=subject_url(ladder),
    )
