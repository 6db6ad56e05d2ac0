"""What the Differences tab compares a baseline with: the version before, the current one, any other that is seen.

And what changed each time it was submitted again.
"""

from difflib import unified_diff

from baselines.differences import differences, resubmitted
from baselines.enums import BaselineEventType

DIFF_LINES = 800
VERSIONS_OFFERED = 200


def comparison(found, others, current, *, against):
    """`others` are the versions the viewer sees, newest first; `against` is the id of one, else the one before."""
    others = list(others[:VERSIONS_OFFERED])
    before = _before(found, others)
    other = next((each for each in others if str(each.pk) == against), None) or before or next(iter(others), None)
    context = {"others": [(each, _words(each, before, current)) for each in others], "other": other}
    if other is None:
        return context
    return context | {"found": differences(other, found), **_lines(other.description, found.description)}


def changed_since(event):
    """What a `resubmitted` event changed, as `comparison` names it; None of another event or where nothing did."""
    if event.event_type != BaselineEventType.RESUBMITTED or not event.details["changes"]:
        return None
    changes = event.details["changes"]
    words = changes.get("description", {"before": "", "after": ""})
    return {"found": resubmitted(changes), **_lines(words["before"], words["after"])}


def _lines(before, after):
    """Of a unified diff of two descriptions, without the names on top; none when they are the same."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]
    return {"lines": lines[:DIFF_LINES], "more_lines": max(0, len(lines) - DIFF_LINES)}


def _before(found, others):
    """The version before this one; before an unpublished one, the last."""
    number = found.version_number
    return next((each for each in others if number is None or each.version_number < number), None)


def _words(each, before, current):
    parts = [f"v{each.version_number}, {each.name}"]
    if before and each.pk == before.pk:
        parts.append("the version before")
    if current and each.pk == current.pk:
        parts.append("the current one")
    return " · ".join(parts)
