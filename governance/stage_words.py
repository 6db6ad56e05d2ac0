"""A stage of a ladder in plain words. Pure: stages in the shape of the API in, words out."""

from governance.stage_rules import counted, rules_in_words


def stage_in_words(stage, default_sla_hours=None, names=None):
    """For example "QA review by any qa_lead, within 24 hours; reminder 4 hours before".

    `names` maps the ids that `people_in` finds to printed names.
    """
    return "; ".join(stage_parts(stage, default_sla_hours, names))


def stage_parts(stage, default_sla_hours=None, names=None):
    """What `stage_in_words` says, one entry for each thing; who signs, and until when, comes first."""
    assignee, role = stage.get("assignee_id"), stage["required_role"]
    who = f"{(names or {}).get(assignee, 'a named person')} as {role}" if assignee else f"any {role}"
    hours = stage.get("sla_hours") or default_sla_hours
    limit = f"within {counted(hours)}" if hours else "no time limit"
    return [f"{stage['name']} by {who}, {limit}", *_mapping(stage), *rules_in_words(stage.get("metadata"), names)]


def steps_in_words(indexes):
    """Steps are numbered from 1 for people, as the page of a run does: `[0, 2]` is "1, 3"."""
    return ", ".join(str(index + 1) for index in indexes or ())


def _mapping(stage):
    indexes, gates = stage.get("stage_step_indexes") or (), stage.get("stage_gate_keys") or ()
    words = [f"covers step{_s(indexes)} {steps_in_words(indexes)}"] if indexes else []
    return words + ([f"gate{_s(gates)} {', '.join(gates)}"] if gates else [])


def _s(values):
    return "" if len(values) == 1 else "s"
