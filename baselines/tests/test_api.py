"""Baselines over HTTP: the whole life, who sees what, and what a wrong body is answered."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from baselines.models import Baseline
from baselines.tests.lab import LABELS, everything

BASE = "/api/governance/baselines"
NOBODY = "11111111-1111-4111-8111-111111111111"
MEMBERS = {
    "id", "execution_id", "template_id", "team_id", "name", "description", "status", "labels", "reviewer_ids",
    "version_number", "is_current", "submitted_by_id", "submitted_at", "reviewed_by_id", "reviewed_at", "review_notes",
    "published_by_id", "published_at", "publish_notes", "rollback_of_id", "rolled_back_by_id", "rolled_back_at",
    "rollback_notes", "evidence", "events", "created_at", "updated_at",
}  # fmt: skip


def client_of(user):
    client = APIClient()
    client.force_authenticate(user)
    return client


def post(user, path, body=None, **extra):
    return client_of(user).post(f"{BASE}{path}", body or {}, format="json", **extra)


def body_of(lab, **changes):
    return {
        "execution_id": str(lab.run.pk),
        "name": "N1 standard",
        "description": "Clean NTC",
        "reviewer_ids": [str(lab.rita.pk)],
        "labels": LABELS,
        **changes,
    }


def test_the_life_of_a_baseline_over_the_api(lab):
    made = post(lab.sam, "/submissions", body_of(lab))
    assert made.status_code == 201, made.content
    first = made.json()
    assert set(first) == MEMBERS
    assert (first["status"], first["version_number"], first["is_current"]) == ("submitted", None, False)
    assert (first["template_id"], first["team_id"]) == (str(lab.protocol.pk), str(lab.team.pk))
    assert (first["labels"], first["reviewer_ids"]) == (LABELS, [str(lab.rita.pk)])
    one = f"/{first['id']}"
    rejected = post(lab.rita, f"{one}/review", {"decision": "reject", "notes": "No NTC"}).json()
    assert (rejected["status"], rejected["review_notes"]) == ("rejected", "No NTC")
    again = post(lab.sam, f"{one}/resubmit", {"description": "With NTC", "reviewer_ids": [str(lab.rita.pk)]}).json()
    assert (again["status"], again["description"], again["reviewed_at"]) == ("submitted", "With NTC", None)
    assert post(lab.rita, f"{one}/review", {"decision": "approve"}).json()["reviewed_by_id"] == str(lab.rita.pk)
    published = post(lab.rita, f"{one}/publish").json()
    assert (published["version_number"], published["is_current"], published["publish_notes"]) == (1, True, "")
    second = lab.published()
    rolled = post(lab.ada, f"/{second.pk}/rollback", {"reason": "Primer lot", "target_version_id": first["id"]}).json()
    assert (rolled["status"], rolled["rollback_of_id"], rolled["rollback_notes"]) == (
        "rolled_back",
        first["id"],
        "Primer lot",
    )
    last = client_of(lab.mate).get(f"{BASE}{one}").json()
    assert last["is_current"]
    assert [event["event_type"] for event in last["events"]] == [
        "submitted",
        "review.reject",
        "resubmitted",
        "review.approve",
        "published",
        "restored",
    ]
    assert last["events"][1]["notes"] == "No NTC"
    assert last["events"][1]["actor_id"] == str(lab.rita.pk)


def test_everybody_sees_what_they_may_and_strangers_nothing(lab):
    baseline = lab.submitted()
    for user in (lab.sam, lab.mate, lab.rita, lab.ada):
        assert len(client_of(user).get(BASE).json()["items"]) == 1
        assert client_of(user).get(f"{BASE}/{baseline.pk}").status_code == 200
    stranger = client_of(lab.stan)
    assert stranger.get(BASE).json() == {"items": [], "next_cursor": None}
    assert stranger.get(f"{BASE}?execution_id={lab.run.pk}").json()["items"] == []
    answers = {stranger.get(f"{BASE}/{pk}").content for pk in (baseline.pk, NOBODY, "nonsense")}
    assert stranger.get(f"{BASE}/{baseline.pk}").status_code == 404
    assert len(answers) <= 3
    for verb in ("review", "publish", "rollback", "resubmit"):
        assert post(lab.stan, f"/{baseline.pk}/{verb}").status_code == 404
    assert post(lab.stan, "/submissions", body_of(lab)).status_code == 404
    assert APIClient().get(BASE).status_code == 401


def test_seen_but_not_allowed_is_403_and_the_wrong_state_409(lab):
    submitted, approved = lab.submitted(), lab.approved()
    approve, reason = {"decision": "approve"}, {"reason": "x"}
    assert post(lab.sam, f"/{submitted.pk}/review", approve).status_code == 403
    assert post(lab.mate, f"/{submitted.pk}/review", approve).status_code == 403
    assert post(lab.mate, f"/{approved.pk}/publish").status_code == 403
    assert post(lab.rita, f"/{lab.published().pk}/rollback", reason).status_code == 403
    assert post(lab.rita, f"/{submitted.pk}/publish").status_code == 409
    assert post(lab.rita, f"/{approved.pk}/review", approve).status_code == 409
    assert post(lab.ada, f"/{submitted.pk}/rollback", reason).status_code == 409
    assert post(lab.sam, f"/{submitted.pk}/resubmit").status_code == 409


def test_a_review_of_what_was_changed_since_it_was_read_is_refused(lab):
    rejected = lab.rejected()
    read = client_of(lab.rita).get(f"{BASE}/{rejected.pk}").json()["events"][-1]["sequence"]
    post(lab.sam, f"/{rejected.pk}/resubmit", {"description": "Other words"})
    stale = post(lab.rita, f"/{rejected.pk}/review", {"decision": "approve", "seen": read})
    assert (stale.status_code, stale.json()["code"]) == (409, "stale")
    assert post(lab.rita, f"/{rejected.pk}/review", {"decision": "approve", "seen": read + 1}).status_code == 200


WRONG = {"text": "x", "number": 7, "list": [[]], "nested": [{"id": []}], "flag": True, "object": {"a": 1}, "null": None}


def test_wrong_types_are_400_wherever_they_stand(lab):
    baseline = lab.submitted()
    calls = {
        "/submissions": ("execution_id", "name", "description", "reviewer_ids", "labels", "export_ids", "qc_event_ids"),
        f"/{baseline.pk}/review": ("decision", "notes", "seen"),
        f"/{lab.approved().pk}/publish": ("notes",),
        f"/{lab.published().pk}/rollback": ("reason", "target_version_id"),
        f"/{lab.rejected(by=lab.ada).pk}/resubmit": (
            "name", "description", "reviewer_ids", "labels", "export_ids", "qc_event_ids", "seen",
        ),
    }  # fmt: skip
    lawful = {
        ("name", "text"), ("description", "text"), ("notes", "text"), ("reason", "text"), ("description", "null"),
        ("reviewer_ids", "null"), ("labels", "null"), ("export_ids", "null"), ("qc_event_ids", "null"),
        ("notes", "null"), ("target_version_id", "null"), ("seen", "null"), ("seen", "number"),
    }  # fmt: skip
    before = everything()
    for path, names in calls.items():
        base = body_of(lab) if path == "/submissions" else {"decision": "approve", "reason": "x"}
        for name in names:
            for kind, value in WRONG.items():
                if (name, kind) in lawful or (kind == "null" and path.endswith("resubmit")):
                    continue
                body = {key: given for key, given in {**base, name: value}.items() if key in names}
                answer = post(lab.ada, path, body)
                assert answer.status_code in ((400, 404) if name == "execution_id" else (400,)), (path, name, value)
                assert answer["Content-Type"].startswith("application/problem+json")
    for body in ([], [1], "x"):
        assert post(lab.ada, "/submissions", body or [1]).status_code == 400
    assert post(lab.ada, "/submissions", body_of(lab, status="published")).json()["code"] == "unknown_field"
    assert post(lab.ada, "/submissions", {"name": "x"}).json()["errors"][0]["field"] == "execution_id"
    assert everything() == before


def test_the_same_key_submits_once(lab):
    key = {"HTTP_IDEMPOTENCY_KEY": "k-1"}
    first, repeat = (post(lab.sam, "/submissions", body_of(lab), **key) for _ in range(2))
    assert (first.status_code, repeat.status_code, repeat["Idempotency-Replayed"]) == (201, 201, "true")
    assert first.json() == repeat.json()
    assert Baseline.objects.count() == 1
    assert post(lab.sam, "/submissions", body_of(lab, name="Other"), **key).status_code == 409


def test_the_list_is_filtered_and_paged(lab):
    other = lab.make_run("Plate 4", lab.make_protocol("ELISA"))
    mine, published, elsewhere = lab.submitted(), lab.published(), lab.rejected(run=other)
    api = client_of(lab.mate)

    def ids(query):
        return [item["id"] for item in api.get(f"{BASE}?{query}").json()["items"]]

    assert ids("") == [str(row.pk) for row in (elsewhere, published, mine)]
    assert ids(f"execution_id={other.pk}") == ids(f"template_id={other.protocol_id}") == [str(elsewhere.pk)]
    assert ids("status=published") == [str(published.pk)]
    assert ids(f"status=rejected&execution_id={lab.run.pk}") == []
    page = api.get(f"{BASE}?limit=2").json()
    assert ids(f"limit=2&cursor={page['next_cursor']}") == [str(mine.pk)]
    for query in ("status=lost", "execution_id=nonsense", "template_id=1", "cursor=x", "limit=0"):
        assert api.get(f"{BASE}?{query}").status_code == 400


@pytest.mark.parametrize("who", ["rita", "ada"])
def test_one_and_thirty_cost_the_same(lab, who):
    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client_of(getattr(lab, who)).get(f"{BASE}?limit=50").status_code == 200
        return len(captured)

    lab.add_export()
    lab.add_qc()
    lab.published(labels=LABELS)
    one = queries()
    for _ in range(29):
        lab.submitted(labels=LABELS)
    assert queries() == one
