"""Which exports used a ladder: only those of runs a person sees, page by page."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from experiments.models import Protocol
from governance.assignment_transitions import assign_template
from governance.transitions import create_template
from narratives.models import NarrativeExport
from narratives.tests.conftest import make_execution
from narratives.transitions import request_export

pytestmark = pytest.mark.django_db
STAGES = [{"name": "QA review", "required_role": "qa", "sla_hours": 24}]
ADDRESS = "/governance/ladders/release/exports/"
FRAGMENT = {"headers": {"HX-Request": "true"}}


@pytest.fixture
def template(lab):
    made = create_template(by=lab.ada, template_key="release", name="Release", stage_blueprint=STAGES, publish=True)
    assign_template(made, by=lab.ada, team_id=lab.team.pk)
    return made


def export(lab, title="SARS-CoV-2 N1 assay validation"):
    return request_export(make_execution(lab, title).pk, by=lab.jonas)


def asked(client, **options):
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(ADDRESS, **options)
    assert answer.status_code == 200
    return len(queries), answer.content.decode()


def test_the_page_and_the_fragment_name_the_exports_and_the_version_they_follow(client, lab, template):
    made = export(lab)
    client.force_login(lab.jonas)
    whole, part = (asked(client, **options)[1] for options in ({}, FRAGMENT))
    for page in (whole, part):
        assert reverse("export", args=[made.pk]) in page
        assert "version 1" in page
    assert "<html" in whole
    assert "<html" not in part


def test_exports_of_other_teams_are_not_named_and_others_ladders_are_not_there(client, lab, template):
    theirs = Protocol.objects.create(name="Hidden", content="Mix", version="1", team=lab.other_team, created_by=lab.sam)
    assign_template(template, by=lab.ada, team_id=lab.other_team.pk)
    export(lab, "Ours")
    hidden = make_execution(lab, "Theirs")
    type(hidden).objects.filter(pk=hidden.pk).update(protocol=theirs, run_by=lab.sam)
    request_export(hidden.pk, by=lab.sam)
    client.force_login(lab.jonas)
    page = asked(client)[1]
    assert "Ours" in page
    assert "Theirs" not in page
    lab.sam.memberships.all().delete()
    type(hidden).objects.filter(pk=hidden.pk).update(run_by=lab.jonas)
    client.force_login(lab.sam)
    assert client.get(ADDRESS).status_code == client.get(ADDRESS.replace("release", "nothing")).status_code == 404


def test_both_ask_as_often_for_thirty_exports_as_for_one_and_the_page_goes_on(client, lab, template):
    client.force_login(lab.jonas)
    export(lab)
    client.get(ADDRESS)
    one, few = asked(client)[0], asked(client, **FRAGMENT)[0]
    for number in range(29):
        export(lab, f"Run {number}")
    assert asked(client)[0] == one
    count, part = asked(client, **FRAGMENT)
    assert count == few
    assert part.count('data-label="Ladder"') == 8
    assert "All exports that used it" in part
    first = client.get(f"{ADDRESS}?limit=20")
    cursor = first.context["page"].next_cursor
    rest = client.get(ADDRESS, {"cursor": cursor, "limit": 20}, **FRAGMENT)
    shown = [*first.context["page"].items, *rest.context["page"].items]
    assert {each.pk for each in shown} == {each.pk for each in NarrativeExport.objects.all()}


@pytest.mark.parametrize("query", ["?cursor=zzz", "?limit=0", "?limit=x"])
def test_a_tampered_address_is_400(client, lab, template, query):
    client.force_login(lab.jonas)
    assert client.get(ADDRESS + query).status_code == 400
    assert client.get("/" + ADDRESS.strip("/") + "/%00").status_code == 404
