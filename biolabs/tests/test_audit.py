"""The audit trail page: everything a person may see in one list, as CSV, and its chains verified."""

import csv
import io
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.models import AccountEvent
from baselines.tests.lab import Lab
from biolabs import audit
from experiments.models import ExecutionEvent
from experiments.transitions import append_events
from governance.transitions import create_template
from ledger import triggers
from ledger.canonical import sha256_text

PAGE = "/audit/"
NOBODY = UUID(int=1)


@pytest.fixture
def lab(db):
    lab = Lab()
    lab.submitted()
    create_template(
        by=lab.ada,
        template_key="biosafety",
        name="Biosafety",
        stage_blueprint=[{"name": "QA review", "required_role": "qa"}],
    )
    record_account_event(AccountAction.SIGNED_IN, by=lab.ada, about=lab.ada, address="203.0.113.7")
    record_account_event(AccountAction.SIGNED_IN, by=lab.sam, about=lab.sam)
    return lab


def seen(client, user, **asked):
    """`(source, event)` of what the page shows, in its order."""
    client.force_login(user)
    answer = client.get(PAGE, asked)
    assert answer.status_code == 200
    return [(row.source, row.happened) for row in answer.context["page"].items]


def test_an_administrator_sees_every_trail_newest_first(lab, client):
    client.force_login(lab.ada)
    rows = client.get(PAGE).context["page"].items
    assert {row.source for row in rows} == {"runs", "ladders", "baselines", "accounts"}
    assert [row.created_at for row in rows] == sorted((row.created_at for row in rows), reverse=True)


def test_others_see_their_runs_and_themselves_and_no_ladder_s_log(lab, client):
    of_sam = seen(client, lab.sam)
    assert {source for source, _ in of_sam} == {"runs", "baselines", "accounts"}
    assert of_sam.count(("accounts", AccountAction.SIGNED_IN)) == 1
    assert {source for source, _ in seen(client, lab.stan)} <= {"accounts"}
    assert seen(client, lab.stan, trail="accounts", person="ada") == []
    assert {source for source, _ in seen(client, lab.rita)} >= {"runs", "baselines"}  # named as a reviewer


def test_nobody_sees_it_without_signing_in(lab, client):
    for path in (PAGE, PAGE + "entries.csv"):
        assert client.get(path)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"trail": "baselines"}, [("baselines", "submitted")]),
        ({"q": "plate 3", "trail": "runs"}, [("runs", "session.created")]),
        ({"q": "N1 standard"}, [("baselines", "submitted")]),
        ({"q": "template.created biosafety"}, [("ladders", "template.created")]),
        ({"q": "no such word"}, []),
        ({"person": "SAM SUB", "trail": "runs"}, [("runs", "session.created")]),
        ({"person": "sam.submitter@example.org", "trail": "baselines"}, [("baselines", "submitted")]),
        ({"since": "2999-01-01"}, []),
        ({"until": "2001-01-01"}, []),
        ({"until": "9999-12-31", "trail": "baselines"}, [("baselines", "submitted")]),
        ({"about": str(NOBODY)}, []),
    ],
    ids=str,
)
def test_filters(lab, client, asked, found):
    assert seen(client, lab.ada, **asked) == found


def test_until_includes_its_day(lab, client):
    today = AccountEvent.objects.latest("created_at").created_at.date()
    assert seen(client, lab.ada, since=today.isoformat(), until=today.isoformat(), trail="accounts")
    assert not seen(client, lab.ada, until=(today - timedelta(days=1)).isoformat())


def test_everything_about_one_run(lab, client):
    other = lab.make_run("Plate 4")
    assert seen(client, lab.sam, about=str(other.pk)) == [("runs", "session.created")]


@pytest.mark.parametrize(
    "asked",
    [
        {"trail": "secrets"},
        {"since": "0000-13-45"},
        {"about": "' OR 1=1"},
        {"q": "x" * 201},
        {"q": "a\x00b"},
        {"cursor": "junk"},
        {"limit": "-1"},
    ],
    ids=str,
)
def test_filters_that_make_no_sense_are_400(lab, client, asked):
    client.force_login(lab.ada)
    assert client.get(PAGE, asked).status_code == 400
    taken = client.get(PAGE + "entries.csv", asked)
    if not {"cursor", "limit"} & set(asked):
        assert taken["Location"].startswith(PAGE + "?")


