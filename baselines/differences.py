"""What differs between two baselines, in words; the descriptions are compared line by line elsewhere."""

from baselines.following import parameter_changes
from portal.text import one_line

MOST_EVIDENCE = 20  # of each, beyond which they are counted


def differences(before, after):
    """Sentences on name, labels, evidence and run, from one baseline to another; () when they agree."""
    return (
        *_changed("Name", before.name, after.name),
        *_labels(before, after),
        *_evidence(before, after),
        *_runs(before.execution, after.execution),
    )


def _changed(words, old, new):
    if old != new:
        yield f"{words}: {one_line(old)} → {one_line(new)}"


def _labels(before, after):
    old, new = ({label.key: label.value for label in each.labels.all()} for each in (before, after))
    for key, value in old.items():
        if key not in new:
            yield f"Label removed: {one_line(_label(key, value))}"
        elif new[key] != value:
            yield f"Label {one_line(key)}: {one_line(value or 'none')} → {one_line(new[key] or 'none')}"
    for key, value in new.items():
        if key not in old:
            yield f"Label added: {one_line(_label(key, value))}"


def _label(key, value):
    return f"{key}: {value}" if value else key


def _evidence(before, after):
    old, new = ({(row.kind, row.reference_id): row for row in each.evidence.all()} for each in (before, after))
    yield from _listed("removed", [old[key] for key in old if key not in new])
    yield from _listed("added", [new[key] for key in new if key not in old])


def _listed(verb, rows):
    for row in rows[:MOST_EVIDENCE]:
        yield f"Evidence {verb}: {one_line(row.label)}"
    if len(rows) > MOST_EVIDENCE:
        yield f"Evidence {verb}: {len(rows) - MOST_EVIDENCE} more"


def _runs(old, new):
    if old.pk == new.pk:
        return
    yield f"Run: {one_line(old.title)} → {one_line(new.title)}"
    yield from _changed("Protocol version", old.protocol_version, new.protocol_version)
    yield from parameter_changes(old.params, new.params)
