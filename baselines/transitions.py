"""Every verb on a baseline: lock, refresh, lawful, allowed, change, record, react (architecture.md, "A transition")."""

from contextlib import contextmanager

from django.db.models import Max

from accounts.models import User
from baselines import input as incoming
from baselines.content import changes, content_of, evidence_as_json, labels_as_json, people_as_json
from baselines.enums import BaselineEventType, BaselineStatus, Decision
from baselines.evidence import chosen, chosen_again, references
from baselines.history import locked_protocol
from baselines.models import Baseline, BaselineEvidence, BaselineLabel, BaselineReviewer
from baselines.notices import tell_published, tell_reviewers, tell_rolled_back, tell_submitter
from baselines.policies import (
    check_as_seen,
    check_can_publish,
    check_can_resubmit,
    check_can_review,
    check_can_roll_back,
    check_can_submit,
    check_target,
)
from experiments.input import identifiers
from experiments.models import Execution
from experiments.timeline import locked_timeline
from experiments.transitions import admit
from ledger.errors import Invalid

PEOPLE = ("submitted_by", "reviewed_by", "published_by", "rolled_back_by")


def submit_baseline(
    execution_id,
    *,
    by,
    name,
    description="",
    labels=(),
    reviewer_ids=(),
    export_ids=None,
    qc_event_ids=None,
    written=None,
):
    """Put a run forward as its protocol's standard. Evidence by reference; None attaches the newest (`evidence.MOST`).

    `written(baseline)` is called inside the transaction. Raises Execution.DoesNotExist, NotAllowed, Invalid.
    """
    given = {"name": incoming.name(name), "description": incoming.description(description)}
    pairs = incoming.labels(labels)
    execution = Execution.objects.select_related("protocol").get(pk=execution_id)
    check_can_submit(by, execution)
    evidence = chosen(execution, export_ids=export_ids, qc_event_ids=qc_event_ids)
    with _locked_run(execution.pk, by) as (timeline, history, actor):
        execution = timeline.execution
        check_can_submit(actor, execution)
        people = incoming.reviewers(reviewer_ids, submitter=actor)
        baseline = _new_baseline(history, execution, by=actor, **given)
        _name_reviewers(timeline, baseline, people)
        _write_labels(baseline, pairs)
        _attach(baseline, evidence.rows)
        _record_submission(history, baseline, by=actor, labels=pairs, reviewers=people, evidence=evidence)
        _save(history, baseline)
        tell_reviewers(baseline, by=actor)
        if written:
            written(baseline)
    return baseline


def _new_baseline(history, execution, *, by, name, description):
    return Baseline.objects.create(
        execution=execution,
        protocol=history.protocol,
        name=name,
        description=description,
        submitted_by=by,
        submitted_at=history.now,
        created_at=history.now,
        updated_at=history.now,
    )


def _record_submission(history, baseline, *, by, labels, reviewers, evidence):
    history.record(
        baseline,
        BaselineEventType.SUBMITTED,
        by=by,
        execution_id=str(baseline.execution_id),
        protocol_id=str(history.protocol.pk),
        protocol_version=baseline.execution.protocol_version,
        name=baseline.name,
        description=baseline.description,
        labels=labels_as_json(labels),
        reviewers=people_as_json(reviewers),
        evidence=evidence_as_json(evidence.rows),
        evidence_left_out=evidence.left_out,
    )


