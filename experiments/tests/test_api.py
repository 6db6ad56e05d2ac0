import json
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from rest_framework.test import APIClient

from experiments import session
from experiments.models import Booking, Execution, ExecutionEvent, InventoryItem, Protocol
from experiments.tests.recorded import assert_chain, assert_golden, assert_recorded, events_of
from experiments.transitions import append_events, move_step, start_execution
from experiments.transitions_stock import create_booking, create_equipment, create_item, create_resource

BASE = "/api/experiment-console/sessions"
NOBODY = "3b7e7f4e-0f1c-4d1b-9a55-6c0a2d9a1f10"
NOTE = {"event_type": "note.operator", "payload": {"text": "Lid was loose"}}
SESSION_KEYS = {
    "execution", "protocol", "steps", "notebook_entries", "inventory_items", "bookings", "timeline_preview",
}  # fmt: skip


def client(user):
    api = APIClient(raise_request_exception=False)
    api.force_authenticate(user)
    return api


@pytest.fixture
def as_miles(miles):
    return client(miles)


def problem(answer, status, code=None):
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    document = answer.json()
    if code:
        assert document["code"] == code
    return document


def test_a_session_is_started_and_answered_as_documented(as_miles, protocol, miles):
    item = create_item(by=miles, item_type="reagent", name="Primer mix")
    body = {"template_id": str(protocol.pk), "title": "Plate 3", "inventory_item_ids": [str(item.pk)], "parameters": {}}
    answer = as_miles.post(BASE, body)
    assert answer.status_code == 201
    found = answer.json()
    assert set(found) == SESSION_KEYS
    assert set(found["execution"]) == {
        "id", "template_id", "title", "run_by", "status", "params", "created_at", "updated_at",
    }  # fmt: skip
    assert found["execution"]["run_by"] == {"id": str(miles.pk), "email": miles.email, "full_name": "Miles"}
    assert found["steps"][1] == {
        "index": 1, "instruction": "Dispense 15 µL per well", "status": "pending", "started_at": None,
        "completed_at": None, "blocked_reason": None, "required_actions": [], "auto_triggers": [],
    }  # fmt: skip
    assert [each["name"] for each in found["inventory_items"]] == ["Primer mix"]
    assert [event["event_type"] for event in found["timeline_preview"]] == ["session.created"]
    assert as_miles.get(f"{BASE}/{found['execution']['id']}").json() == found


def test_a_registered_part_and_opening_are_used(as_miles, protocol, monkeypatch):
    monkeypatch.setattr(session, "_PARTS", {})
    monkeypatch.setattr(session, "_OPENINGS", {})
    opened = []
    session.register_part("notebook_entries", lambda runs, viewer: {run.pk: [{"title": "Note"}] for run in runs})
    session.register_opening("notebook", lambda timeline, by: opened.append(timeline.execution.title))
    answer = as_miles.post(BASE, {"template_id": str(protocol.pk)}).json()
    assert answer["notebook_entries"] == [{"title": "Note"}]
    as_miles.post(BASE, {"template_id": str(protocol.pk), "title": "Bare", "auto_create_notebook": False})
    assert opened == ["RT-qPCR"]


@pytest.mark.parametrize("value", [None, 5, [], "x", "\x00", NOBODY])
def test_an_unknown_protocol_starts_nothing(as_miles, protocol, value):
    problem(as_miles.post(BASE, {"template_id": value}), 400)
    assert not Execution.objects.exists()


def test_a_foreign_protocol_is_refused_like_an_unknown_one(protocol, stan):
    said = [problem(client(stan).post(BASE, {"template_id": pk}), 400) for pk in (str(protocol.pk), NOBODY)]
    assert said[0] == said[1]


PATHS = ["", "/timeline"]
POSTS = ["/steps/0", "/steps/0/advance", "/steps/0/remediate", "/events"]


