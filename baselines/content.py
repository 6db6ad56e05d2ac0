"""What a baseline says, as its events keep it."""

from baselines.models import BaselineLabel, BaselineReviewer
from ledger.canonical import sha256_text


def content_of(baseline):
    """Everything that a resubmission may change, as it is in the database now."""
    rows = BaselineLabel.objects.filter(baseline=baseline).order_by("id")
    reviewers = BaselineReviewer.objects.filter(baseline=baseline).select_related("user").order_by("id")
    return {
        "name": baseline.name,
        "description": baseline.description,
        "labels": labels_as_json(rows.values_list("key", "value")),
        "reviewers": people_as_json(row.user for row in reviewers),
        "evidence": evidence_as_json(baseline.evidence),
    }


def changes(before, after):
    """What differs between two contents, as a `resubmitted` event names it."""
    return {key: {"before": before[key], "after": after[key]} for key in after if before[key] != after[key]}


def labels_as_json(pairs):
    return [{"key": key, "value": value} for key, value in pairs]


def people_as_json(people):
    return [{"id": str(person.pk), "name": person.printed_name} for person in people]


def evidence_as_json(rows):
    return [
        {
            "kind": str(row.kind),
            "id": str(row.reference_id),
            "label": row.label,
            "snapshot_digest": sha256_text(row.snapshot_text),
        }
        for row in rows
    ]
