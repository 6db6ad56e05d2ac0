import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from experiments.models import Execution, ExecutionStep, Protocol
from experiments.tests.recorded import assert_recorded
from experiments.tests.test_api import NOBODY
from experiments.transitions import append_events, start_execution
from experiments.transitions_stock import change_protocol, create_item, create_protocol


def signed_in(user):
    browser = Client(raise_request_exception=False)
    browser.force_login(user)
    return browser


@pytest.fixture
def browser(miles):
    return signed_in(miles)


def text(answer):
    return answer.content.decode()


@pytest.fixture
def pages(run, protocol):
    return [
        "/executions/", "/executions/new/", f"/executions/new/?protocol={protocol.pk}", f"/executions/{run.pk}/",
        f"/executions/{run.pk}/timeline/", "/protocols/", "/protocols/new/", f"/protocols/{protocol.pk}/",
        f"/protocols/{protocol.pk}/edit/",
    ]  # fmt: skip


def test_every_page_shows_itself_without_inline_script_or_style(browser, pages):
    for path in pages:
        answer = browser.get(path)
        assert answer.status_code == 200, path
        assert "<script>" not in text(answer)
        assert ' style="' not in text(answer)


def test_every_page_asks_to_sign_in(pages):
    for path in pages:
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/sign-in/")


def test_foreign_and_unknown_runs_and_protocols_are_the_same_404(run, protocol, stan):
    browser = signed_in(stan)
    for path in (f"/executions/{run.pk}/", f"/executions/{run.pk}/timeline/", f"/protocols/{protocol.pk}/"):
        foreign, unknown = (
            browser.get(each) for each in (path, path.replace(str(run.pk), NOBODY).replace(str(protocol.pk), NOBODY))
        )
        assert foreign.status_code == unknown.status_code == 404
    for path in (f"/executions/{run.pk}/steps/0/", f"/executions/{run.pk}/steps/0/remediate/"):
        assert browser.post(path, {"status": "completed", "auto": "1"}).status_code == 404
    assert browser.get(f"/executions/new/?protocol={protocol.pk}").status_code == 404
    assert_recorded(run, "session.created")


def test_the_list_finds_by_title_status_team_runner_and_id(browser, run, protocol, miles, mate, team):
    other = start_execution(protocol, by=mate, title="Western blot")
    found = {
        "q=plate": {run}, "q=blot": {other}, f"q={run.pk}": {run}, "status=planned": {run, other},
        "status=completed": set(), f"team={team.pk}": {run, other}, "mine=1": {run}, "q=%25": set(), "q=zzz": set(),
    }  # fmt: skip
    for query, expected in found.items():
        answer = browser.get(f"/executions/?{query}")
        assert set(answer.context["page"].items) == expected, query


@pytest.mark.parametrize(
    "query", ["q=%00", "status=eaten", "team=x", f"team={NOBODY}", f"q={'x' * 300}", "q=%ED%A0%80"]
)
def test_a_filter_that_does_not_fit_is_no_error_page(browser, run, query):
    assert browser.get(f"/executions/?{query}").status_code == 200


def test_lists_and_run_pages_cost_the_same_for_one_and_thirty(browser, run, protocol, miles):
    def cost(path):
        browser.get(path)
        with CaptureQueriesContext(connection) as queries:
            assert browser.get(path).status_code == 200
        return len(queries)

    paths = ["/executions/", "/protocols/", "/executions/new/", f"/executions/{run.pk}/timeline/"]
    one = [cost(path) for path in paths]
    for number in range(29):
        start_execution(protocol, by=miles, title=f"Run {number}")
        create_protocol(by=miles, name=f"P{number}", content="One", team_id=protocol.team_id)
        append_events(run.pk, [{"event_type": "note.x", "payload": {}}], by=miles)
    assert [cost(path) for path in paths] == one
    long = create_protocol(
        by=miles, name="Long", content="\n".join(f"Step {n}" for n in range(30)), team_id=protocol.team_id
    )
    runs = [start_execution(each, by=miles) for each in (protocol, long)]
    assert cost(f"/executions/{runs[0].pk}/") == cost(f"/executions/{runs[1].pk}/")


def test_a_run_is_started_from_the_page(browser, protocol, miles):
    item = create_item(by=miles, item_type="kit", name="Kit")
    path = f"/executions/new/?protocol={protocol.pk}"
    body = {"title": "From the page", "inventory_item_ids": [str(item.pk)], "parameters": '{"a": 1}'}
    answer = browser.post(path, body)
    made = Execution.objects.get(title="From the page")
    assert answer["Location"] == f"/executions/{made.pk}/"
    assert list(made.inventory_items.all()) == [item]
    assert made.params == {"a": 1}
    assert_recorded(made, "session.created")


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"title": "a\x00"},
        {"inventory_item_ids": [NOBODY]},
        {"inventory_item_ids": ["x"]},
        {"parameters": "{"},
        {"parameters": "[1]"},
        {"parameters": '{"a": NaN}'},
        {"parameters": '{"a":' * 10_000},
        {"parameters": '{"step_requirements": 5}'},
    ],
)
def test_a_start_that_does_not_fit_keeps_what_was_typed(browser, protocol, wrong):
    answer = browser.post(f"/executions/new/?protocol={protocol.pk}", {"title": "Typed before", **wrong})
    assert answer.status_code == 400
    if "title" not in wrong:
        assert "Typed before" in text(answer)
    assert not Execution.objects.exists()