def test_foreign_unknown_and_malformed_runs_answer_alike(run, stan):
    api, said = client(stan), set()
    for pk in (str(run.pk), NOBODY, "not-a-uuid", "%00", "%ED%A0%80", "9" * 5000):
        for path in PATHS:
            said.add(json.dumps(problem(api.get(f"{BASE}/{pk}{path}"), 404)))
        for path in POSTS:
            body = {"status": "completed", "events": [NOTE], "auto": True}
            said.add(json.dumps(problem(api.post(f"{BASE}/{pk}{path}", body), 404)))
    assert len(said) == 1
    assert_recorded(run, "session.created")


def test_nobody_is_answered_without_signing_in(run):
    api = APIClient()
    for path in ("/api/protocols/templates", BASE, f"{BASE}/{run.pk}", f"{BASE}/{run.pk}/timeline"):
        problem(api.get(path), 401)


def test_a_step_moves_and_the_second_caller_loses(as_miles, run, mate):
    answer = as_miles.post(f"{BASE}/{run.pk}/steps/0", {"status": "in_progress"})
    assert answer.status_code == 200
    assert answer.json()["steps"][0]["status"] == "in_progress"
    assert answer.json()["execution"]["status"] == "in_progress"
    problem(client(mate).post(f"{BASE}/{run.pk}/steps/0", {"status": "in_progress"}), 409, "conflict")
    assert_recorded(run, "session.created", "step.transition")


def test_advance_moves_twice(as_miles, run):
    path = f"{BASE}/{run.pk}/steps/2/advance"
    assert [as_miles.post(path).json()["steps"][2]["status"] for _ in range(2)] == ["in_progress", "completed"]
    problem(as_miles.post(path), 409)


@pytest.mark.parametrize("index", ["3", "99999999999999999999", "9" * 5000, "-1", "x"])
def test_a_step_that_is_not_there(as_miles, run, index):
    assert as_miles.post(f"{BASE}/{run.pk}/steps/{index}", {"status": "completed"}).status_code == 404


@pytest.mark.parametrize(
    "body", [{}, [], {"status": None}, {"status": "done"}, {"status": {"a": 1}}, {"status": "\ud800"}]
)
def test_a_step_needs_a_known_status(as_miles, run, body):
    text = json.dumps(body)
    answer = as_miles.generic("POST", f"{BASE}/{run.pk}/steps/0", text, "application/json")
    problem(answer, 400)
    assert_recorded(run, "session.created")


def start_gated(miles, protocol, requirements, **links):
    return start_execution(protocol, by=miles, parameters={"step_requirements": {"0": requirements}}, **links)


def test_a_blocked_step_says_why_and_what_to_do(as_miles, miles, protocol):
    item = create_item(by=miles, item_type="reagent", name="Primer mix", status="quarantined")
    run = start_gated(miles, protocol, {"required_inventory_ids": [str(item.pk)]}, inventory_item_ids=[item.pk])
    document = problem(as_miles.post(f"{BASE}/{run.pk}/steps/0", {"status": "in_progress"}), 409, "step_blocked")
    assert document["blocked_reason"] == "Primer mix is quarantined."
    assert document["required_actions"] == [f"inventory:restore:{item.pk}"]
    assert document["auto_triggers"] == [f"inventory:auto_reserve:{item.pk}"]
    step = as_miles.get(f"{BASE}/{run.pk}").json()["steps"][0]
    assert step["blocked_reason"] == document["blocked_reason"]
    assert_recorded(run, "session.created")
    assert as_miles.post(f"{BASE}/{run.pk}/steps/0", {"status": "skipped"}).status_code == 200


