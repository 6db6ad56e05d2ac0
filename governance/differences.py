"""What differs between two versions of a ladder, in words. Pure: definitions in, sentences out."""

from collections import Counter
from difflib import SequenceMatcher

from governance.stage_rules import RULES, counted, people_told, rules_in_words
from governance.stage_words import stage_in_words, steps_in_words
from ledger.canonical import canonical_text

HEADER_WORDS = {
    "name": "Name",
    "description": "Description",
    "default_stage_sla_hours": "Default time limit",
    "permitted_roles": "Permitted roles",
}
RULES_OF = {"reminder": "reminder_hours", "escalation": "escalation", "evidence uploaders": "exclude_uploaders"}


def people_in(stages):
    """The ids of everybody whom stages name: assignees, and who is told when they are overdue."""
    assignees = {str(stage["assignee_id"]) for stage in stages if stage.get("assignee_id")}
    return assignees.union(*(people_told(stage.get("metadata")) for stage in stages))


def differences(before, after, names=None):
    """From one definition to another, as `{"part", "kind", "detail"}`; kind is added, removed or changed."""
    found = [
        {"part": field, "kind": "changed", "detail": f"{words}: {_head(before, field)} → {_head(after, field)}"}
        for field, words in HEADER_WORDS.items()
        if before[field] != after[field]
    ]
    return found + _stage_differences(before, after, names or {})


def _stage_differences(before, after, names):
    old, new = by_name(before["stages"]), by_name(after["stages"])
    found = [_whole_stage("removed", old[name], before, names) for name in old if name not in new]
    found += [_whole_stage("added", new[name], after, names) for name in new if name not in old]
    for name in (name for name in new if name in old):
        was, becomes = _facts(old[name], before, names), _facts(new[name], after, names)
        for what in [what for what in becomes if was[what][0] != becomes[what][0]]:
            found.append(_line(name, "changed", f"{name}, {what}: {was[what][1]} → {becomes[what][1]}"))
    kept_before, kept_after = [name for name in old if name in new], [name for name in new if name in old]
    if kept_before != kept_after:
        found.append(_line("order", "changed", f"Order: {' → '.join(kept_before)} became {' → '.join(kept_after)}"))
    return found


def by_name(stages):
    """Stages by name; in a ladder of one's own a name may come twice, then the second is "name (2)"."""
    found, seen = {}, Counter()
    for stage in stages:
        name = stage["name"]
        seen[name] += 1
        found[name if seen[name] == 1 else f"{name} ({seen[name]})"] = stage
    return found


def _facts(stage, definition, names):
    """What a stage says but its name, as `{what: (value, words)}`."""
    metadata = stage.get("metadata") or {}
    rest = {key: value for key, value in metadata.items() if key not in RULES}
    assignee, hours, role = stage.get("assignee_id"), stage.get("sla_hours"), stage["required_role"]
    indexes, gates = list(stage.get("stage_step_indexes") or ()), list(stage.get("stage_gate_keys") or ())
    default = "the default" if definition["default_stage_sla_hours"] else "none"
    return {
        "role": (role, role),
        "time limit": (hours or default, counted(hours) if hours else default),
        "assignee": (assignee, names.get(assignee, "a named person") if assignee else "none"),
        "steps": (indexes, steps_in_words(indexes) or "none"),
        "gate keys": (gates, ", ".join(gates) or "none"),
        **{what: _rule(metadata, member, names) for what, member in RULES_OF.items()},
        "metadata": (rest, canonical_text(rest) if rest else "none"),
    }


def _rule(metadata, member, names):
    value = metadata.get(member) or None
    words = "; ".join(rules_in_words({member: value}, names)) or "none"
    if member == "exclude_uploaders":
        return value, "do not sign" if value else "may sign"
    return value, words.removeprefix("reminder ")


def _whole_stage(kind, stage, definition, names):
    return _line(stage["name"], kind, f"Stage {kind}: {_words(stage, definition, names)}")


def compared_stages(before, after, names=None):
    """Side by side, in order, as `{"kind", "before", "after"}` in words, "" for what is not there.

    `kind` is same, changed, added, removed or moved; a stage that moved has one row for each of its places.
    """
    left, right = (list(by_name(definition["stages"]).items()) for definition in (before, after))
    old, new = [name for name, _ in left], [name for name, _ in right]
    rows = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        was = [_words(stage, before, names) for _, stage in left[i1:i2]]
        becomes = [_words(stage, after, names) for _, stage in right[j1:j2]]
        if tag == "equal":
            rows += [_row("same" if a == b else "changed", a, b) for a, b in zip(was, becomes, strict=True)]
        else:
            rows += [
                _row("moved" if name in new else "removed", words) for name, words in zip(old[i1:i2], was, strict=True)
            ]
            rows += [
                _row("moved" if name in old else "added", "", words)
                for name, words in zip(new[j1:j2], becomes, strict=True)
            ]
    return rows


def _row(kind, before, after=""):
    return {"kind": kind, "before": before, "after": after}


def _words(stage, definition, names):
    return stage_in_words(stage, definition["default_stage_sla_hours"], names)


def _line(name, kind, detail):
    return {"part": f"stage:{name}", "kind": kind, "detail": detail}


def _head(definition, field):
    value = definition[field]
    if value in (None, "", []):
        return "none"
    if field == "default_stage_sla_hours":
        return counted(value)
    return ", ".join(value) if isinstance(value, list) else value
