"""My work: what is listed, in which words, how it is filtered, and what it costs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Absence, RoleGrant, Team, User
from approvals.models import ApprovalStage
from approvals.presence import note_presence
from approvals.transitions import delegate_stage, reset_stage
from approvals.transitions_claim import claim_stage
from biolabs import to_sign
from biolabs.my_work import count_to_sign
from experiments.models import Protocol
from governance.blueprint import ad_hoc_ladder
from narratives.tests.conftest import PASSWORD, make_execution, make_lab
from narratives.tests.test_pages import sign
from narratives.transitions import request_export

QA = {"name": "QA review", "required_role": "qa", "sla_hours": 24}
RELEASE = {"name": "Release", "required_role": "approver"}


@pytest.fixture
def lab(db):
    lab = make_lab()
    lab.ravi = User.objects.create_user("ravi@lab.example", PASSWORD, full_name="Ravi Adeyemi")
    RoleGrant.objects.create(user=lab.ravi, role="qa", team=lab.team)
    return lab


def waiting(lab, title, *stages, due=timedelta(days=9), by=None, **changes):
    """An export whose first stage is in progress."""
    execution = make_execution(lab, title)
    export = request_export(execution.pk, by=by or lab.jonas, blueprint=ad_hoc_ladder(list(stages or (QA, RELEASE))))
    stage = export.ladder.stages.first()
    ApprovalStage.objects.filter(pk=stage.pk).update(due_at=due and timezone.now() + due, **changes)
    return stage


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def shown(user, **params):
    return client_of(user).get("/", params).content.decode()


def listed(user, **params):
    """The titles in the order they are shown."""
    groups = client_of(user).get("/", params).context["groups"]
    return [stage.ladder.title.partition(" ·")[0] for *_, stages in groups for stage in stages]


# --- To sign --------------------------------------------------------------------------------------------------------


def test_stages_stand_in_groups_the_soonest_first_with_their_counts(lab):
    waiting(lab, "Later", due=timedelta(days=2))
    waiting(lab, "Never", due=None)
    waiting(lab, "Late", due=-timedelta(hours=3))
    waiting(lab, "Very late", due=-timedelta(days=3))
    context = client_of(lab.mira).get("/").context
    told = [(words, count, [stage.ladder.title for stage in rows]) for words, _, count, rows in context["groups"]]
    assert told == [
        ("Overdue", 2, ["Very late · v1", "Late · v1"]),
        ("Later", 2, ["Later · v1", "Never · v1"]),
    ]
    page = shown(lab.mira)
    assert "4 stages wait for your signature, 2 of them overdue" in page
    assert count_to_sign(lab.mira) == 4


def test_due_today_ends_at_midnight_utc():
    now = timezone.now().replace(hour=22, minute=0)
    stages = [ApprovalStage(due_at=now + timedelta(hours=hours)) for hours in (-1, 1, 3)]
    counts = {"overdue": 1, "today": 1, "later": 1}
    assert [words for words, *_ in to_sign.grouped(stages, counts, now=now)] == ["Overdue", "Due today", "Later"]


def test_each_row_says_whose_stage_it_is(lab):
    now = timezone.now()
    named = {**QA, "assignee_id": str(lab.ravi.pk)}
    waiting(lab, "Group")
    waiting(lab, "Named", {**QA, "assignee_id": str(lab.mira.pk)}, RELEASE)
    handed = waiting(lab, "Handed on", named, RELEASE)
    delegate_stage(handed.pk, by=lab.ravi, delegate_id=lab.mira.pk)
    claim_stage(waiting(lab, "Mine").pk, by=lab.mira)
    theirs = waiting(lab, "Theirs")
    claim_stage(theirs.pk, by=lab.ravi)
    waiting(lab, "Absent", named, RELEASE)
    day = {"starts_at": now - timedelta(days=1), "ends_at": now.replace(hour=0, minute=0, second=0, microsecond=0)}
    day["ends_at"] += timedelta(days=3)
    Absence.objects.create(user=lab.ravi, stand_in=lab.mira, created_by=lab.ravi, **day)
    note_presence(theirs.ladder_id, lab.ravi, now)
    rows = [stage for *_, found in client_of(lab.mira).get("/").context["groups"] for stage in found]
    told = {stage.ladder.title.partition(" ·")[0]: (stage.whose, stage.can_claim, stage.can_release) for stage in rows}
    back = (day["ends_at"] - timedelta(days=1)).strftime("%-d %b")
    assert told == {
        "Group": ("open to any qa", True, False),
        "Named": ("assigned to you", False, False),
        "Handed on": ("delegated to you by Ravi Adeyemi", False, False),
        "Mine": ("", False, True),
        "Theirs": ("", True, False),
        "Absent": (f"for Ravi Adeyemi, away until {back}", False, False),
    }
    page = shown(lab.mira)
    assert "claimed by you" in page
    assert "claimed by Ravi Adeyemi" in page
    assert "Ravi Adeyemi is looking at it now." in page
    assert "1 of 2 · QA review" in page


def test_who_merely_sees_the_list_is_not_looking(lab):
    waiting(lab, "Group")
    shown(lab.mira)
    assert "looking at it now" not in shown(lab.ravi)


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"q": "elisa"}, ["ELISA bridging"]),
        ({"q": "release elisa"}, []),
        ({"q": "ortega plasmid"}, ["Plasmid prep"]),
        ({"role": "approver"}, ["Western blot"]),
        ({"due": "overdue"}, ["ELISA bridging"]),
        ({"due": "later"}, ["Plasmid prep", "Western blot"]),
        ({"mine": "named"}, ["ELISA bridging"]),
        ({"mine": "group"}, ["Plasmid prep", "Western blot"]),
        ({"mine": "claimed"}, ["Western blot"]),
        ({"mine": "nonsense", "due": "nonsense"}, ["ELISA bridging", "Plasmid prep", "Western blot"]),
        ({"page": "99"}, ["ELISA bridging", "Plasmid prep", "Western blot"]),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_search_and_filters_are_in_the_address(lab, params, found):
    waiting(lab, "ELISA bridging", {**QA, "assignee_id": str(lab.mira.pk)}, RELEASE, due=-timedelta(hours=1))
    waiting(lab, "Plasmid prep", due=timedelta(days=2))
    claim_stage(waiting(lab, "Western blot", RELEASE, QA).pk, by=lab.mira)
    assert listed(lab.mira, **params) == found
    assert "No stage fits" in shown(lab.mira, q="nothing of the kind")


def test_a_team_is_chosen_among_those_that_wait(lab):
    waiting(lab, "Plasmid prep")
    other = Team.objects.create(name="Cells")
    RoleGrant.objects.create(user=lab.mira, role="qa", team=other)
    lab.protocol = Protocol.objects.create(name="P", content="Mix", version="1", team=other, created_by=lab.jonas)
    waiting(lab, "Cell line")
    assert listed(lab.mira, team=str(other.pk)) == ["Cell line"]
    assert "Cells</option>" in shown(lab.mira)
    assert "Cells</option>" not in shown(lab.ravi)


@pytest.mark.parametrize("value", ["\x00", "%", "<script>x", "x" * 5000, "\ud800", "\u202e"], ids=repr)
def test_hostile_filters_are_answered(lab, value):
    value = value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    waiting(lab, "Plasmid prep")
    for name in ("q", "role", "team", "due", "mine", "page", "tab"):
        answer = client_of(lab.mira).get("/", {name: value})
        assert answer.status_code in (200, 404)
        assert "<script>x" not in answer.content.decode()


def test_a_long_list_comes_in_pages_and_counts_the_whole(lab, monkeypatch):
    monkeypatch.setattr(to_sign, "SIZE", 2)
    for day in (1, 2, 3):
        waiting(lab, f"Run {day}", due=timedelta(days=day + 1))
    assert listed(lab.mira) == ["Run 1", "Run 2"]
    assert listed(lab.mira, page="2") == ["Run 3"]
    page = shown(lab.mira, q="Run")
    assert "Page 1 of 2" in page
    assert "?q=Run&amp;page=2" in page
    assert client_of(lab.mira).get("/").context["groups"][0][2] == 3


def test_a_stranger_and_the_requester_see_nothing_to_sign(lab):
    waiting(lab, "Plasmid prep")
    for user in (lab.sam, lab.jonas):
        assert "Nothing waits for your signature" in shown(user)
        assert count_to_sign(user) == 0


def test_the_list_asks_the_same_for_1_and_30_rows(lab):
    client, counts = client_of(lab.mira), []
    for many in (1, 29):
        for number in range(many):
            waiting(lab, f"Run {many} {number}")
        with CaptureQueriesContext(connection) as asked:
            assert client.get("/?q=Run").status_code == 200
        counts.append(len(asked))
    assert counts[0] == counts[1]


# --- My exports, absence --------------------------------------------------------------------------------------------


def test_the_requester_reads_what_is_asked(lab):
    export = waiting(lab, "Plasmid prep").ladder.narrative_export
    assert sign(client_of(lab.mira), export, verb="reject", notes="Attach plate 3\nraw file").status_code == 302
    assert "by Mira Kessler: “Attach plate 3\\nraw file”" in shown(lab.jonas)


def test_who_is_away_reads_it_here(lab):
    now = timezone.now()
    times = {"starts_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1)}
    Absence.objects.create(user=lab.mira, stand_in=lab.ravi, created_by=lab.mira, **times)
    assert "Ravi Adeyemi stands in" in shown(lab.mira)
    assert "You are away" not in shown(lab.ravi)


# --- Done -----------------------------------------------------------------------------------------------------------


def test_done_tells_the_meaning_and_what_a_reset_superseded(lab):
    waiting(lab, "Kept")
    stage = waiting(lab, "Reset")
    client = client_of(lab.mira)
    for export in (stage.ladder.narrative_export, lab.jonas.requested_ladders.get(title="Kept · v1").narrative_export):
        assert sign(client, export, meaning="reviewed").status_code == 302
    reset_stage(stage.pk, by=lab.ada, notes="Wrong plate")
    page = shown(lab.mira, tab="done")
    assert page.count("I have reviewed this record”") == 2
    assert page.count("Superseded by a reset") == 1
