"""What webhooks tell about a baseline, and that no name and nothing written about it is in it."""

import json

import pytest

from accounts.models import WebhookDelivery, WebhookEndpoint
from accounts.secrets_at_rest import encrypt
from baselines.transitions import publish_baseline, roll_back_baseline

pytestmark = pytest.mark.django_db


@pytest.fixture
def hooked(lab):
    WebhookEndpoint.objects.create(
        name="ELN", url="https://hooks.example/", secret=encrypt("s"), team=lab.team, created_by=lab.ada
    )
    return lab


def told():
    rows = WebhookDelivery.objects.order_by("created_at", "pk")
    return [(row.kind, json.loads(row.body)["data"]) for row in rows]


def test_publishing_and_rolling_back_are_told_once_each(hooked, settings):
    settings.SITE_URL = "https://biolabs.example"
    first = publish_baseline(hooked.approved().pk, by=hooked.ada, notes="Secret note")
    second = hooked.published(run=hooked.make_run("Plate 4"), name="N1 again")
    roll_back_baseline(second.pk, by=hooked.ada, reason="Secret reason", target_id=str(first.pk))

    def facts(baseline, **more):
        return {
            "baseline_id": str(baseline.pk),
            "execution_id": str(baseline.execution_id),
            "protocol_id": str(hooked.protocol.pk),
            "title": baseline.name,
            "version": baseline.version_number,
            "url": f"https://biolabs.example/baselines/{baseline.pk}/",
            **more,
        }

    restored = {"was_current": True, "restored_id": str(first.pk), "restored_version": 1}
    assert told() == [
        ("baseline_published", facts(first)),
        ("baseline_published", facts(second)),
        ("baseline_rolled_back", facts(second, **restored)),
    ]
    bodies = " ".join(WebhookDelivery.objects.values_list("body", flat=True))
    assert not any(word in bodies for word in ("Secret", hooked.ada.full_name, hooked.sam.full_name))


def test_another_team_hears_nothing(hooked):
    WebhookEndpoint.objects.update(team=hooked.other_team)
    hooked.published()
    assert told() == []
