"""Pages of baselines as owner, teammate, reviewer, administrator and stranger."""

import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from baselines.models import Baseline, BaselineReviewer
from baselines.tests.lab import EXPORT_ID
from baselines.tests.test_verbs import stand_in_for_sam
from baselines.transitions import publish_baseline, review_baseline, roll_back_baseline
from experiments.transitions import move_step

HOSTILE = "<script>alert(1)</script>\u202e[x](javascript:alert(1))"


def client_of(user):
    client = Client()
    client.force_login(user)
    return client


def page(user, name, pk=None, query=""):
    answer = client_of(user).get(reverse(name, args=[pk] if pk else []) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def asked(client, url):
    with CaptureQueriesContext(connection) as queries:
        assert client.get(url).status_code == 200
    return len(queries)


@pytest.fixture
def baseline(lab):
    return lab.submitted(labels=[{"key": "assay", "value": "N1"}])


@pytest.mark.parametrize("tab", ["record", "differences", "events"])
@pytest.mark.parametrize(
    ("person", "status"), [("sam", 200), ("mate", 200), ("rita", 200), ("ada", 200), ("stan", 404)]
)
def test_every_tab_opens_for_who_sees_the_run_and_its_reviewer_and_for_nobody_else(lab, baseline, tab, person, status):
    address = reverse("baseline", args=[baseline.pk]) + f"?tab={tab}"
    assert client_of(getattr(lab, person)).get(address).status_code == status


def test_a_stranger_gets_404_on_every_address_and_nothing_happens(lab, baseline):
    client = client_of(lab.stan)
    for name in ("execution_baselines", "baseline_new"):
        assert client.get(reverse(name, args=[lab.run.pk])).status_code == 404
    assert client.post(reverse("baseline_new", args=[lab.run.pk]), {"do": "submit", "name": "Mine"}).status_code == 404
    for verb in ("review", "publish", "roll_back", "resubmit"):
        given = {"decision": "approve", "reason": "x", "name": "x", "do": "submit"}
        assert client.post(reverse(f"baseline_{verb}", args=[baseline.pk]), given).status_code == 404
    assert Baseline.objects.get().event_count == 1


def test_who_is_not_signed_in_is_sent_to_sign_in(baseline):
    for name, pk in (
        ("baseline_list", None),
        ("baseline", baseline.pk),
        ("execution_baselines", baseline.execution_id),
    ):
        assert Client().get(reverse(name, args=[pk] if pk else [])).status_code == 302


# --- The catalogue --------------------------------------------------------------------------------------------------


def names_in(user, query=""):
    answer = client_of(user).get(reverse("baseline_list") + query)
    assert answer.status_code == 200
    return [row.name for row in answer.context["page"].items]


def test_the_catalogue_shows_the_current_ones_first_and_only_what_a_person_sees(lab):
    lab.published(name="First")
    lab.submitted(name="Later")
    assert names_in(lab.mate) == ["First", "Later"]
    assert names_in(lab.stan) == []


def test_every_filter_of_the_catalogue_narrows_it(lab):
    other = lab.make_protocol("Western blot")
    blot = lab.published(run=lab.make_run("Blot 1", other), name="Blot", labels=[{"key": "dye", "value": "Red=2"}])
    plate = lab.submitted(name="Plate", labels=[{"key": "assay", "value": "N1"}, {"key": "dye", "value": ""}])
    for query, expected in {
        f"?protocol={other.pk}": ["Blot"],
        f"?team={lab.team.pk}": ["Blot", "Plate"],
        "?status=submitted": ["Plate"],
        "?label=dye": ["Blot", "Plate"],
        "?label=Assay%3Dn1": ["Plate"],
        "?label=dye%3DRed%3D2": ["Blot"],
        "?label=assay%3DN2": [],
        "?q=western": ["Blot"],
        "?q=plate+submitter": ["Plate"],
        "?status=eaten": ["Blot", "Plate"],
        "?q=%00": ["Blot", "Plate"],
        f"?protocol={plate.pk}": ["Blot", "Plate"],
    }.items():
        assert names_in(lab.sam, query) == expected, query
    assert names_in(lab.rita, "?waiting=on") == ["Plate"]
    assert names_in(lab.sam, "?waiting=on") == []
    assert blot.is_current


def test_a_filter_that_does_not_fit_is_named_and_leads_to_its_field(lab):
    told = page(lab.sam, "baseline_list", query=f"?q={'a' * 300}&label={'b' * 500}&status=eaten")
    for name in ("q", "label", "status"):
        assert f'href="#id_{name}"' in told
        assert f'id="id_{name}"' in told


def test_the_catalogue_goes_on_from_the_current_ones_to_the_others_without_losing_any(lab):
    for number in range(3):
        lab.published(run=lab.make_run(f"Run {number}", lab.make_protocol(f"Protocol {number}")), name=f"C{number}")
        lab.submitted(name=f"S{number}")
    found, query = [], "?limit=2"
    client = client_of(lab.sam)
    while True:
        shown = client.get(reverse("baseline_list") + query).context["page"]
        found += [row.name for row in shown.items]
        if not shown.next_cursor:
            break
        query = f"?limit=2&cursor={shown.next_cursor}"
    assert found == ["C2", "C1", "C0", "S2", "S1", "S0"]
    assert client.get(reverse("baseline_list") + "?cursor=nonsense").status_code == 400


def test_empty_pages_say_what_to_do(lab):
    assert "Open a run that went well" in page(lab.sam, "baseline_list")
    assert "No baseline fits" in page(lab.sam, "baseline_list", query="?q=zzz")
    assert "No baseline from this run yet" in page(lab.sam, "execution_baselines", lab.run.pk)
    assert "No current baseline" in page(lab.sam, "protocol", lab.protocol.pk)


def test_lists_and_pages_cost_the_same_for_one_and_thirty(lab, baseline):
    client = client_of(lab.mate)
    addresses = [
        reverse("baseline_list"),
        reverse("execution_baselines", args=[lab.run.pk]),
        reverse("baseline", args=[baseline.pk]) + "?tab=differences",
        reverse("baseline", args=[baseline.pk]),
        reverse("baseline_new", args=[lab.run.pk]),
        reverse("protocol", args=[lab.protocol.pk]),
        reverse("execution", args=[lab.run.pk]),
    ]
    for name in ("One", "Two"):
        lab.published(name=name)
    lab.add_qc()
    rejected = lab.rejected(reviewer_ids=[lab.rita.pk])
    addresses.append(reverse("baseline_resubmit", args=[rejected.pk]))
    client.get(addresses[0])
    one = [asked(client, address) for address in addresses]
    for number in range(15):
        lab.published(name=f"V{number}", labels=[{"key": "n", "value": str(number)}])
        lab.submitted(name=f"S{number}")
    lab.add_qc(count=30)
    for number in range(15):
        BaselineReviewer.objects.create(baseline=rejected, user=lab.person(f"Reviewer {number}"))
    assert [asked(client, address) for address in addresses] == one


# --- One baseline ---------------------------------------------------------------------------------------------------


def test_the_page_shows_what_the_run_showed_who_reviews_and_the_chained_history(lab):
    lab.add_qc()
    lab.add_export()
    found = lab.published(description="**Use** tips of lot 9", labels=[{"key": "assay", "value": "N1"}])
    told = page(lab.mate, "baseline", found.pk)
    for words in (
        "<strong>Use</strong>",
        "assay: N1",
        "Rita Reviewer",
        "27.6",
        "efficiency",
        "For all plates",
        "Sound",
    ):
        assert words in told, words
    assert reverse("export", args=[EXPORT_ID]) in told
    history = page(lab.mate, "baseline", found.pk, "?tab=events")
    for event in found.events.all():
        assert event.hash in history
    assert "Published as version 1" in history


def test_a_run_that_is_not_completed_is_said_to_be_so(lab):
    assert "The run is not completed." in page(lab.sam, "baseline_new", lab.run.pk)
    found = lab.submitted()
    assert ">Planned<" in page(lab.rita, "baseline", found.pk)
    for index in range(3):
        move_step(lab.run.pk, index, by=lab.sam, to="completed")
    assert "The run is not completed." not in page(lab.sam, "baseline_new", lab.run.pk)
    assert ">Planned<" not in page(lab.rita, "baseline", found.pk)


def test_a_page_says_which_reviewers_could_not_review_now(lab):
    found = lab.submitted(reviewer_ids=[lab.rita.pk, lab.mate.pk])
    stand_in_for_sam(lab, lab.rita)
    type(lab.mate).objects.filter(pk=lab.mate.pk).update(is_active=False)
    told = page(lab.sam, "baseline", found.pk)
    assert "Stands in for the submitter" in told
    assert "Deactivated" in told


def test_hostile_text_is_shown_and_never_obeyed(lab):
    found = lab.published(
        name="<b>N1</b>", description=HOSTILE, labels=[{"key": "<i>k</i>", "value": '"><script>alert(1)</script>'}]
    )
    second = lab.submitted(name="<u>N2</u>", description=HOSTILE + "\nmore")
    addresses = [
        reverse("baseline_list"),
        reverse("baseline", args=[found.pk]),
        reverse("baseline", args=[second.pk]) + "?tab=differences",
        reverse("baseline", args=[found.pk]) + "?tab=events",
        reverse("protocol", args=[lab.protocol.pk]),
        reverse("execution", args=[lab.run.pk]),
        reverse("my_work") + "?tab=review",
    ]
    for address in addresses:
        told = client_of(lab.ada).get(address).content.decode()
        for words in ("<script>alert", "<b>N1", "<u>N2", "<i>k", 'href="javascript:'):
            assert words not in told, (address, words)


def test_a_label_leads_to_what_has_the_same_label(lab):
    lab.submitted(name="Odd", labels=[{"key": "a&b", "value": "50 % = half"}])
    told = page(lab.sam, "baseline_list")
    assert "?label=a%26b%3D50%20%25%20%3D%20half" in told
    assert names_in(lab.sam, "?label=a%26b%3D50%20%25%20%3D%20half") == ["Odd"]


@pytest.mark.parametrize(("key", "value"), [("a=b", ""), ("a=b", "c=d"), ("=", "=")])
def test_a_label_with_the_sign_in_its_key_leads_there_too(lab, key, value):
    lab.submitted(name="Odd", labels=[{"key": key, "value": value}])
    lab.submitted(name="Other", labels=[{"key": "a", "value": "x"}])
    told = page(lab.sam, "baseline_list")
    queries = re.findall(r'href="[^"]*(\?label=[^"]*)"', told)
    assert ["Odd"] in [names_in(lab.sam, query) for query in queries]
    assert len(queries) == 2


def test_the_differences_are_to_the_version_before_or_the_one_that_is_chosen(lab):
    first = lab.published(name="First", description="Mix\nRun")
    second = lab.published(name="Second", description="Mix twice\nRun")
    third = lab.submitted(name="Third", description="Mix thrice\nRun")
    told = page(lab.mate, "baseline", third.pk, "?tab=differences")
    assert "-Mix twice" in told
    assert "+Mix thrice" in told
    assert "the version before · the current one" in told
    assert "-Mix\n" in page(lab.mate, "baseline", third.pk, f"?tab=differences&against={first.pk}").replace(
        "</del>", "\n"
    )
    assert "Nothing to compare with" not in page(lab.mate, "baseline", second.pk, "?tab=differences&against=nonsense")


def test_a_reviewer_of_another_team_sees_no_version_of_a_run_they_do_not_see(lab):
    foreign = lab.submitted(run=lab.make_run("Other run"), name="Foreign secret", reviewer_ids=[lab.mate.pk])
    review_baseline(foreign.pk, by=lab.mate, decision="approve")
    publish_baseline(foreign.pk, by=lab.mate)
    mine = lab.submitted()
    told = page(lab.rita, "baseline", mine.pk, "?tab=differences") + page(lab.rita, "execution", lab.run.pk)
    assert "Foreign secret" not in told
    assert reverse("protocol", args=[lab.protocol.pk]) not in page(lab.rita, "baseline", mine.pk)
    assert "Foreign secret" in page(lab.mate, "baseline", mine.pk, "?tab=differences")


def test_a_protocol_shows_its_current_baseline_and_the_versions_before(lab):
    first, second = lab.published(name="First"), lab.published(name="Second")
    told = page(lab.mate, "protocol", lab.protocol.pk)
    assert told.index("v2, Second") < told.index("v1, First")
    roll_back_baseline(second.pk, by=lab.ada, reason="Drift", target_id=first.pk)
    assert "Rolled back" in page(lab.mate, "protocol", lab.protocol.pk)
    told = page(lab.mate, "baseline", first.pk)
    assert "Current again, after version 2" in told
    assert "Drift" in told


def test_a_run_says_whether_it_follows_the_current_baseline(lab):
    lab.published(name="N1 standard")
    other = lab.make_run("Plate 4")
    assert "N1 standard</a> so far." in page(lab.mate, "execution", other.pk)
    for index in range(3):
        move_step(other.pk, index, by=lab.sam, to="completed")
    assert "N1 standard</a>." in page(lab.mate, "execution", other.pk)
    assert "This run is the current baseline" in page(lab.mate, "execution", lab.run.pk)
    lab.protocol.content = "Thaw\nDispense twice\nRead"
    lab.protocol.save()
    differing = lab.make_run("Plate 5")
    for name in ("execution", "execution_baselines"):
        told = page(lab.mate, name, differing.pk)
        assert "Differs from baseline" in told
        assert "Dispense twice" in told