def review_baseline(baseline_id, *, by, decision, notes="", seen=None):
    """Approve or reject what waits for review; a rejection says why. `seen` is the `event_count` that was looked at.

    Raises Baseline.DoesNotExist, TransitionDenied, NotAllowed, Invalid; so do the verbs below.
    """
    decision = incoming.decision(decision)
    needed = "Say why you reject; the submitter reads it." if decision == Decision.REJECT else None
    text, seen = incoming.notes(notes, needed=needed), incoming.seen(seen)
    with _locked(baseline_id, by) as (history, baseline, actor):
        check_can_review(actor, baseline)
        check_as_seen(baseline, seen)
        approved = decision == Decision.APPROVE
        baseline.status = BaselineStatus.APPROVED if approved else BaselineStatus.REJECTED
        baseline.reviewed_by, baseline.reviewed_at, baseline.review_notes = actor, history.now, text
        kind = BaselineEventType.APPROVED if approved else BaselineEventType.REJECTED
        history.record(baseline, kind, by=actor, notes=text)
        _save(history, baseline)
        tell_submitter(baseline, by=actor, approved=approved)
    return baseline


def publish_baseline(baseline_id, *, by, notes=""):
    """Make an approved baseline the protocol's next version and its current one."""
    text = incoming.notes(notes)
    with _locked(baseline_id, by) as (history, baseline, actor):
        check_can_publish(actor, baseline)
        versions = Baseline.objects.filter(protocol=history.protocol)
        # A number stays with a version that was rolled back, so the highest ever given is the last.
        last = versions.aggregate(last=Max("version_number"))["last"] or 0
        former = versions.filter(is_current=True).first()
        if former:
            former.is_current = False
            _save(history, former)
        baseline.status = BaselineStatus.PUBLISHED
        baseline.version_number, baseline.is_current = last + 1, True
        baseline.published_by, baseline.published_at, baseline.publish_notes = actor, history.now, text
        history.record(
            baseline,
            BaselineEventType.PUBLISHED,
            by=actor,
            notes=text,
            version_number=baseline.version_number,
            superseded_id=str(former.pk) if former else None,
            superseded_version=former.version_number if former else None,
            published_by_submitter=baseline.published_by_submitter,
        )
        _save(history, baseline)
        tell_published(baseline, by=actor)
    return baseline


def roll_back_baseline(baseline_id, *, by, reason, target_id=None):
    """Take a published version back; `target_id` names the earlier version that becomes current again, if any."""
    text = incoming.notes(reason, "reason", needed="Say why this version is rolled back.")
    targets = [] if target_id in (None, "") else _one_identifier(target_id)
    with _locked(baseline_id, by) as (history, baseline, actor):
        check_can_roll_back(actor, baseline)
        target = None
        if targets:
            target = Baseline.objects.select_related("protocol").filter(pk__in=targets).first()
            check_target(target, baseline)
        was_current = baseline.is_current
        baseline.status, baseline.is_current, baseline.rollback_of = BaselineStatus.ROLLED_BACK, False, target
        baseline.rolled_back_by, baseline.rolled_back_at, baseline.rollback_notes = actor, history.now, text
        history.record(
            baseline,
            BaselineEventType.ROLLED_BACK,
            by=actor,
            notes=text,
            version_number=baseline.version_number,
            was_current=was_current,
            restored_id=str(target.pk) if target else None,
            restored_version=target.version_number if target else None,
        )
        _save(history, baseline)
        if target:
            _restore(history, target, baseline, by=actor, notes=text)
        tell_rolled_back(baseline, by=actor, restored=target, was_current=was_current)
    return baseline


def resubmit_baseline(
    baseline_id,
    *,
    by,
    name=None,
    description=None,
    labels=None,
    reviewer_ids=None,
    export_ids=None,
    qc_event_ids=None,
    seen=None,
):
    """Submit a rejected baseline again; None keeps what stands. Its events keep what it was before."""
    given = {} if name is None else {"name": incoming.name(name)}
    if description is not None:
        given["description"] = incoming.description(description)
    pairs = None if labels is None else incoming.labels(labels)
    seen = incoming.seen(seen)
    execution_id = Baseline.objects.values_list("execution_id", flat=True).get(pk=baseline_id)
    with _locked_run(execution_id, by) as (timeline, history, actor):
        baseline = _fresh(baseline_id, history)
        check_can_resubmit(actor, baseline)
        check_as_seen(baseline, seen)
        before = content_of(baseline)
        for field, value in given.items():
            setattr(baseline, field, value)
        _name_reviewers_again(timeline, baseline, reviewer_ids)
        _choose_again(timeline.execution, baseline, export_ids=export_ids, qc_event_ids=qc_event_ids)
        if pairs is not None:
            _write_labels(baseline, pairs)
        baseline.status = BaselineStatus.SUBMITTED
        baseline.submitted_at = history.now
        baseline.reviewed_by, baseline.reviewed_at, baseline.review_notes = None, None, ""
        changed = changes(before, content_of(baseline))
        history.record(baseline, BaselineEventType.RESUBMITTED, by=actor, changes=changed)
        _save(history, baseline)
        tell_reviewers(baseline, by=actor, again=True)
    return baseline


