"""What differs between two ladders, in words and side by side: pure, so without a database."""

from governance.differences import compared_stages, differences

ADA, OTHER = "00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000002"


def stage(name="QA", **given):
    return {"name": name, "required_role": "qa", "sla_hours": None, **given}


def ladder(*stages, default=None, **given):
    head = {"name": "Release", "description": "", "default_stage_sla_hours": default, "permitted_roles": []}
    return {**head, **given, "stages": list(stages)}


def details(before, after, names=None):
    return [each["detail"] for each in differences(before, after, names)]


def test_the_head_is_told_in_words():
    before = ladder(stage(), default=12)
    after = ladder(stage(), name="Gate", description="For all", permitted_roles=["qa", "board"])
    assert details(before, after) == [
        "Name: Release → Gate",
        "Description: none → For all",
        "Default time limit: 12 hours → none",
        "Permitted roles: none → qa, board",
        "QA, time limit: the default → none",
    ]


def test_a_limit_of_its_own_in_place_of_the_default_is_told():
    assert details(ladder(stage(), default=12), ladder(stage(sla_hours=1), default=12)) == [
        "QA, time limit: the default → 1 hour"
    ]


def test_steps_and_gates_are_told_as_people_number_them():
    before, after = stage(stage_step_indexes=[0]), stage(stage_step_indexes=[0, 4], stage_gate_keys=["release"])
    assert details(ladder(before), ladder(after)) == ["QA, steps: 1 → 1, 5", "QA, gate keys: none → release"]


def test_another_person_of_the_same_name_is_a_difference():
    names = {ADA: "Ada Ng (ada@example.org)", OTHER: "Ada Ng (ada2@example.org)"}
    assert details(ladder(stage(assignee_id=ADA)), ladder(stage(assignee_id=OTHER)), names) == [
        "QA, assignee: Ada Ng (ada@example.org) → Ada Ng (ada2@example.org)"
    ]
    assert details(ladder(stage(assignee_id=ADA)), ladder(stage(assignee_id=OTHER))) == [
        "QA, assignee: a named person → a named person"
    ]


def test_a_name_that_comes_twice_hides_nothing():
    """Templates have distinct names; the stages that a requester gives need not."""
    before = ladder(stage(), stage())
    after = ladder(stage(required_role="board"), stage())
    assert details(before, after) == ["QA, role: qa → board"]
    assert details(before, ladder(stage())) == ["Stage removed: QA by any qa, no time limit"]


def test_side_by_side_says_what_happened_to_each_stage():
    before = ladder(stage("A"), stage("B"), stage("C"), stage("D"))
    after = ladder(stage("B"), stage("A"), stage("C", sla_hours=2), stage("E"))
    rows = [(row["kind"], row["before"][:1], row["after"][:1]) for row in compared_stages(before, after)]
    assert rows == [
        ("moved", "", "B"),
        ("same", "A", "A"),
        ("moved", "B", ""),
        ("changed", "C", "C"),
        ("removed", "D", ""),
        ("added", "", "E"),
    ]