def test_a_step_is_moved_with_and_without_htmx(browser, run):
    path = f"/executions/{run.pk}/steps/1/"
    assert browser.post(path, {"status": "in_progress"})["Location"] == f"/executions/{run.pk}/#step-1"
    part = browser.post(path, {"status": "completed"}, headers={"HX-Request": "true"})
    assert part.status_code == 200
    assert "<html" not in text(part)
    assert 'id="steps"' in text(part)
    assert ExecutionStep.objects.get(execution=run, index=1).status == "completed"
    assert_recorded(run, "session.created", "step.transition", "step.transition")


@pytest.mark.parametrize(("status", "code"), [("pending", 409), ("eaten", 400), ("", 400), ("\x00", 400)])
def test_a_refused_move_is_told_on_the_page(browser, run, status, code):
    answer = browser.post(f"/executions/{run.pk}/steps/0/", {"status": status})
    assert answer.status_code == code
    assert 'id="steps"' in text(answer)
    assert_recorded(run, "session.created")


def test_a_blocked_step_shows_why_and_its_remedies_work(browser, protocol, miles):
    item = create_item(by=miles, item_type="kit", name="Kit", status="consumed")
    needs = {"step_requirements": {"0": {"required_inventory_ids": [str(item.pk)], "required_approvals": ["qa"]}}}
    run = start_execution(protocol, by=miles, parameters=needs, inventory_item_ids=[item.pk])
    page = text(browser.get(f"/executions/{run.pk}/"))
    assert "Kit is consumed." in page
    assert "First clear what blocks it." in page
    assert "Who runs this may not grant its approvals." in page
    answer = browser.post(
        f"/executions/{run.pk}/steps/0/remediate/", {"action": f"inventory:restore:{item.pk}"}, follow=True
    )
    assert "Kit was consumed and is available." in text(answer)
    assert "Kit is consumed." not in text(answer).replace("Kit was consumed and is available.", "")
    assert browser.post(f"/executions/{run.pk}/steps/0/remediate/", {}).status_code == 400
    assert browser.post(f"/executions/{run.pk}/steps/9/remediate/", {"auto": "1"}).status_code == 404


def test_a_note_is_added_and_shown_and_a_bad_one_is_kept(browser, run):
    path = f"/executions/{run.pk}/timeline/notes/"
    browser.post(path, {"text": "<b>Lid</b> was loose \u202e"})
    page = text(browser.get(f"/executions/{run.pk}/timeline/?event_type=note."))
    assert "&lt;b&gt;Lid&lt;/b&gt; was loose" in page
    assert "\u202e" not in page
    bad = browser.post(path, {"text": "half\x00"})
    assert bad.status_code == 400
    assert_recorded(run, "session.created", "note.operator")


def test_the_timeline_page_filters_and_loads_more(browser, run, miles):
    append_events(run.pk, [{"event_type": "qc.od", "payload": {"n": n}} for n in range(60)], by=miles)
    first = browser.get(f"/executions/{run.pk}/timeline/?event_type=qc.")
    assert len(first.context["page"].items) == 50
    cursor = first.context["page"].next_cursor
    rest = browser.get(f"/executions/{run.pk}/timeline/", {"event_type": "qc.", "cursor": cursor})
    assert [event.sequence for event in rest.context["page"].items] == list(range(52, 62))
    assert browser.get(f"/executions/{run.pk}/timeline/?event_type=%00").status_code == 400


def edit(protocol, **changes):
    return {
        "name": protocol.name, "version": protocol.version, "team_id": str(protocol.team_id),
        "content": protocol.content, "seen": protocol.updated_at.isoformat(), **changes,
    }  # fmt: skip


def test_a_protocol_is_written_and_changed(browser, team):
    browser.post("/protocols/new/", {"name": "New", "version": "1", "team_id": str(team.pk), "content": "One\nTwo"})
    made = Protocol.objects.get(name="New")
    browser.post(f"/protocols/{made.pk}/edit/", edit(made, content="One\nTwo\nThree"))
    made.refresh_from_db()
    assert made.instructions == ["One", "Two", "Three"]


def test_a_stale_edit_is_refused_and_what_was_typed_is_kept(browser, protocol, mate):
    body = edit(protocol, content="Typed by Miles")
    change_protocol(protocol.pk, by=mate, version="2.2")
    answer = browser.post(f"/protocols/{protocol.pk}/edit/", body)
    assert answer.status_code == 409
    assert "Typed by Miles" in text(answer)
    protocol.refresh_from_db()
    assert (protocol.version, "Typed" in protocol.content) == ("2.2", False)


def test_who_may_not_change_a_protocol_sees_why(stan, miles):
    shared = create_protocol(by=miles, name="Shared", content="One")
    browser = signed_in(stan)
    assert "may change this protocol" in text(browser.get(f"/protocols/{shared.pk}/"))
    assert browser.get(f"/protocols/{shared.pk}/edit/").status_code == 403
    assert browser.post(f"/protocols/{shared.pk}/edit/", edit(shared, team_id="")).status_code == 403