def test_pages_join_without_a_gap_also_where_moments_are_equal(lab, client):
    client.force_login(lab.ada)
    AccountEvent.objects.bulk_create(
        AccountEvent(action=AccountAction.SIGNED_IN, body="{}", created_at=moment)
        for moment in [timezone.now() - timedelta(days=3)] * 3 + [ExecutionEvent.objects.first().created_at] * 2
    )
    everything = [str(row.pk) for row in client.get(PAGE, {"limit": 200}).context["page"].items]
    assert len(everything) == len(set(everything)) > 8
    walked, cursor = [], ""
    while cursor is not None:
        page = client.get(PAGE, {"limit": 2, "cursor": cursor}).context["page"]
        walked += [str(row.pk) for row in page.items]
        cursor = page.next_cursor
    assert walked == everything


def test_thirty_entries_cost_as_many_queries_as_a_few(lab, client):
    client.force_login(lab.ada)

    def queries():
        with CaptureQueriesContext(connection) as counted:
            assert client.get(PAGE).status_code == 200
        return len(counted)

    few = queries()
    for number in range(5):
        lab.submitted(run=lab.make_run(f"Plate {number}"))
    append_events(lab.run.pk, [{"event_type": "note.added", "payload": {"text": "Spun down"}}] * 30, by=lab.sam)
    assert queries() == few


def test_what_an_entry_says_is_shown_and_nothing_in_it_is_markup(lab, client):
    note = {"event_type": "note.added", "payload": {"text": "<script>alert(1)</script>\u202e"}}
    append_events(lab.run.pk, [note], by=lab.sam)
    client.force_login(lab.sam)
    html = client.get(PAGE).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html
    assert "\u202e" not in html


# --- CSV --------------------------------------------------------------------------------------------------------------


def taken(client, **asked):
    answer = client.get(PAGE + "entries.csv", asked)
    assert answer.streaming
    assert answer["Content-Disposition"].startswith('attachment; filename="audit-trail-')
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_csv_has_what_the_page_has_with_texts_that_match_their_digests(lab, client):
    client.force_login(lab.ada)
    rows = taken(client)
    assert [(row["trail"], row["event"]) for row in rows] == seen(client, lab.ada, limit=200)
    chained = [row for row in rows if row["sha256"]]
    assert {row["trail"] for row in chained} == {"runs", "ladders", "baselines"}
    assert all(sha256_text(row["entry"]) == row["sha256"] for row in chained)
    assert taken(client, trail="baselines") == [row for row in rows if row["trail"] == "baselines"]


def test_the_csv_of_others_has_no_more_than_their_page(lab, client):
    shown = seen(client, lab.rita, limit=200)
    assert [(row["trail"], row["event"]) for row in taken(client)] == shown


@pytest.mark.parametrize("title", ["=1+1", "@cmd", "+1", "-1"])
def test_no_cell_of_the_csv_is_a_formula(lab, client, title):
    run = lab.make_run(title)
    client.force_login(lab.sam)
    assert [row["about"] for row in taken(client, about=str(run.pk))] == [f"'{title}"]


# --- Verification -----------------------------------------------------------------------------------------------------


def verified(client, name, pk):
    return client.post(f"{PAGE}{name}/{pk}/verify/", follow=True).content.decode()


def test_a_chain_is_verified_from_the_page(lab, client):
    client.force_login(lab.ada)
    baseline = lab.sam.submitted_baselines.get()
    assert "Verified: 1 entries" in verified(client, "baselines", baseline.pk)
    assert "Verified: " in verified(client, "runs", lab.run.pk)
    family = next(iter(audit.TRAILS["ladders"].subjects(lab.ada)))
    assert "Verified: " in verified(client, "ladders", family.pk)


@pytest.mark.django_db(transaction=True)
def test_an_entry_that_was_changed_is_named(client):
    lab = Lab()
    triggers.drop(connection)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE experiments_executionevent SET body = replace(body, 'Plate 3', 'Plate 9')")
    triggers.install(connection)
    client.force_login(lab.sam)
    html = verified(client, "runs", lab.run.pk)
    assert "row 1" in html
    assert "the text was changed after it was sealed" in html


def test_a_chain_one_may_not_see_is_not_there(lab, client):
    family = next(iter(audit.TRAILS["ladders"].subjects(lab.ada)))
    client.force_login(lab.stan)
    for path in (
        f"runs/{lab.run.pk}",
        f"ladders/{family.pk}",
        f"runs/{NOBODY}",
        f"accounts/{lab.stan.pk}",
        f"secrets/{lab.run.pk}",
    ):
        assert client.post(f"{PAGE}{path}/verify/").status_code == 404
    assert client.get(f"{PAGE}runs/{lab.run.pk}/verify/").status_code == 405
