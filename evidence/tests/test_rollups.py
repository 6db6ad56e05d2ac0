import pytest

from evidence.rollups import metric_rollup, reading_count, readings_summary, remediation_actions


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ({"b": 1, "a": {"deep": 2}}, {"count": 2, "keys": ["a", "b"]}),
        ({}, {"count": 0, "keys": []}),
        ([{"name": "ct"}, "slope", {"key": "r2"}, 5, {}], {"count": 5, "keys": ["ct", "slope", "r2"]}),
        ("text", None),
        (7, None),
        (None, None),
    ],
)
def test_metrics_are_counted_and_named(metrics, expected):
    assert metric_rollup({"metrics": metrics}) == expected


def test_a_payload_without_metrics_or_readings_has_no_roll_up():
    assert (metric_rollup({}), readings_summary({}), remediation_actions({})) == (None, None, None)


def test_readings_are_summed_up():
    payload = {"readings": [{"value": 10}, {"value": 20}, {"value": 2.5}]}
    assert readings_summary(payload) == {"min": 2.5, "max": 20, "avg": pytest.approx(10.8333333)}
    assert reading_count(payload) == 3


def test_what_is_no_number_is_left_out():
    odd = ["1", None, True, False, [], {}, float("nan"), float("inf")]
    payload = {"readings": [{"value": value} for value in odd] + [{}, 5, "x", None, {"value": 4}]}
    assert readings_summary(payload) == {"min": 4, "max": 4, "avg": 4}


@pytest.mark.parametrize("readings", [None, {}, "x", 3, [], [{"value": "x"}], [[1, 2]]])
def test_readings_without_a_number_have_no_summary(readings):
    assert readings_summary({"readings": readings}) is None


def test_huge_readings_do_not_overflow():
    assert readings_summary({"readings": [{"value": 1.5e308}, {"value": 1.5e308}]})["avg"] == 1.5e308


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ({"actions": ["a", {"action": "b"}]}, ["a", {"action": "b"}]),
        ({"results": [{"action": "a", "status": "executed"}, {"status": "failed"}, "x"]}, ["a"]),
        ({"actions": "a"}, None),
        ({"actions": []}, []),
    ],
)
def test_the_actions_of_a_remediation(payload, expected):
    assert remediation_actions(payload) == expected


def test_endless_lists_are_cut():
    assert len(remediation_actions({"actions": list(range(1000))})) == 200
    assert metric_rollup({"metrics": {str(n): n for n in range(1000)}})["count"] == 1000
