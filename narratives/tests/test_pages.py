"""Pages of exports as requester, approver and stranger."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.blueprint import ad_hoc_ladder
from narratives.models import NarrativeExport
from narratives.tests.conftest import PASSWORD, record
from narratives.transitions import request_export

LADDER = ad_hoc_ladder([{"name": "QA review", "required_role": "qa", "sla_hours": 24}, {"required_role": "approver"}])


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def export(lab):
    plate = lab.execution.events.first()
    return request_export(
        lab.execution.pk,
        by=lab.jonas,
        attachments=[{"qc_event_id": str(plate.pk)}],
        notes="After DEV-118",
        blueprint=LADDER,
    )


def page(export, tab=""):
    return reverse("export", args=[export.pk]) + (f"?tab={tab}" if tab else "")


def asked(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.mark.parametrize("tab", ["", "evidence", "changes", "audit"])
@pytest.mark.parametrize(("person", "status"), [("jonas", 200), ("mira", 200), ("ada", 200), ("sam", 404)])
def test_every_tab_opens_for_who_sees_the_run_and_for_nobody_else(lab, export, tab, person, status):
    assert client_of(getattr(lab, person)).get(page(export, tab)).status_code == status


def test_a_stranger_gets_404_on_every_address(lab, export):
    stage = export.ladder.stages.first()
    client = client_of(lab.sam)
    run = [lab.execution.pk]
    assert client.get(reverse("export_compose", args=run)).status_code == 404
    assert client.get(reverse("execution_exports", args=run)).status_code == 404
    for name, arguments in (
        ("export_sign", [export.pk]),
        ("export_reject", [export.pk]),
        ("export_delegate", [export.pk, stage.pk]),
        ("export_reset", [export.pk, stage.pk]),
    ):
        assert client.post(reverse(name, args=arguments), {"password": PASSWORD}).status_code == 404
        assert client.get(reverse(name, args=arguments)).status_code == 405


def test_who_is_not_signed_in_is_sent_to_sign_in(lab, export):
    assert Client().get(page(export)).status_code == 302


def test_the_page_shows_what_was_frozen(lab, export):
    record(lab, "note.late", {"text": "not in this version"})
    told = client_of(lab.mira).get(page(export)).content.decode()
    assert "Cq 24.1 to 31.8" in told
    assert "not in this version" not in told
    assert "After DEV-118" in told
    assert export.content_digest in told


def test_a_long_narrative_is_read_in_pages(lab):
    for number in range(60):
        record(lab, "note.row", {"text": f"row {number:03}"})
    export = request_export(lab.execution.pk, by=lab.jonas)
    client = client_of(lab.jonas)
    first = client.get(page(export)).content.decode()
    assert "row 047" in first
    assert "row 048" not in first
    assert "?from=51" in first
    second = client.get(page(export) + "?from=51", headers={"HX-Request": "true"}).content.decode()
    assert "row 048" in second
    assert "row 059" in second
    assert "<html" not in second
    assert client.get(page(export) + "?from=nonsense").status_code == 200


def hidden(html):
    return dict(re.findall(r'<input type="hidden" name="(digest|cycle|stage_id)" value="([^"]*)"', html))


def sign(client, export, verb="sign", **fields):
    seen = hidden(client.get(page(export)).content.decode())
    return client.post(
        reverse(f"export_{verb}", args=[export.pk]), {**seen, "meaning": "approved", "password": PASSWORD, **fields}
    )


def test_two_people_sign_in_the_browser(lab, export):
    answer = sign(client_of(lab.mira), export, notes="Reviewed")
    assert (answer.status_code, answer["Location"]) == (302, page(export))
    assert sign(client_of(lab.lea), export).status_code == 302
    export.ladder.refresh_from_db()
    assert export.ladder.status == "approved"
    told = client_of(lab.jonas).get(page(export, "audit")).content.decode()
    assert "approved by all 2 stages" in told
    assert "requested: 2 events" in told


def test_a_wrong_password_is_a_form_error_that_keeps_the_notes_and_not_the_password(lab, export):
    answer = sign(client_of(lab.mira), export, notes="My long note", password="wrong horse battery")
    told = answer.content.decode()
    assert answer.status_code == 403
    assert "My long note" in told
    assert "wrong horse battery" not in told
    assert "password" in told
    assert export.ladder.signatures.count() == 0


def test_a_rejection_needs_notes(lab, export):
    answer = sign(client_of(lab.mira), export, verb="reject")
    assert answer.status_code == 400
    assert "Say why you reject" in answer.content.decode()
    assert sign(client_of(lab.mira), export, verb="reject", notes="Plate 3 is missing").status_code == 302
    export.ladder.refresh_from_db()
    assert export.ladder.status == "rejected"


def test_when_somebody_was_faster_the_page_says_so_and_keeps_the_notes(lab):
    export = request_export(lab.execution.pk, by=lab.jonas)
    slow = client_of(lab.lea)
    seen = hidden(slow.get(page(export)).content.decode())
    assert sign(client_of(lab.mira), export).status_code == 302
    answer = slow.post(
        reverse("export_sign", args=[export.pk]),
        {**seen, "meaning": "approved", "password": PASSWORD, "notes": "Typed in vain"},
    )
    told = answer.content.decode()
    assert answer.status_code == 409
    assert "Mira Kessler" in told
    assert "Typed in vain" in told
    assert export.ladder.signatures.count() == 1


def test_a_page_of_another_content_cannot_sign(lab, export):
    answer = sign(client_of(lab.mira), export, digest="0" * 64)
    assert answer.status_code == 409
    assert export.ladder.signatures.count() == 0


def test_the_requester_sees_why_and_no_form(lab, export):
    told = client_of(lab.jonas).get(page(export)).content.decode()
    assert 'name="password"' not in told
    assert sign(client_of(lab.jonas), export, digest=export.content_digest).status_code == 403


def test_a_stage_is_delegated_and_reset_from_the_page(lab, export):
    second = export.ladder.stages.last()
    client = client_of(lab.ada)
    answer = client.post(reverse("export_delegate", args=[export.pk, second.pk]), {"delegate_id": str(lab.lea.pk)})
    assert answer.status_code == 302
    second.refresh_from_db()
    assert second.delegated_to == lab.lea
    sign(client_of(lab.mira), export, verb="reject", notes="No")
    first = export.ladder.stages.first()
    jonas = client_of(lab.jonas)
    assert jonas.post(reverse("export_reset", args=[export.pk, first.pk]), {"notes": ""}).status_code == 400
    assert jonas.post(reverse("export_reset", args=[export.pk, first.pk]), {"notes": "Done"}).status_code == 302
    first.refresh_from_db()
    assert first.status == "in_progress"
    foreign = request_export(lab.execution.pk, by=lab.jonas).ladder.stages.first()
    assert jonas.post(reverse("export_reset", args=[export.pk, foreign.pk]), {"notes": "x"}).status_code == 404


@pytest.mark.parametrize("verb", ["sign", "reject"])
@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"password": "x\x00"},
        {"stage_id": "nonsense"},
        {"cycle": "9" * 40},
        {"digest": "x" * 9000},
        {"notes": "n" * 20_000},
    ],
)
def test_posts_that_make_no_sense_are_answered_with_the_page(lab, export, verb, fields):
    answer = client_of(lab.mira).post(reverse(f"export_{verb}", args=[export.pk]), fields)
    assert answer.status_code == 400
    assert export.ladder.signatures.count() == 0


def test_the_changes_tab_compares_with_the_version_before_and_with_any_other(lab, export):
    record(lab, "note.deviation", {"text": "Lot 2209-B"})
    second = request_export(lab.execution.pk, by=lab.jonas)
    client = client_of(lab.jonas)
    told = client.get(page(second, "changes")).content.decode()
    assert "<ins>+- summary: Lot 2209-B</ins>" in told
    assert '<span class="pill bad">removed</span>' in told
    assert client.get(page(export, "changes") + f"&against={second.pk}").status_code == 200
    assert client.get(page(export, "changes") + "&against=nonsense").status_code == 404


def test_the_list_finds_filters_and_pages(lab, export):
    client, url = client_of(lab.jonas), reverse("export_list")
    found = client.get(url, {"q": "sars v1"}).content.decode()
    assert page(export) in found
    assert page(export) not in client.get(url, {"q": "nothing like it"}).content.decode()
    assert page(export) in client.get(url, {"status": "pending", "mine": "1"}).content.decode()
    assert page(export) not in client.get(url, {"status": "approved"}).content.decode()
    assert page(export) not in client_of(lab.sam).get(url).content.decode()
    for q in ("%", "a\x00b", "(" * 300, "v999999999999999999999"):
        assert client.get(url, {"q": q, "status": "nonsense"}).status_code == 200
    assert client.get(url, {"cursor": "nonsense"}).status_code == 400


def test_lists_and_pages_ask_as_many_queries_for_thirty_as_for_one(lab, export):
    jonas, mira = client_of(lab.jonas), client_of(lab.mira)
    run = reverse("execution_exports", args=[lab.execution.pk])
    lists = [reverse("export_list"), run, "/?tab=exports", "/?tab=done", "/"]
    few = [asked(jonas, url) for url in lists], [asked(mira, url) for url in lists]
    plate = [{"event_id": str(lab.execution.events.first().pk)}]
    for _ in range(29):
        request_export(lab.execution.pk, by=lab.jonas, attachments=plate, blueprint=LADDER)
    assert ([asked(jonas, url) for url in lists], [asked(mira, url) for url in lists]) == few


def test_a_page_of_an_export_asks_as_many_queries_whatever_it_holds(lab):
    plate = [{"event_id": str(lab.execution.events.first().pk)}]
    small = request_export(lab.execution.pk, by=lab.jonas, attachments=plate)
    for number in range(30):
        record(lab, "qc.row", {"value": number})
    picked = [{"event_id": str(pk)} for pk in lab.execution.events.values_list("pk", flat=True)[:30]]
    large = request_export(lab.execution.pk, by=lab.jonas, attachments=picked)
    client = client_of(lab.jonas)
    for tab in ("", "evidence", "audit"):
        assert asked(client, page(large, tab)) == asked(client, page(small, tab))


def test_my_work_groups_what_is_to_sign(lab, export):
    told = client_of(lab.mira).get("/").content.decode()
    assert "1 stage waits for your signature" in told
    assert page(export) in told
    assert "Nothing to sign" in client_of(lab.lea).get("/").content.decode()
    assert page(export) in client_of(lab.jonas).get("/?tab=exports").content.decode()
    sign(client_of(lab.mira), export)
    assert page(export) in client_of(lab.mira).get("/?tab=done").content.decode()


def test_the_search_box_finds_runs_and_exports_of_the_person_alone(lab, export):
    told = client_of(lab.jonas).get("/search/", {"q": "sars"}).content.decode()
    assert page(export) in told
    assert str(lab.execution.pk) in told
    assert page(export) not in client_of(lab.sam).get("/search/", {"q": "sars"}).content.decode()
    for q in ("", "\x00", str(lab.execution.pk), "x" * 9000):
        assert client_of(lab.jonas).get("/search/", {"q": q}).status_code == 200


# --- Compose --------------------------------------------------------------------------------------------------------


def compose(lab, user=None, **fields):
    return client_of(user or lab.jonas).post(reverse("export_compose", args=[lab.execution.pk]), fields)


def test_the_compose_page_offers_the_runs_evidence(lab):
    told = client_of(lab.jonas).get(reverse("export_compose", args=[lab.execution.pk])).content.decode()
    assert f"qc_metric:{lab.execution.events.first().pk}" in told
    assert NarrativeExport.objects.count() == 0


def test_one_press_requests_the_export(lab):
    pick = f"qc_metric:{lab.execution.events.first().pk}"
    answer = compose(
        lab, do="request", pick=pick, notes="Please", ladder="ad_hoc",
        **{"stage-0-name": "QA", "stage-0-role": "qa", "stage-0-hours": "24", "stage-0-assignee": "Mira@lab.example"},
    )  # fmt: skip
    export = NarrativeExport.objects.get()
    assert answer["Location"] == page(export)
    stage = export.ladder.stages.get()
    assert (stage.name, stage.required_role, stage.sla_hours, stage.assignee) == ("QA", "qa", 24, lab.mira)
    assert (export.notes, export.attachments.count()) == ("Please", 1)


@pytest.mark.parametrize(
    "do", ["", "search", "add_stage", "remove_stage:0", "kind:file", "more:x", "preview", "changes", "x"]
)
def test_no_other_button_writes_and_what_was_typed_stays(lab, do):
    pick = f"qc_metric:{lab.execution.events.first().pk}"
    answer = compose(lab, do=do, pick=pick, notes="Keep me", q="nothing fits", **{f"label:{pick}": "Plate"})
    told = answer.content.decode()
    assert answer.status_code == 200
    assert "Keep me" in told
    assert re.search(rf'name="pick" value="{pick}" checked', told)
    assert NarrativeExport.objects.count() == 0


def test_stages_are_added_and_removed_without_script(lab):
    two = {"ladder": "ad_hoc", "stage-0-role": "qa", "stage-1-role": "approver"}
    assert 'name="stage-2-role"' in compose(lab, do="add_stage", **two).content.decode()
    told = compose(lab, do="remove_stage:0", **two).content.decode()
    assert 'name="stage-1-role"' not in told
    assert 'value="approver"' in told


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"stage-0-role": "Not a role"}, "needs a role"),
        ({"stage-0-role": "qa", "stage-0-hours": "soon"}, "whole hours"),
        ({"stage-0-role": "qa", "stage-0-assignee": "nobody@lab.example"}, "nobody active has the e-mail address"),
        ({"stage-0-role": "qa", "stage-0-assignee": "lea@lab.example"}, "does not hold the role qa"),
    ],
)
def test_a_ladder_that_does_not_fit_is_told_at_its_row_and_nothing_is_lost(lab, fields, sentence):
    answer = compose(lab, do="request", ladder="ad_hoc", notes="Keep me", **fields)
    told = answer.content.decode()
    assert answer.status_code == 400
    assert sentence in told
    assert "Keep me" in told
    assert 'aria-invalid="true"' in told
    assert all(f'value="{value}"' in told for value in fields.values())
    assert NarrativeExport.objects.count() == 0


def test_evidence_of_another_run_is_told_at_the_choice(lab):
    answer = compose(lab, do="request", pick="file:00000000-0000-4000-8000-000000000000")
    assert answer.status_code == 400
    assert "not in this run" in answer.content.decode()
    assert NarrativeExport.objects.count() == 0


def test_the_preview_shows_what_would_be_frozen(lab):
    pick = f"qc_metric:{lab.execution.events.first().pk}"
    told = compose(lab, do="preview", pick=pick).content.decode()
    assert "Well C7 re-pipetted" in told
    assert "SARS-CoV-2 N1 assay validation" in told
    assert NarrativeExport.objects.count() == 0
    request_export(lab.execution.pk, by=lab.jonas)
    assert "<ins>" in compose(lab, do="changes").content.decode()


@pytest.mark.parametrize(
    "name", ["notes", "q", "kind", "cursor", "pick", "stage-0-name", "stage-0-assignee", "do", "label:x"]
)
@pytest.mark.parametrize(
    "value", ["\x00", "\ufffe\u202e", "x" * 20_000, "[[[[" * 300, "qc_metric:nonsense", "more:\x00"]
)
def test_hostile_forms_are_answered_with_the_page(lab, name, value):
    answer = compose(lab, **{"do": "preview", "ladder": "ad_hoc", "stage-0-role": "qa", name: value})
    assert answer.status_code in (200, 400)
    assert NarrativeExport.objects.count() == 0
