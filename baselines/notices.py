"""What people and other systems are told about a baseline, inside the transaction that changes it.

People never hear of what they did themselves; other systems get identifiers and titles, no notes and no names.
"""

from django.urls import NoReverseMatch, reverse

from accounts.models import User
from accounts.notify import notify
from accounts.webhooks import tell


def url_of(baseline):
    """The baseline's page, "" where there is none."""
    try:
        return reverse("baseline", args=[baseline.pk])
    except NoReverseMatch:
        return ""


def tell_reviewers(baseline, *, by, again=False):
    """The reviewers named, or every administrator where nobody is."""
    people = list(baseline.reviewers.all()) or User.objects.active().filter(is_admin=True)
    _tell(
        people,
        baseline,
        by,
        kind="baseline_to_review",
        title=f"To review{' again' if again else ''}: {baseline.name}",
        body=f"{by.printed_name} submitted a baseline of {baseline.protocol.name}.",
    )


def tell_submitter(baseline, *, by, approved):
    word = "Approved" if approved else "Rejected"
    reason = f": {baseline.review_notes}" if baseline.review_notes else "."
    _tell(
        [baseline.submitted_by],
        baseline,
        by,
        kind="baseline_reviewed",
        title=f"{word}: {baseline.name}",
        body=f"{word} by {by.printed_name}{reason}",
    )


def tell_published(baseline, *, by):
    own = f" {by.printed_name} had submitted it." if baseline.published_by_submitter else ""
    approved = f" {baseline.reviewed_by.printed_name} approved it.{own}"
    _tell(
        _concerned(baseline),
        baseline,
        by,
        kind="baseline_published",
        title=f"New standard: {baseline.name}, version {baseline.version_number}",
        body=f"{by.printed_name} published version {baseline.version_number} of {baseline.protocol.name}.{approved}",
    )
    _announce("baseline_published", baseline)


def tell_rolled_back(baseline, *, by, restored, was_current):
    now = f" {restored.name}, version {restored.version_number}, is current again." if restored else ""
    if was_current and not restored:
        now = f" {baseline.protocol.name} has no current baseline."
    _tell(
        _concerned(baseline),
        baseline,
        by,
        kind="baseline_rolled_back",
        title=f"Rolled back: {baseline.name}, version {baseline.version_number}",
        body=f"{by.printed_name} rolled it back.{now} Why: {baseline.rollback_notes}",
    )
    _announce(
        "baseline_rolled_back",
        baseline,
        was_current=was_current,
        restored_id=str(restored.pk) if restored else None,
        restored_version=restored.version_number if restored else None,
    )


def _concerned(baseline):
    """Submitter, reviewers and the members of the protocol's team."""
    team = baseline.protocol.team
    members = list(team.members.all()) if team else []
    return [baseline.submitted_by, *baseline.reviewers.all(), *members]


def _tell(people, baseline, by, **message):
    notify([person for person in people if person.pk != by.pk], url=url_of(baseline), **message)


def _announce(kind, baseline, **more):
    facts = {
        "baseline_id": str(baseline.pk),
        "execution_id": str(baseline.execution_id),
        "protocol_id": str(baseline.protocol_id),
        "title": baseline.name,
        "version": baseline.version_number,
        "path": url_of(baseline),
    }
    tell(kind, facts | more, team_id=baseline.protocol.team_id)
