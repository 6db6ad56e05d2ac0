"""What the submission page lets people choose: reviewers by search, and what the run showed."""

from dataclasses import dataclass, field
from uuid import UUID

from django.db.models import Q

from accounts.models import User
from baselines.enums import EvidenceKind
from baselines.evidence import chosen, references
from baselines.policies import stand_ins_of, who_may_be_named, who_may_review, why_not_reviewer
from baselines.words import NONE, counted, metric

MOST_FOUND = 12
MOST_CHOSEN = 50
FIELDS = {EvidenceKind.NARRATIVE_EXPORT: "export", EvidenceKind.QC_METRIC: "qc"}


@dataclass
class ReviewerPicker:
    """People chosen so far and people found, who may review; (person, why not) of those who may not.

    `gone` were named before, `others` fit the search.
    """

    chosen: list = field(default_factory=list)
    gone: list = field(default_factory=list)
    found: list = field(default_factory=list)
    others: list = field(default_factory=list)
    q: str = ""
    more: bool = False
    who: str = ""


def reviewer_picker(execution, *, submitter, given, q, named=()):
    """The picker for these ids (as posted) and this search; `named` are its reviewers so far."""
    ids, q = _ids(given), q.replace("\x00", "").strip()[:200]
    may, everybody = who_may_review(execution, submitter=submitter), who_may_be_named(submitter=submitter)
    known = User.objects.visible_to(submitter)
    if q:
        # Whom the submitter does not know is found by the whole address alone: nobody's list of people leaks.
        may = everybody.filter(Q(pk__in=may.values("pk")) | Q(pk__in=known.values("pk")) | Q(email__iexact=q))
    found = list(_like(may.exclude(pk__in=ids), q)[: MOST_FOUND + 1])
    others = _like(known.exclude(pk=submitter.pk).exclude(pk__in=everybody.values("pk")), q)[:MOST_FOUND] if q else ()

    stand_ins = stand_ins_of(submitter.pk)

    def whys(people):
        told = ((person, why_not_reviewer(person, submitter=submitter, stand_ins=stand_ins)) for person in people)
        return [(person, why) for person, why in told if why]

    return ReviewerPicker(
        chosen=list(everybody.filter(pk__in=ids)),
        gone=whys(named),
        others=whys(others),
        found=found[:MOST_FOUND],
        q=q,
        more=len(found) > MOST_FOUND,
        who=f"{submitter.printed_name} is not listed: nobody reviews what they submit.",
    )


def _like(people, q):
    for word in q.split()[:8]:
        people = people.filter(Q(full_name__icontains=word) | Q(email__icontains=word))
    return people.order_by("full_name", "email")


def _ids(given):
    """The ids among what was posted; the verb refuses what names nobody."""
    found = []
    for value in given[:MOST_CHOSEN]:
        try:
            found.append(UUID(value))
        except ValueError:
            continue
    return found


def shown_by(execution, posted, standing=None):
    """What the run showed, as checkboxes; ticked as posted, else what stands, else all."""
    newest = chosen(execution).rows
    offered = references(newest)
    # A run goes on: what was attached may be older than the newest that are offered.
    older = [row for row in standing or () if (row.kind, row.reference_id) not in offered]
    stands = offered if standing is None else references(standing)
    rows = []
    for row in (*older, *newest):
        field, value = FIELDS[row.kind], str(row.reference_id)
        stood = (row.kind, row.reference_id) in stands
        rows.append(
            {
                "field": field,
                "value": value,
                "title": row.label,
                "words": described(row),
                "kind": EvidenceKind(row.kind).label,
                "chosen": stood if posted is None else value in posted.getlist(field),
            }
        )
    return rows


def described(row):
    """`3 pieces of evidence · requested by Ada Ng`, or `96 readings · min 24.1 · avg 27.6 · max 31.8`."""
    snapshot = row.snapshot
    if row.kind == EvidenceKind.NARRATIVE_EXPORT:
        return f"{counted(snapshot['attachment_count'], 'piece of evidence')} · requested by {snapshot['requested_by']}"
    shown = metric(row)
    parts = [shown["where"]]
    if snapshot.get("reading_count"):
        parts.append(counted(snapshot["reading_count"], "reading"))
    parts += [f"{name} {shown[name]}" for name in ("min", "avg", "max") if shown[name] != NONE]
    if shown["metrics"] != NONE:
        parts.append(shown["metrics"])
    return " · ".join(parts)
