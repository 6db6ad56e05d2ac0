"""Signing where a second factor is enrolled: on the page and over the API, and what the statement then says."""

import json

import pytest

from accounts.tests.phone import Phone
from narratives.tests.conftest import PASSWORD
from narratives.tests.test_api import client_of as api_of
from narratives.tests.test_pages import LADDER, client_of, page, sign
from narratives.transitions import request_export


@pytest.fixture
def export(lab):
    return request_export(lab.execution.pk, by=lab.jonas, blueprint=LADDER)


@pytest.fixture
def phone(lab):
    return Phone.of(lab.mira)


def methods(export):
    return [
        json.loads(row.statement)["authentication"]["method"] for row in export.ladder.signatures.order_by("sequence")
    ]


def test_the_page_asks_for_the_code_of_who_is_enrolled_and_of_nobody_else(lab, export, phone):
    assert 'name="code"' in client_of(lab.mira).get(page(export)).content.decode()
    Phone.of(lab.lea)
    assert sign(client_of(lab.mira), export, code=phone.code()).status_code == 302
    assert 'name="code"' in client_of(lab.lea).get(page(export)).content.decode()
    assert 'name="code"' not in client_of(lab.mira).get(page(export)).content.decode()
    assert methods(export) == ["password+totp"]


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("", 400, "Give the six-digit code"),
        ("000 00x", 403, "code is wrong"),
        ("1" * 65, 400, "64"),
        ("1\x00", 400, ""),
    ],
)
def test_without_the_right_code_nothing_is_signed_and_the_notes_stay(lab, export, phone, code, status, said):
    answer = sign(client_of(lab.mira), export, code=code, notes="Checked against plate 3")
    html = answer.content.decode()
    assert answer.status_code == status
    assert said in html
    assert "Checked against plate 3" in html
    assert 'name="code"' in html
    assert PASSWORD not in html
    assert not export.ladder.signatures.exists()


def test_a_rejection_asks_for_it_too(lab, export, phone):
    refused = sign(client_of(lab.mira), export, verb="reject", notes="Plate 3 is missing")
    assert refused.status_code == 400
    taken = sign(client_of(lab.mira), export, verb="reject", notes="Plate 3 is missing", code=phone.recovery[0])
    assert taken.status_code == 302
    assert methods(export) == ["password+recovery_code"]


def test_the_api_takes_the_code_beside_the_password(lab, export, phone):
    path = f"/api/experiment-console/sessions/{lab.execution.pk}/exports/narrative/{export.pk}/approve"

    def approve(**more):
        body = {"status": "approved", "signature": "Mira Kessler", "password": PASSWORD} | more
        return api_of(lab.mira).post(path, body, format="json")

    for code, said in ((None, "second_factor_required"), (phone.wrong(), "wrong_code")):
        answer = approve(**{} if code is None else {"code": code})
        assert (answer.status_code, answer.json()["code"]) == (403, said)
    assert approve(code="\x00").status_code == 400
    assert approve(code=phone.code()).status_code == 200
    assert methods(export) == ["password+totp"]


def test_where_the_house_asks_for_one_the_refusal_says_where_to_set_it_up(lab, export, settings):
    settings.SECOND_FACTOR_REQUIRED_TO_SIGN = True
    answer = sign(client_of(lab.mira), export)
    assert answer.status_code == 403
    assert "Your account, Second factor" in answer.content.decode()
