"""What changed between two revisions of a notebook entry."""

import difflib
from dataclasses import dataclass

MOST_LINES = 3000


@dataclass(frozen=True)
class Line:
    """`kind` is `hunk`, `same`, `gone` or `new`."""

    kind: str
    text: str


def changes(before, after):
    """Unified differences line by line, or None for texts too long to compare on a page."""
    old, new = before.split("\n"), after.split("\n")
    if max(len(old), len(new)) > MOST_LINES:
        return None
    compared = difflib.unified_diff(old, new, n=3, lineterm="")
    return [_line(line) for line in list(compared)[2:]]


def _line(line):
    kinds = {"@": "hunk", "-": "gone", "+": "new"}
    return Line(kinds.get(line[0], "same"), line)