def test_a_remedy_is_carried_out_recorded_and_unblocks(as_miles, miles, protocol):
    item = create_item(by=miles, item_type="reagent", name="Primer mix")
    run = start_gated(miles, protocol, {"required_inventory_ids": [str(item.pk)]})
    actions = [f"inventory:link:{item.pk}", f"inventory:boil:{item.pk}"]
    answer = as_miles.post(f"{BASE}/{run.pk}/steps/0/remediate", {"actions": actions})
    assert answer.status_code == 200
    assert [result["status"] for result in answer.json()["results"]] == ["executed", "failed"]
    assert answer.json()["session"]["steps"][0]["blocked_reason"] is None
    assert_recorded(run, "session.created", "remediation.execute")
    assert_golden(events_of(run)[-1])
    again = as_miles.post(f"{BASE}/{run.pk}/steps/0/remediate", {"actions": actions[:1]}).json()
    assert again["results"][0]["status"] == "skipped"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"actions": []},
        {"actions": "x"},
        {"actions": [1]},
        {"actions": ["a\nb"]},
        {"auto": "yes"},
        {"actions": ["x"] * 101},
    ],
)
def test_remedies_that_do_not_fit(as_miles, run, body):
    problem(as_miles.post(f"{BASE}/{run.pk}/steps/0/remediate", body), 400)
    assert_recorded(run, "session.created")


def test_the_timeline_pages_oldest_first_and_filters(as_miles, miles, run):
    append_events(run.pk, [{"event_type": "qc.od", "payload": {"n": n}} for n in range(120)], by=miles)
    append_events(run.pk, [NOTE], by=miles)
    seen, cursor = [], ""
    while cursor is not None:
        page = as_miles.get(f"{BASE}/{run.pk}/timeline", {"limit": 50, "cursor": cursor}).json()
        assert set(page) == {"events", "next_cursor"}
        seen += page["events"]
        cursor = page["next_cursor"]
    assert [event["sequence"] for event in seen] == list(range(1, 123))
    assert {
        "id",
        "execution_id",
        "event_type",
        "payload",
        "actor_id",
        "actor",
        "sequence",
        "created_at",
        "hash",
    } <= set(seen[0])
    for kind, count in (("qc.od", 120), ("qc.*", 120), ("note.", 1), ("qc", 0), ("session.created", 1)):
        page = as_miles.get(f"{BASE}/{run.pk}/timeline", {"limit": 200, "event_type": kind}).json()
        assert len(page["events"]) == count, kind


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=x", "cursor=%00", "cursor=e30", "event_type=%00", f"event_type={'x' * 101}"]
)
def test_a_timeline_query_that_does_not_fit(as_miles, run, query):
    problem(as_miles.get(f"{BASE}/{run.pk}/timeline?{query}"), 400)


def test_events_are_stored_once_for_one_key(as_miles, run):
    path, headers = f"{BASE}/{run.pk}/events", {"Idempotency-Key": "batch-1"}
    first = as_miles.post(path, {"events": [NOTE, NOTE]}, headers=headers)
    again = as_miles.post(path, {"events": [NOTE, NOTE]}, headers=headers)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert [event["sequence"] for event in first.json()["events"]] == [2, 3]
    problem(as_miles.post(path, {"events": [NOTE]}, headers=headers), 409, "idempotency_key_reused")
    assert_recorded(run, "session.created", "note.operator", "note.operator")


DEEP = '{"events": [{"event_type": "note.x", "payload": ' + '{"a":' * 100_000 + "1" + "}" * 100_000 + "}]}"
RAW = {
    "100,000 levels": DEEP,
    "NaN": '{"events": [{"event_type": "note.x", "payload": {"a": NaN}}]}',
    "infinite": '{"events": [{"event_type": "note.x", "payload": {"a": 1e999}}]}',
    "NUL": '{"events": [{"event_type": "note.x", "payload": {"a": "\\u0000"}}]}',
    "surrogate": '{"events": [{"event_type": "note.x", "payload": {"a": "\\ud800"}}]}',
    "surrogate type": '{"events": [{"event_type": "note.\\ud800", "payload": {}}]}',
    "huge integer": '{"events": [{"event_type": "note.x", "payload": {"a": ' + "9" * 5000 + "}}]}",
    "huge text": '{"events": [{"event_type": "note.x", "payload": {"a": "' + "x" * 10_000_000 + '"}}]}',
    "own event": '{"events": [{"event_type": "step.transition", "payload": {}}]}',
    "no object": "[]",
    "no JSON": "{",
    "not UTF-8": b"\xff\xfe{}",
    "nothing": "",
}


