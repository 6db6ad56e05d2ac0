"""What must hold of a protocol's baselines; each broken rule is a sentence that names its row."""

from collections import defaultdict

from baselines.enums import BaselineEventType, BaselineStatus
from baselines.models import Baseline
from ledger.canonical import sha256_text

LEFT_IN = {
    BaselineEventType.SUBMITTED: BaselineStatus.SUBMITTED,
    BaselineEventType.RESUBMITTED: BaselineStatus.SUBMITTED,
    BaselineEventType.APPROVED: BaselineStatus.APPROVED,
    BaselineEventType.REJECTED: BaselineStatus.REJECTED,
    BaselineEventType.PUBLISHED: BaselineStatus.PUBLISHED,
    BaselineEventType.RESTORED: BaselineStatus.PUBLISHED,
    BaselineEventType.ROLLED_BACK: BaselineStatus.ROLLED_BACK,
}


def verify_baselines():
    """Walk every protocol that has baselines, one in memory at a time."""
    protocols = Baseline.objects.order_by("protocol").values_list("protocol", flat=True).distinct()
    for protocol_id in protocols.iterator():
        yield from verify_protocol(protocol_id)


def verify_protocol(protocol_id):
    """Numbers without gaps, the right one current, and every row as its history left it."""
    rows = (
        Baseline.objects.filter(protocol=protocol_id).prefetch_related("events", "evidence_rows").order_by("created_at")
    )
    versions = {row.version_number: row for row in rows if row.version_number}
    if sorted(versions) != list(range(1, len(versions) + 1)):
        yield f"Protocol {protocol_id}: its baselines are numbered {', '.join(map(str, sorted(versions)))}"
    current, wanted = {row.pk for row in rows if row.is_current}, standing(versions)
    if current != wanted:
        yield f"Protocol {protocol_id}: the current baseline is {_named(current)}, {_named(wanted)} expected"
    for row in rows:
        yield from _row_faults(row)


def standing(versions):
    """The id of what must be current, as a set: the last version, or what its rollback led to."""
    row = versions[max(versions)] if versions else None
    by_id = {each.pk: each for each in versions.values()}
    while row and row.status == BaselineStatus.ROLLED_BACK:
        row = by_id.get(row.rollback_of_id)
    return {row.pk} if row else set()


def _row_faults(row):
    events = list(row.events.all())
    left_in = LEFT_IN[events[-1].event_type] if events else None
    if left_in != row.status:
        yield f"Baseline {row.pk}: is {row.status}, its history left it {left_in}"
        return
    told = defaultdict(dict, {event.event_type: event.details for event in events})
    if told[BaselineEventType.PUBLISHED].get("version_number") != row.version_number:
        yield f"Baseline {row.pk}: has another version number than its history"
    sealed = _sealed(events)
    if row.evidence_round != len(sealed) or _kept(row) != sealed:
        yield f"Baseline {row.pk}: its evidence is not what was submitted"


def _sealed(events):
    """The evidence of every choice in turn, as the history names it; the last one stands."""
    choices = []
    for event in events:
        if event.event_type == BaselineEventType.SUBMITTED:
            choices.append(event.details["evidence"])
        elif event.event_type == BaselineEventType.RESUBMITTED and "evidence" in event.details["changes"]:
            choices.append(event.details["changes"]["evidence"]["after"])
    return [{piece["id"]: piece["snapshot_digest"] for piece in choice} for choice in choices]


def _kept(row):
    """The same from the rows; a row of no choice makes one more."""
    rounds = defaultdict(dict)
    for piece in row.evidence_rows.all():
        rounds[piece.round][str(piece.reference_id)] = sha256_text(piece.snapshot_text)
    return [rounds[number] for number in range(1, max([row.evidence_round, *rounds]) + 1)]


def _named(ids):
    return ", ".join(sorted(map(str, ids))) or "none"
