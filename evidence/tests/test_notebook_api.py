import uuid

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from evidence.models import NotebookEntry, NotebookRevision
from evidence.tests import factories
from evidence.tests.test_files_api import signed_in
from evidence.transitions import create_notebook_entry
from ledger.canonical import sha256_text

URL = "/api/notebook/entries"


@pytest.fixture
def api(runner):
    return signed_in(runner)


def post(api, **body):
    return api.post(URL, body, content_type="application/json")


def patch(api, pk, **body):
    return api.patch(f"{URL}/{pk}", body, content_type="application/json")


def test_an_entry_is_written_with_its_first_revision(api, runner, execution):
    response = post(api, title=" Master  mix ", content="# Mix\n\n  20 µl\n", execution_id=str(execution.pk))
    assert response.status_code == 201
    body = response.json()
    assert (body["title"], body["content"], body["revision"]) == ("Master mix", "# Mix\n\n  20 µl\n", 1)
    assert body["execution_id"] == str(execution.pk)
    assert body["created_by"] == {"id": str(runner.pk), "email": runner.email, "full_name": "Lea"}
    revision = NotebookRevision.objects.get()
    assert (revision.number, revision.content, revision.edited_by_name) == (1, body["content"], "Lea")
    assert revision.sha256 == sha256_text(body["content"])
    assert api.get(f"{URL}/{body['id']}").json() == body


def test_every_edit_keeps_the_revision_before(api, execution, colleague):
    pk = post(api, title="Mix", content="one", execution_id=str(execution.pk)).json()["id"]
    changed = patch(signed_in(colleague), pk, content="two", revision=1)
    assert (changed.status_code, changed.json()["revision"], changed.json()["title"]) == (200, 2, "Mix")
    revisions = api.get(f"{URL}/{pk}/revisions").json()["items"]
    assert [(row["number"], row["content"], row["edited_by"]["full_name"]) for row in revisions] == [
        (2, "two", "Jonas"),
        (1, "one", "Lea"),
    ]


def test_an_edit_of_an_older_revision_is_refused_and_writes_nothing(api, colleague, execution):
    pk = post(api, title="Mix", content="one", execution_id=str(execution.pk)).json()["id"]
    patch(signed_in(colleague), pk, content="two", revision=1)
    late = patch(api, pk, content="three", revision=1)
    assert late.status_code == 409
    assert (late.json()["code"], late.json()["revision"]) == ("stale_revision", 2)
    assert late.json()["detail"].startswith("Jonas saved revision 2 on ")
    assert NotebookEntry.objects.get().content == "two"
    assert NotebookRevision.objects.count() == 2


def test_without_a_revision_the_newest_is_meant(api):
    pk = post(api, title="Mix").json()["id"]
    assert patch(api, pk, title="Other").json()["revision"] == 2


def test_an_edit_that_changes_nothing_writes_nothing(api):
    pk = post(api, title="Mix", content="one").json()["id"]
    assert patch(api, pk, title="Mix", content="one", revision=1).json()["revision"] == 1
    assert NotebookRevision.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {}, {"title": ""}, {"title": "   "}, {"title": "x" * 201}, {"title": None}, {"title": ["x"]},
        {"title": "x", "content": 5.5, "execution_id": "nonsense"}, {"title": "x", "content": {}},
        {"title": "x", "content": "y" * 1_000_001}, {"title": "x", "execution_id": []}, {"title": "x", "surprise": 1},
        {"title": "a\x00b"}, {"title": "x", "content": "a\x00b"},
    ],
)  # fmt: skip
def test_a_malformed_entry_is_refused(api, body):
    assert post(api, **body).status_code == 400
    assert NotebookEntry.objects.count() == 0


@pytest.mark.parametrize(
    "raw", [b'{"title": "\\ud800"}', b"[]", b"nonsense", b"[" * 100_000, b'{"title": NaN}', b"\xff"]
)
def test_malformed_json_is_refused(api, raw):
    assert api.generic("POST", URL, raw, "application/json").status_code == 400
    assert NotebookEntry.objects.count() == 0


@pytest.mark.parametrize(
    "body", [{"revision": 0}, {"revision": "x"}, {"revision": 2**40}, {"title": ""}, {"title": None}, {"id": "x"}]
)
def test_a_malformed_change_is_refused(api, body):
    pk = post(api, title="Mix").json()["id"]
    assert patch(api, pk, **body).status_code == 400
    assert NotebookRevision.objects.count() == 1