@contextmanager
def _locked(baseline_id, by):
    """The protocol held, the baseline fresh under the lock, and the actor as the database knows them now."""
    protocol_id = Baseline.objects.values_list("protocol_id", flat=True).get(pk=baseline_id)
    with locked_protocol(protocol_id) as history:
        yield history, _fresh(baseline_id, history), User.objects.get(pk=by.pk)


@contextmanager
def _locked_run(execution_id, by):
    """The run held, because reviewers are admitted to it, then its protocol. Raises Execution.DoesNotExist."""
    with locked_timeline(execution_id) as timeline, locked_protocol(timeline.execution.protocol_id) as history:
        yield timeline, history, User.objects.get(pk=by.pk)


def _fresh(baseline_id, history):
    baseline = Baseline.objects.select_related("execution__protocol", *PEOPLE).get(pk=baseline_id)
    baseline.protocol = history.protocol
    return baseline


def _save(history, baseline):
    # Once a row and transaction: on a second UPDATE PostgreSQL checks its foreign keys anew, and so would wait for the
    # run, which whoever waits for this protocol may hold.
    baseline.updated_at = history.now
    baseline.save()


def _restore(history, target, baseline, *, by, notes):
    target.is_current = True
    history.record(
        target,
        BaselineEventType.RESTORED,
        by=by,
        notes=notes,
        version_number=target.version_number,
        rolled_back_id=str(baseline.pk),
        rolled_back_version=baseline.version_number,
    )
    _save(history, target)


def _name_reviewers(timeline, baseline, people):
    BaselineReviewer.objects.filter(baseline=baseline).delete()
    BaselineReviewer.objects.bulk_create(
        BaselineReviewer(baseline=baseline, user=person, created_at=timeline.now) for person in people
    )
    for person in people:
        admit(timeline, reason="reviewer of a baseline", user=person)


def _name_reviewers_again(timeline, baseline, ids):
    # Who was named before may have left or changed duties since, so they are looked at again.
    wanted = [person.pk for person in baseline.reviewers.all()] if ids is None else ids
    people = incoming.reviewers(wanted, submitter=baseline.submitted_by)
    _name_reviewers(timeline, baseline, people)


def _write_labels(baseline, pairs):
    BaselineLabel.objects.filter(baseline=baseline).delete()
    BaselineLabel.objects.bulk_create(BaselineLabel(baseline=baseline, key=key, value=value) for key, value in pairs)


def _attach(baseline, rows):
    for row in rows:
        row.baseline, row.round = baseline, baseline.evidence_round
    BaselineEvidence.objects.bulk_create(rows)


def _choose_again(execution, baseline, **ids):
    """Another choice of what the run showed is a round of its own; rows of earlier ones stay."""
    standing = baseline.evidence
    rows = chosen_again(execution, standing, **ids).rows
    if references(rows) != references(standing):
        baseline.evidence_round += 1
        _attach(baseline, rows)


def _one_identifier(target_id):
    try:
        return identifiers([target_id], "target_version_id")
    except Invalid as error:
        raise Invalid.field("target_version_id", error.sentence, "unknown_target") from None
