import json
from dataclasses import FrozenInstanceError

import pytest

from governance.blueprint import DEFAULT_LADDER, MAX_STAGES, ad_hoc_ladder
from ledger.errors import Invalid


def test_without_a_wish_one_approver_signs():
    assert [(stage.required_role, stage.sla_hours) for stage in DEFAULT_LADDER.stages] == [("approver", None)]
    assert DEFAULT_LADDER.source == "default"


def test_a_request_becomes_frozen_stages_in_order():
    ladder = ad_hoc_ladder(
        [{"required_role": "qa", "sla_hours": 24, "metadata": {"a": 1}}, {"required_role": "qa_lead"}]
    )
    assert [stage.name for stage in ladder.stages] == ["Stage 1", "Stage 2"]
    assert (ladder.source, ladder.stages[0].sla_hours) == ("ad_hoc", 24)
    with pytest.raises(FrozenInstanceError):
        ladder.name = "Another"


def test_the_same_ladder_has_the_same_digest_and_another_another():
    stages = [{"name": "QA", "required_role": "qa", "sla_hours": 24}]
    assert ad_hoc_ladder(stages).digest() == ad_hoc_ladder([dict(reversed(stages[0].items()))]).digest()
    assert ad_hoc_ladder(stages).digest() != ad_hoc_ladder([{**stages[0], "sla_hours": 25}]).digest()


def test_the_text_holds_everything_that_is_signed():
    said = json.loads(ad_hoc_ladder([{"name": "QA", "required_role": "qa"}]).text())
    assert said["schema"] == "biolabs-ladder/1"
    [stage] = said["stages"]
    signed = {"name": "QA", "required_role": "qa", "assignee_id": None, "delegate_id": None, "sla_hours": None}
    assert {key: stage[key] for key in signed} == signed


def faults(stages):
    with pytest.raises(Invalid) as caught:
        ad_hoc_ladder(stages)
    return [error["field"] for error in caught.value.errors]


@pytest.mark.parametrize("stages", [[], None, {}, "qa", 7, [{"required_role": "qa"}] * (MAX_STAGES + 1)])
def test_a_ladder_is_a_list_of_one_to_two_hundred_stages(stages):
    assert faults(stages) == ["approval_stages"]


@pytest.mark.parametrize("role", [None, "", "QA", "q" * 51, "qa\n", "qa lead", 7, ["qa"], "\x00"])
def test_a_role_is_a_slug(role):
    assert faults([{"required_role": role}]) == ["approval_stages.0.required_role"]


@pytest.mark.parametrize("hours", [0, -1, 8761, 1.5, "24", True, [], float("nan"), 2**60])
def test_a_time_limit_is_whole_hours_up_to_a_year(hours):
    assert faults([{"required_role": "qa", "sla_hours": hours}]) == ["approval_stages.0.sla_hours"]


@pytest.mark.parametrize("name", ["x" * 201, "two\nlines", "NUL\x00", 7, ["QA"]])
def test_a_name_is_one_short_line(name):
    assert faults([{"required_role": "qa", "name": name}]) == ["approval_stages.0.name"]


@pytest.mark.parametrize("entry", [None, "qa", 7, ["qa"]])
def test_a_stage_is_an_object(entry):
    assert faults([{"required_role": "qa"}, entry]) == ["approval_stages.1"]


def test_every_wrong_field_of_every_stage_is_named():
    stages = [{"required_role": "QA", "color": "red"}, {"required_role": "qa", "assignee_id": 7, "metadata": "x"}]
    assert sorted(faults(stages)) == [
        "approval_stages.0.color",
        "approval_stages.0.required_role",
        "approval_stages.1.assignee_id",
        "approval_stages.1.metadata",
    ]


@pytest.mark.parametrize("value", [float("nan"), 2**60, "\x00", "\ud800"])
def test_metadata_that_has_no_canonical_form_is_refused(value):
    with pytest.raises(Invalid):
        ad_hoc_ladder([{"required_role": "qa", "metadata": {"a": value}}]).digest()
