import base64
import json

import pytest

from evidence.catalog import discover
from evidence.tests import factories
from evidence.tests.test_kinds import EVENTS, upload
from evidence.transitions import create_notebook_entry, edit_notebook_entry, store_file
from ledger.errors import Invalid


@pytest.fixture
def filled(execution, runner):
    factories.record(execution, runner, *EVENTS.values())
    create_notebook_entry(by=runner, execution=execution, title="Master mix", content="20 µl of enzyme")
    store_file(upload(), by=runner, execution=execution)
    return execution


def types(page):
    return [item["type"] for item in page]


def test_everything_is_found_once_newest_first_as_what_it_most_specially_is(filled):
    page = discover(filled)
    assert page.next_cursor is None
    assert types(page) == [
        "file", "notebook_entry", "remediation_report", "analytics_snapshot", "qc_metric",
        "timeline_event", "timeline_event",
    ]  # fmt: skip


def test_an_item_has_the_shape_of_the_contract(filled):
    for item in discover(filled):
        assert set(item) == {"id", "type", "label", "snapshot", "context"}
        assert item["context"]["execution_id"] == str(filled.pk)
        json.dumps(item)


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        (["file"], 1),
        (["notebook_entry"], 1),
        (["qc_metric"], 1),
        (["qc_metric", "file"], 2),
        (["timeline_event"], 5),
        ([], 0),
    ],
)
def test_kinds_narrow_the_list(filled, kinds, count):
    found = types(discover(filled, kinds=kinds))
    assert len(found) == count
    assert set(found) == set(kinds)


@pytest.mark.parametrize(
    ("q", "labels"),
    [
        ("plate3", ["plate3_raw.eds"]),
        ("ENZYME", ["Master mix"]),
        ("cloudy", ["Well C7 looks cloudy"]),
        ("r_squared", ["Standard curve"]),
        ("100%", []),
        ("_", None),
        ("no such thing", []),
    ],
)
def test_a_search_reads_names_texts_and_payloads(filled, q, labels):
    found = [item["label"] for item in discover(filled, q=q)]
    assert labels is None or found == labels


@pytest.mark.parametrize("limit", [1, 2, 3, 50])
def test_pages_hold_everything_once(filled, limit):
    whole = [item["id"] for item in discover(filled)]
    seen, cursor = [], None
    while True:
        page = discover(filled, cursor=cursor, limit=limit)
        seen += [item["id"] for item in page]
        cursor = page.next_cursor
        if cursor is None:
            break
        assert len(page) == limit
    assert seen == whole


def test_nothing_of_another_run_is_found(filled, runner, lab):
    other = factories.run(runner, team=lab, title="Another")
    assert types(discover(other)) == ["timeline_event"]


def test_an_edited_entry_shows_its_newest_revision_once(filled, runner):
    entry = filled.notebook_entries.get()
    edit_notebook_entry(entry, by=runner, title="Newer", content="text", expected_revision=1)
    (item,) = discover(filled, kinds=["notebook_entry"])
    assert (item["label"], item["snapshot"]["revision"]) == ("Newer", 2)


def test_thirty_of_everything_take_as_many_queries_as_one(filled, runner, django_assert_num_queries):
    with django_assert_num_queries(3):
        discover(filled)
    factories.record(filled, runner, *[("qc.reading", {"n": n}) for n in range(30)])
    for number in range(30):
        create_notebook_entry(by=runner, execution=filled, title=f"Entry {number}")
        store_file(upload(str(number).encode()), by=runner, execution=filled)
    with django_assert_num_queries(3):
        assert len(discover(filled, limit=200)) == 97


def cursor_of(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense", "é", "====", "\x00", "a" * 5000,
        *map(cursor_of, [[], 5, None, "x", {"z": 1}, {"e": "1"}, {"e": -1}, {"e": 2**70}, {"e": True}, {"f": 1},
                         {"f": ["x", "y"]}, {"f": ["2026-11-25T00:00:00", "x"]}, {"f": ["2026-99-25T00:00:00Z", "x"]},
                         {"f": [None, None]}, {"n": ["2026-11-25T00:00:00Z", 5]}]),
    ],
)  # fmt: skip
def test_a_foreign_cursor_is_refused(filled, cursor):
    with pytest.raises(Invalid) as refusal:
        discover(filled, cursor=cursor)
    assert refusal.value.code == "invalid_cursor"


@pytest.mark.parametrize("kinds", [["video"], [None], [["file"]], ["file", "\ud800"]])
def test_an_unknown_kind_is_refused(filled, kinds):
    with pytest.raises(Invalid):
        discover(filled, kinds=kinds)


@pytest.mark.parametrize("q", ["x" * 201, "\x00", "\ud800", 5])
def test_a_search_that_no_database_takes_is_refused(filled, q):
    with pytest.raises(Invalid):
        discover(filled, q=q)
