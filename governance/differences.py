"""What differs between two versions of a ladder, in words. Pure: definitions in, sentences out."""

from difflib import SequenceMatcher

from governance.stage_rules import people_told, rules_in_words
from ledger.canonical import canonical_text

HEADER_WORDS = {
    "name": "Name",
    "description": "Description",
    "default_stage_sla_hours": "Default time limit",
    "permitted_roles": "Permitted roles",
}
STAGE_WORDS = {
    "required_role": "role",
    "sla_hours": "time limit",
    "assignee_id": "assignee",
    "stage_step_indexes": "steps",
    "stage_gate_keys": "gate keys",
}
RULES = ("reminder_hours", "escalation", "exclude_uploaders")


def stage_in_words(stage, default_sla_hours=None, names=None):
    """For example "QA review by any qa_lead, within 24 hours; reminder 4 hours before".

    `names` maps the ids that `people_in` finds to printed names.
    """
    assignee, role = stage.get("assignee_id"), stage["required_role"]
    who = f"{(names or {}).get(assignee, 'a named person')} as {role}" if assignee else f"any {role}"
    hours = stage.get("sla_hours") or default_sla_hours
    limit = f", within {hours} hour{'' if hours == 1 else 's'}" if hours else ", no time limit"
    return "; ".join([f"{stage['name']} by {who}{limit}", *rules_in_words(stage.get("metadata"), names)])


def people_in(stages):
    """The ids of everybody whom stages name: assignees, and who is told when they are overdue."""
    assignees = {str(stage["assignee_id"]) for stage in stages if stage.get("assignee_id")}
    return assignees.union(*(people_told(stage.get("metadata")) for stage in stages))


def differences(before, after, names=None):
    """From one definition to another, as `{"part", "kind", "detail"}`; kind is added, removed or changed."""
    found = [
        {"part": field, "kind": "changed", "detail": f"{words}: {_shown(before[field])} → {_shown(after[field])}"}
        for field, words in HEADER_WORDS.items()
        if before[field] != after[field]
    ]
    return found + _stage_differences(before, after, names or {})


def _stage_differences(before, after, names):
    old = {stage["name"]: stage for stage in before["stages"]}
    new = {stage["name"]: stage for stage in after["stages"]}
    found = [_whole_stage("removed", old[name], before, names) for name in old if name not in new]
    found += [_whole_stage("added", new[name], after, names) for name in new if name not in old]
    for name in (name for name in new if name in old):
        was, becomes = _facts(old[name], names), _facts(new[name], names)
        for words in [words for words in becomes if was[words] != becomes[words]]:
            found.append(_line(name, "changed", f"{name}, {words}: {was[words]} → {becomes[words]}"))
    kept_before, kept_after = [name for name in old if name in new], [name for name in new if name in old]
    if kept_before != kept_after:
        found.append(_line("order", "changed", f"Order: {' → '.join(kept_before)} became {' → '.join(kept_after)}"))
    return found


def _facts(stage, names):
    """What a stage says but its name, as `{what: words}`."""
    metadata = stage.get("metadata") or {}
    shown = {words: _shown(stage.get(field)) for field, words in STAGE_WORDS.items()}
    shown["assignee"] = names.get(stage.get("assignee_id"), shown["assignee"])
    reminder, overdue, uploaders = ("; ".join(rules_in_words({rule: metadata.get(rule)}, names)) for rule in RULES)
    rest = {key: value for key, value in metadata.items() if key not in RULES}
    return shown | {
        "reminder": reminder.removeprefix("reminder ") or "none",
        "escalation": overdue or "none",
        "evidence uploaders": "do not sign" if uploaders else "may sign",
        "metadata": canonical_text(rest) if rest else "none",
    }


def _whole_stage(kind, stage, definition, names):
    words = stage_in_words(stage, definition["default_stage_sla_hours"], names)
    return _line(stage["name"], kind, f"Stage {kind}: {words}")


def side_by_side(before, after):
    """Rows of (stage before or None, stage after or None), aligned by name."""
    left, right = before["stages"], after["stages"]
    matcher = SequenceMatcher(None, [s["name"] for s in left], [s["name"] for s in right], autojunk=False)
    rows = []
    for _tag, i1, i2, j1, j2 in matcher.get_opcodes():
        span = max(i2 - i1, j2 - j1)
        rows += [(left[i1 + n] if i1 + n < i2 else None, right[j1 + n] if j1 + n < j2 else None) for n in range(span)]
    return rows


def _line(name, kind, detail):
    return {"part": f"stage:{name}", "kind": kind, "detail": detail}


def _shown(value):
    if value in (None, "", [], {}):
        return "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
