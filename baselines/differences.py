"""What differs between two baselines, or between two submissions of one, in words.

The descriptions are compared line by line elsewhere.
"""

from baselines.following import parameter_changes
from portal.text import one_line

MOST_LISTED = 20  # of each, beyond which they are counted


def differences(before, after):
    """Sentences on name, labels, evidence and run, from one baseline to another; () when they agree."""
    return (
        *_changed("Name", before.name, after.name),
        *_labels(*({label.key: label.value for label in each.labels.all()} for each in (before, after))),
        *_evidence(*({(row.kind, row.reference_id): row.label for row in each.evidence} for each in (before, after))),
        *_runs(before.execution, after.execution),
    )


def resubmitted(changes):
    """Sentences on what a `resubmitted` event names."""
    sentences = []
    for part, tell in _RESUBMITTED.items():
        if part in changes:
            sentences += tell(changes[part]["before"], changes[part]["after"])
    return tuple(sentences)


def _changed(words, old, new):
    if old != new:
        yield f"{words}: {one_line(old)} → {one_line(new)}"


def _labels(old, new):
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


def _evidence(old, new):
    return _one_by_one("Evidence", old, new)


def _one_by_one(noun, old, new):
    """What left and what came, of two {key: words}."""
    yield from _listed(f"{noun} removed", [words for key, words in old.items() if key not in new])
    yield from _listed(f"{noun} added", [words for key, words in new.items() if key not in old])


def _listed(happened, all_words):
    for words in all_words[:MOST_LISTED]:
        yield f"{happened}: {one_line(words)}"
    if len(all_words) > MOST_LISTED:
        yield f"{happened}: {len(all_words) - MOST_LISTED} more"


def _runs(old, new):
    if old.pk == new.pk:
        return
    yield f"Run: {one_line(old.title)} → {one_line(new.title)}"
    yield from _changed("Protocol version", old.protocol_version, new.protocol_version)
    yield from parameter_changes(old.params, new.params)


_RESUBMITTED = {
    "name": lambda before, after: _changed("Name", before, after),
    "labels": lambda *both: _labels(*({each["key"]: each["value"] for each in labels} for labels in both)),
    "reviewers": lambda *both: _one_by_one(
        "Reviewer", *({each["id"]: each["name"] for each in people} for people in both)
    ),
    "evidence": lambda *both: _evidence(*({each["id"]: each["label"] for each in rows} for rows in both)),
}