@pytest.mark.parametrize("body", RAW.values(), ids=RAW)
def test_a_hostile_batch_is_a_problem_and_stores_nothing(as_miles, run, body):
    answer = as_miles.generic("POST", f"{BASE}/{run.pk}/events", body, "application/json")
    assert answer.status_code in (400, 413)
    problem(answer, answer.status_code)
    assert_recorded(run, "session.created")


def test_sessions_are_listed_newest_first_with_the_same_queries_for_one_and_thirty(as_miles, miles, protocol, stan):
    def ask():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            answer = as_miles.get(BASE).json()
        return len(queries), answer

    item = create_item(by=miles, item_type="kit", name="Kit")
    links = {"parameters": {"step_requirements": {"0": {"required_inventory_ids": [str(item.pk)]}}}}
    start_execution(protocol, by=miles, title="Run 0", inventory_item_ids=[item.pk], **links)
    one, _ = ask()
    for number in range(1, 30):
        start_execution(protocol, by=miles, title=f"Run {number}", inventory_item_ids=[item.pk], **links)
    thirty, answer = ask()
    assert one == thirty
    assert [each["execution"]["title"] for each in answer["items"]] == [f"Run {n}" for n in range(29, -1, -1)]
    assert client(stan).get(BASE).json()["items"] == []


def test_a_protocol_is_created_changed_and_hidden_from_others(as_miles, team, mate, stan):
    body = {"name": "LUDOX", "content": "One\n\nTwo", "version": "1.3", "team_id": str(team.pk), "variables": {"n": 1}}
    made = as_miles.post("/api/protocols/templates", body)
    assert made.status_code == 201
    assert made.json()["steps"] == ["One", "Two"]
    path = f"/api/protocols/templates/{made.json()['id']}"
    assert client(mate).patch(path, {"version": "1.4"}).json()["version"] == "1.4"
    problem(client(stan).get(path), 404)
    problem(client(stan).patch(path, {"name": "Mine"}), 404)
    assert Protocol.objects.get().name == "LUDOX"


def test_a_protocol_of_no_team_is_changed_by_its_author_only(as_miles, stan):
    made = as_miles.post("/api/protocols/templates", {"name": "Open", "content": "One"}).json()
    problem(client(stan).patch(f"/api/protocols/templates/{made['id']}", {"name": "Mine"}), 403)
    assert Protocol.objects.get().name == "Open"


TEXTS = ["", "  ", None, 5, [], {}, "a\x00b", "x" * 201, "a\nb", True]


@pytest.mark.parametrize("value", TEXTS)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/protocols/templates", {"content": "One"}),
        ("/api/inventory/items", {"item_type": "kit"}),
        ("/api/schedule/resources", {}),
        ("/api/equipment/devices", {}),
    ],
)
def test_a_name_that_does_not_fit_is_named(as_miles, path, body, value):
    document = problem(as_miles.post(path, {**body, "name": value}), 400)
    assert document["errors"][0]["field"] == "name"
    assert as_miles.get(path).json()["items"] == []


@pytest.mark.parametrize("value", [NOBODY, "x", 5, [], {}])
def test_a_team_one_is_not_in_is_refused(as_miles, stan, value):
    theirs = str(stan.memberships.get().team_id)
    for team_id in (value, theirs):
        answer = as_miles.post("/api/equipment/devices", {"name": "Reader", "team_id": team_id})
        assert problem(answer, 400)["errors"][0]["field"].startswith("team_id")


