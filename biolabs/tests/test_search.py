"""The search box of the top bar also finds baselines, of the person alone."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from baselines.tests.lab import Lab


@pytest.fixture
def lab(db):
    return Lab()


def test_baselines_are_found_by_name_protocol_and_submitter_the_current_one_first(lab, client):
    first, second = lab.published(name="N1 old"), lab.published(name="N1 new")
    client.force_login(lab.rita)
    for q in ("n1", "rt-qpcr", "sam submitter"):
        told = client.get(reverse("search"), {"q": q}).content.decode()
        assert told.index(reverse("baseline", args=[second.pk])) < told.index(reverse("baseline", args=[first.pk]))
    client.force_login(lab.stan)
    told = client.get(reverse("search"), {"q": "n1"}).content.decode()
    assert "No baseline fits." in told
    assert str(first.pk) not in told


def queries_of(client, q):
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(reverse("search"), {"q": q})
    return len(queries), answer


def test_ten_are_shown_with_as_many_queries_as_one_and_the_rest_is_behind_a_link(lab, client):
    client.force_login(lab.sam)
    lab.submitted()
    one, _ = queries_of(client, "standard")
    for _ in range(10):
        lab.submitted()
    many, answer = queries_of(client, "standard")
    assert many == one
    assert (len(answer.context["baselines"]), answer.context["more_baselines"]) == (10, True)
    assert f"{reverse('baseline_list')}?q=standard" in answer.content.decode()


def test_people_are_found_by_name_or_address_and_no_stranger(lab, client):
    client.force_login(lab.sam)
    found = {
        q: [person.full_name for person in client.get(reverse("search"), {"q": q}).context["people"]]
        for q in ("mate", "colleague@example", "stan")
    }
    assert found == {"mate": ["Mate Colleague"], "colleague@example": ["Mate Colleague"], "stan": []}