def test_what_a_stranger_may_not_see_is_not_there(api, execution, stranger):
    pk = post(api, title="Mix", execution_id=str(execution.pk)).json()["id"]
    client = signed_in(stranger)
    for path in (f"{URL}/{pk}", f"{URL}/{pk}/revisions", f"{URL}/{uuid.uuid4()}", f"{URL}/nonsense"):
        assert client.get(path).status_code == 404
    assert patch(client, pk, title="Mine").status_code == 404
    assert post(client, title="x", execution_id=str(execution.pk)).status_code == 404
    assert client.get(URL).json()["items"] == []
    assert client.get(URL, {"execution_id": str(execution.pk)}).status_code == 404


def test_who_only_sees_a_run_reads_its_notebook_and_does_not_write_it(api, execution, stranger):
    pk = post(api, title="Mix", execution_id=str(execution.pk)).json()["id"]
    execution.access.create(user=stranger, reason="may sign")
    client = signed_in(stranger)
    assert client.get(f"{URL}/{pk}").status_code == 200
    assert patch(client, pk, title="Mine").status_code == 403
    assert post(client, title="x", execution_id=str(execution.pk)).status_code == 403
    assert NotebookRevision.objects.count() == 1


def test_nobody_writes_without_signing_in(client, db):
    assert post(client, title="x").status_code == 401
    assert client.get("/api/evidence").status_code == 401


def test_lists_take_as_many_queries_for_thirty_as_for_one(api, runner, execution):
    counts = []
    for number in (1, 29):
        for each in range(number):
            create_notebook_entry(by=runner, title=f"{number} {each}", execution=execution)
        with CaptureQueriesContext(connection) as queries:
            assert len(api.get(URL).json()["items"]) in (1, 30)
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_entries_page_newest_first(api):
    for number in range(3):
        post(api, title=str(number))
    first = api.get(URL, {"limit": 2}).json()
    second = api.get(URL, {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["title"] for item in first["items"] + second["items"]] == ["2", "1", "0"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "cursor=nonsense", "cursor=%00", "limit=-5"])
@pytest.mark.parametrize("path", [URL, "/api/files", "/api/evidence", "/api/data/evidence"])
def test_a_malformed_limit_or_cursor_is_refused(api, execution, path, query):
    assert api.get(f"{path}?execution_id={execution.pk}&{query}").status_code == 400


# --- Discovery ------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(execution, runner):
    factories.record(
        execution,
        runner,
        ("qc.plate", {"readings": [{"value": 1}, {"value": 3}]}),
        ("analytics.curve", {"metrics": {"slope": 1}}),
        ("remediation.note", {"actions": ["swap"]}),
    )
    create_notebook_entry(by=runner, title="Mix", execution=execution)
    return execution


def found(api, path, **query):
    response = api.get(path, query)
    assert response.status_code == 200, response.content
    return [item["type"] for item in response.json()["items"]]


def test_discovery_by_path_type_and_domain(api, filled):
    run = str(filled.pk)
    assert found(api, f"{URL}/evidence", execution_id=run) == ["notebook_entry"]
    assert found(api, "/api/data/evidence", execution_id=run, domain="qc_metric") == ["qc_metric"]
    assert sorted(found(api, "/api/data/evidence", execution_id=run)) == [
        "analytics_snapshot", "qc_metric", "remediation_report",
    ]  # fmt: skip
    assert found(api, "/api/evidence", execution_id=run, type="file") == []
    assert len(found(api, "/api/evidence", execution_id=run)) == 5
    assert found(api, "/api/evidence", execution_id=run, q="slope") == ["analytics_snapshot"]


def test_a_snapshot_carries_its_roll_ups(api, filled):
    items = api.get("/api/evidence", {"execution_id": str(filled.pk)}).json()["items"]
    snapshots = {item["type"]: item["snapshot"] for item in items}
    assert snapshots["qc_metric"]["readings_summary"] == {"min": 1, "max": 3, "avg": 2}
    assert snapshots["analytics_snapshot"]["metric_rollup"] == {"count": 1, "keys": ["slope"]}
    assert snapshots["remediation_report"]["actions"] == ["swap"]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/api/evidence", {"type": "video"}, 400),
        ("/api/evidence", {"type": "\x00"}, 400),
        ("/api/data/evidence", {"domain": "file"}, 400),
        ("/api/evidence", {"q": "x" * 300}, 400),
        ("/api/evidence", {"q": "\x00"}, 400),
        ("/api/evidence", {"execution_id": ""}, 400),
        ("/api/evidence", {"execution_id": "nonsense"}, 404),
        ("/api/evidence", {"execution_id": str(uuid.uuid4())}, 404),
    ],
)
def test_a_discovery_that_makes_no_sense_is_refused(api, filled, path, query, status):
    assert api.get(path, {"execution_id": str(filled.pk)} | query).status_code == status


def test_discovery_of_a_run_one_does_not_see(filled, stranger):
    assert signed_in(stranger).get("/api/evidence", {"execution_id": str(filled.pk)}).status_code == 404