def test_items_are_put_and_patched(as_miles):
    made = as_miles.post("/api/inventory/items", {"item_type": "kit", "name": "Kit", "status": "reserved"}).json()
    path = f"/api/inventory/items/{made['id']}"
    assert as_miles.patch(path, {"status": "consumed"}).json()["status"] == "consumed"
    problem(as_miles.patch(path, {"status": "eaten"}), 400)
    problem(as_miles.put(path, {"name": "Kit"}), 400)
    answer = as_miles.put(path, {"item_type": "kit", "name": "Kit 2", "status": "available"}).json()
    assert (answer["name"], InventoryItem.objects.get().status) == ("Kit 2", "available")


def test_a_booking_overlaps_nothing(as_miles):
    resource = as_miles.post("/api/schedule/resources", {"name": "Hood"}).json()
    problem(as_miles.post("/api/schedule/resources", {"name": "Hood"}), 400)
    body = {"resource_id": resource["id"], "start_time": "2026-03-01T08:00:00Z", "end_time": "2026-03-01T10:00:00Z"}
    assert as_miles.post("/api/schedule/bookings", body).status_code == 201
    later = {**body, "start_time": "2026-03-01T09:59:59Z", "end_time": "2026-03-01T11:00:00Z"}
    problem(as_miles.post("/api/schedule/bookings", later), 409, "already_booked")
    assert as_miles.post("/api/schedule/bookings", {**later, "start_time": "2026-03-01T10:00:00Z"}).status_code == 201
    for wrong in ({"end_time": body["start_time"]}, {"start_time": "x"}, {"resource_id": NOBODY}, {"end_time": 5}):
        problem(as_miles.post("/api/schedule/bookings", {**body, **wrong}), 400)
    assert Booking.objects.count() == 2


@pytest.mark.parametrize("make", ["protocol", "item", "device", "resource", "booking"])
def test_lists_cost_the_same_for_one_and_thirty(as_miles, miles, make):
    from experiments.transitions_stock import create_protocol

    hour = timedelta(hours=1)
    hood = create_resource(by=miles, name="Hood")
    start = timezone.now()
    makers = {
        "protocol": ("/api/protocols/templates", lambda n: create_protocol(by=miles, name=f"P{n}", content="One")),
        "item": ("/api/inventory/items", lambda n: create_item(by=miles, item_type="kit", name=f"I{n}")),
        "device": ("/api/equipment/devices", lambda n: create_equipment(by=miles, name=f"D{n}")),
        "resource": ("/api/schedule/resources", lambda n: create_resource(by=miles, name=f"R{n}")),
        "booking": (
            "/api/schedule/bookings",
            lambda n: create_booking(
                by=miles, resource_id=hood.pk, start_time=start + n * hour, end_time=start + (n + 1) * hour
            ),
        ),
    }
    path, one = makers[make]
    counts = []
    for rows in (range(1), range(1, 30)):
        for number in rows:
            one(number)
        with CaptureQueriesContext(connection) as queries:
            assert as_miles.get(path).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_an_event_keeps_the_name_printed_when_it_happened(as_miles, miles, run):
    miles.full_name = "Miles Newname"
    miles.save()
    (event,) = as_miles.get(f"{BASE}/{run.pk}/timeline").json()["events"]
    assert event["actor"] == {"id": str(miles.pk), "email": miles.email, "full_name": "Miles"}


def test_a_timeline_page_costs_the_same_for_one_event_and_thirty(as_miles, miles, run):
    counts = []
    for batch in ([NOTE], [NOTE] * 29):
        append_events(run.pk, batch, by=miles)
        with CaptureQueriesContext(connection) as queries:
            as_miles.get(f"{BASE}/{run.pk}/timeline")
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert ExecutionEvent.objects.filter(execution=run).count() == 31
    move_step(run.pk, 0, by=miles, to="completed")
    assert_chain(run)
