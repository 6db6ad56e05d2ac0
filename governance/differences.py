"""What differs between two versions of a ladder, in words. Pure: definitions in, sentences out."""

from difflib import SequenceMatcher

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
    "metadata": "metadata",
}


def stage_in_words(stage, default_sla_hours=None, names=None):
    """For example "QA review by any qa_lead, within 24 hours"; `names` maps assignee ids to printed names."""
    assignee, role = stage.get("assignee_id"), stage["required_role"]
    who = f"{(names or {}).get(assignee, 'a named person')} as {role}" if assignee else f"any {role}"
    hours = stage.get("sla_hours") or default_sla_hours
    limit = f", within {hours} hour{'' if hours == 1 else 's'}" if hours else ", no time limit"
    return f"{stage['name']} by {who}{limit}"


def differences(before, after):
    """From one definition to another, as `{"part", "kind", "detail"}`; kind is added, removed or changed."""
    found = [
        {"part": field, "kind": "changed", "detail": f"{words}: {_shown(before[field])} → {_shown(after[field])}"}
        for field, words in HEADER_WORDS.items()
        if before[field] != after[field]
    ]
    return found + _stage_differences(before, after)


def _stage_differences(before, after):
    old = {stage["name"]: stage for stage in before["stages"]}
    new = {stage["name"]: stage for stage in after["stages"]}
    found = [_whole_stage("removed", old[name], before) for name in old if name not in new]
    found += [_whole_stage("added", new[name], after) for name in new if name not in old]
    for name in (name for name in new if name in old):
        for field, words in STAGE_WORDS.items():
            was, becomes = old[name].get(field), new[name].get(field)
            if was != becomes:
                found.append(_line(name, "changed", f"{name}, {words}: {_shown(was)} → {_shown(becomes)}"))
    kept_before, kept_after = [name for name in old if name in new], [name for name in new if name in old]
    if kept_before != kept_after:
        found.append(_line("order", "changed", f"Order: {' → '.join(kept_before)} became {' → '.join(kept_after)}"))
    return found


def _whole_stage(kind, stage, definition):
    words = stage_in_words(stage, definition["default_stage_sla_hours"])
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
