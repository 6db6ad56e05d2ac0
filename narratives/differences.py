"""What changed between two versions of a run's narrative and of its evidence."""

from difflib import SequenceMatcher
from itertools import zip_longest

from narratives.rendering import blocks

CONTEXT = 3
WORDS_APART = 400  # lines in a block beyond which it is replaced as a whole


def narrative_diff(old, new, *, old_name, new_name):
    """Lines of a unified diff without line ends, [] when the texts are equal.

    Blocks are matched by what they are and lines only inside differing blocks: linear in the length.
    """
    if old == new:
        return []
    before, after, steps = _steps(old, new)
    matcher = SequenceMatcher(None, "", "")
    matcher.opcodes = steps  # grouping needs the steps only
    lines = [f"--- {old_name}", f"+++ {new_name}"]
    for group in matcher.get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        lines.append(f"@@ -{_span(first[1], last[2])} +{_span(first[3], last[4])} @@")
        for tag, i1, i2, j1, j2 in group:
            if tag == "equal":
                lines += [f" {line}" for line in before[i1:i2]]
                continue
            lines += [f"-{line}" for line in before[i1:i2]]
            lines += [f"+{line}" for line in after[j1:j2]]
    return lines


def _span(start, stop):
    length = stop - start
    beginning = start + 1 if length else start
    return f"{beginning}" if length == 1 else f"{beginning},{length}"


def _steps(old, new):
    """Both texts as lines, and the steps (as difflib's opcodes) that turn one into the other."""
    before, after, steps = [], [], []

    def step(tag, removed, added):
        if removed or added:
            steps.append((tag, len(before), len(before) + len(removed), len(after), len(after) + len(added)))
            before.extend(removed)
            after.extend(added)

    for ours, theirs in _pairs(old, new):
        if ours == theirs:
            step("equal", ours, theirs)
            continue
        if not ours or not theirs or len(ours) + len(theirs) > 2 * WORDS_APART:
            step("replace" if ours and theirs else "delete" if ours else "insert", ours, theirs)
            continue
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
            step(tag, ours[i1:i2], theirs[j1:j2])
    return before, after, _joined(steps)


def _pairs(old, new):
    """Lines of matching blocks of both texts: summary, events by position, evidence."""
    before, after = _by_kind(old), _by_kind(new)
    for kind in ("summary", "event", "evidence"):
        yield from zip_longest(before[kind], after[kind], fillvalue=[])


def _by_kind(text):
    found = {"summary": [], "event": [], "evidence": []}
    for block in blocks(text):
        found[block.kind].append([*block.markdown.rstrip("\n").split("\n"), ""])
    return found


def _joined(steps):
    """Neighbouring steps of one kind as one."""
    joined = []
    for step in steps:
        if joined and joined[-1][0] == step[0] and (joined[-1][2], joined[-1][4]) == (step[1], step[3]):
            tag, i1, _, j1, _ = joined.pop()
            joined.append((tag, i1, step[2], j1, step[4]))
        else:
            joined.append(step)
    return joined


def evidence_diff(old, new):
    """`{"added", "removed", "changed"}`: attachments by kind and reference; `changed` has pairs (old, new)."""
    before = {_identity(attachment): attachment for attachment in old}
    after = {_identity(attachment): attachment for attachment in new}
    return {
        "added": [attachment for key, attachment in after.items() if key not in before],
        "removed": [attachment for key, attachment in before.items() if key not in after],
        "changed": [
            (before[key], attachment)
            for key, attachment in after.items()
            if key in before and _said(before[key]) != _said(attachment)
        ],
    }


def _identity(attachment):
    return attachment.evidence.evidence_type, attachment.evidence.reference_id


def _said(attachment):
    evidence = attachment.evidence
    return attachment.label, attachment.context_text, evidence.sha256, evidence.snapshot_text
