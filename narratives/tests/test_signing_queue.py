"""Sign next: one authentication, then every record shown and signed on its own."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import override_settings
from django.urls import reverse
from django.utils import timezone

from accounts.models import AccountEvent, RoleGrant
from approvals.models import Signature
from approvals.transitions_claim import claim_stage
from approvals.verification import verify_ladder
from governance.blueprint import ad_hoc_ladder
from ledger.canonical import loads
from narratives.models import NarrativeExport
from narratives.tests.conftest import PASSWORD, make_execution
from narratives.tests.test_pages import client_of
from narratives.transitions import request_export

QA = ad_hoc_ladder([{"name": "QA review", "required_role": "qa", "sla_hours": 24}])


@pytest.fixture
def exports(lab):
    """Three records that wait for Mira, soonest deadline first."""
    runs = [lab.execution, make_execution(lab, "Western blot p53"), make_execution(lab, "ELISA IL-6")]
    return [request_export(run.pk, by=lab.jonas, blueprint=QA) for run in runs]


@pytest.fixture
def mira(lab):
    return client_of(lab.mira)


def start(client, password=PASSWORD):
    return client.post(reverse("sign_next_start"), {"password": password})


def shown(client):
    """The record the queue opens: its export and the fields of its form."""
    response = client.get(reverse("sign_next"), follow=True)
    html = response.content.decode()
    found = re.search(r"/exports/([0-9a-f-]{36})/\?series=1", response.redirect_chain[-1][0])
    names = ("digest", "cycle", "stage_id", "series")
    fields = {name: re.search(f'name="{name}" value="([^"]*)"', html)[1] for name in names}
    return NarrativeExport.objects.get(pk=found[1]), fields


def sign(client, export, fields, verb="export_sign", **changes):
    return client.post(reverse(verb, args=[export.pk]), {"meaning": "approved", **fields, **changes})


def test_three_records_are_opened_and_signed_one_by_one(lab, exports, mira):
    assert "3 records wait for your signature" in mira.get(reverse("sign_next")).content.decode()
    assert start(mira).status_code == 302
    seen = []
    for _ in exports:
        export, fields = shown(mira)
        response = sign(mira, export, fields)
        assert (response.status_code, response.url) == (302, reverse("sign_next"))
        seen.append(export)
    assert seen == exports
    html = mira.get(reverse("sign_next")).content.decode()
    assert "You signed 3 records" in html
    assert "the next signature asks for your password" in html
    told = [loads(each.ladder.signatures.get().statement)["authentication"] for each in exports]
    assert [each["series"] for each in told] == [1, 2, 3]
    assert len({each["at"] for each in told}) == 1
    assert [
        fault for each in exports for fault in verify_ladder(each.ladder.__class__.objects.get(pk=each.ladder_id))
    ] == []
    assert "Start signing" not in mira.get(reverse("sign_next")).content.decode()


def test_the_form_of_a_series_asks_for_no_password_and_the_usual_one_does(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    usual = mira.get(reverse("export", args=[export.pk])).content.decode()
    assert 'name="password"' in usual
    assert 'name="series"' not in usual
    assert sign(mira, export, fields | {"series": ""}).status_code == 400
    assert Signature.objects.count() == 0


def test_a_record_that_was_not_shown_is_not_signed(lab, exports, mira):
    start(mira)
    _export, fields = shown(mira)
    other = exports[1]
    stage = other.ladder.stages.get()
    forged = fields | {"digest": other.content_digest, "stage_id": str(stage.pk)}
    response = sign(mira, other, forged)
    assert response.status_code == 409
    assert "Read the record as it is now" in response.content.decode()
    assert Signature.objects.count() == 0


def test_a_key_is_good_once_and_for_what_was_shown(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    assert sign(mira, export, fields | {"digest": "0" * 64}).status_code == 409
    assert sign(mira, export, fields).status_code == 409
    export, fields = shown(mira)
    assert sign(mira, export, fields).status_code == 302
    assert sign(mira, export, fields).status_code == 409
    assert Signature.objects.count() == 1


def test_when_the_time_is_over_nothing_is_signed_and_what_was_typed_stays(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        response = sign(mira, export, fields, notes="Checked plate 3")
        assert response.status_code == 403
        assert "The time of your signing series is over" in response.content.decode()
        assert "Checked plate 3" in response.content.decode()
        assert "Start signing" in mira.get(reverse("sign_next")).content.decode()
    assert Signature.objects.count() == 0


def test_after_five_minutes_the_series_still_signs(lab, exports, mira):
    start(mira)
    with time_machine.travel(timezone.now() + timedelta(minutes=8)):
        export, fields = shown(mira)
        assert sign(mira, export, fields).status_code == 302


def test_a_wrong_password_starts_nothing_and_is_counted(lab, exports, mira):
    response = start(mira, "wrong")
    assert response.status_code == 403
    assert "The password is wrong" in response.content.decode()
    assert AccountEvent.objects.filter(action="account.signature_password_failed", about=lab.mira).count() == 1
    assert "Start signing" in mira.get(reverse("sign_next")).content.decode()


def test_a_rejection_needs_its_reason_in_a_series_too(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    response = sign(mira, export, fields, "export_reject")
    assert response.status_code == 400
    assert 'name="series"' in response.content.decode()
    export, fields = shown(mira)
    assert sign(mira, export, fields, "export_reject", notes="Attach plate 3").status_code == 302
    export.ladder.refresh_from_db()
    assert export.ladder.status == "rejected"


def test_skipped_and_claimed_records_are_left_out(lab, exports, mira):
    RoleGrant.objects.create(user=lab.lea, role="qa", team=lab.team)
    claim_stage(exports[1].ladder.stages.get().pk, by=lab.lea)
    start(mira)
    export, fields = shown(mira)
    mira.post(reverse("sign_next_skip"), {"stage_id": fields["stage_id"]})
    export, fields = shown(mira)
    assert export == exports[2]
    sign(mira, export, fields)
    html = mira.get(reverse("sign_next")).content.decode()
    assert "You signed 1 record<" in html
    assert "1 still waits for you" in html


def test_ending_and_signing_out_end_the_series(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    assert "You signed 0 records" in mira.post(reverse("sign_next_end")).content.decode()
    assert sign(mira, export, fields).status_code == 403
    start(mira)
    export, fields = shown(mira)
    mira.post(reverse("sign_out"))
    mira.force_login(lab.mira)
    assert sign(mira, export, fields).status_code == 403


def test_another_person_in_the_same_browser_does_not_go_on(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    session = mira.session
    kept = session["signing_series"]
    ada = client_of(lab.ada)
    session = ada.session
    session["signing_series"] = kept
    session.save()
    assert sign(ada, export, fields).status_code == 403


@override_settings(SIGNING_SERIES_MINUTES=0)
def test_a_deployment_without_series_says_so(lab, exports, mira):
    response = start(mira)
    assert response.status_code == 403
    assert "every record is signed with the password" in response.content.decode()


def test_get_changes_nothing(lab, exports, mira):
    for name in ("sign_next_start", "sign_next_skip", "sign_next_end"):
        assert mira.get(reverse(name)).status_code == 405


@pytest.mark.parametrize("given", ["", "not-an-id", "9" * 400, "\x00"])
def test_skipping_what_is_no_stage_changes_nothing(lab, exports, mira, given):
    start(mira)
    assert mira.post(reverse("sign_next_skip"), {"stage_id": given}).status_code in (302, 404)
    assert shown(mira)[0] == exports[0]


def test_a_series_that_is_over_asks_for_the_password_on_the_same_page(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    mira.post(reverse("sign_next_end"))
    html = sign(mira, export, fields, notes="Checked plate 3").content.decode()
    assert 'name="password"' in html
    assert 'name="series"' not in html
    usual = {name: value for name, value in fields.items() if name != "series"}
    assert sign(mira, export, usual, password=PASSWORD, notes="Checked plate 3").status_code == 302
    assert "series" not in loads(export.ladder.signatures.get().statement)["authentication"]


def test_who_was_not_fast_enough_goes_on_to_the_next_record(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    RoleGrant.objects.create(user=lab.lea, role="qa", team=lab.team)
    sign(client_of(lab.lea), export, fields | {"series": ""}, password=PASSWORD)
    html = sign(mira, export, fields, notes="Checked plate 3").content.decode()
    assert "Lea Novak already approved" in html
    assert "Checked plate 3" in html
    assert f'href="{reverse("sign_next")}"' in html
    assert shown(mira)[0] == exports[1]


def test_reading_the_evidence_does_not_leave_the_series(lab, exports, mira):
    start(mira)
    export, _fields = shown(mira)
    html = mira.get(reverse("export", args=[export.pk]) + "?series=1").content.decode()
    links = [link for link in re.findall(r'href="([^"]*\?tab=[^"]*)"', html) if str(export.pk) in link]
    assert len(links) >= 4
    for link in links:
        assert 'name="series"' in mira.get(link.replace("&amp;", "&")).content.decode()
    usual = mira.get(reverse("export", args=[export.pk])).content.decode()
    assert "series" not in "".join(re.findall(r'href="[^"]*\?tab=[^"]*"', usual))


def test_a_claim_in_a_series_comes_back_to_the_record_in_the_series(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    html = mira.get(reverse("export", args=[export.pk]) + "?series=1").content.decode()
    back = re.search('name="next" value="([^"]*series=1)"', html)[1]
    claimed = mira.post(reverse("export_claim", args=[export.pk, fields["stage_id"]]), {"next": back}, follow=True)
    assert 'name="series"' in claimed.content.decode()


def test_what_was_signed_is_counted_though_another_tab_overwrote_the_session(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    before = mira.session["signing_series"]
    sign(mira, export, fields)
    session = mira.session
    session["signing_series"] = before
    session.save()
    export, fields = shown(mira)
    sign(mira, export, fields)
    assert loads(export.ladder.signatures.get().statement)["authentication"]["series"] == 2
    assert "You signed 2 records" in mira.post(reverse("sign_next_end")).content.decode()


def test_a_signature_with_the_password_is_not_one_of_the_series(lab, exports, mira):
    start(mira)
    export, fields = shown(mira)
    sign(mira, export, fields | {"series": ""}, password=PASSWORD)
    assert "You signed 0 records" in mira.post(reverse("sign_next_end")).content.decode()
