"""What webhooks tell about a dossier."""

import json

import pytest
from django.conf import settings

from accounts.models import WebhookDelivery, WebhookEndpoint
from narratives import tasks
from narratives.tests import packaging_lab as at

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]


def test_a_webhook_is_told_of_the_dossier_once(lab):
    export = at.approved_export(lab)
    WebhookEndpoint.objects.create(
        name="LIMS", url="https://hooks.example/", secret="", kinds=["dossier_ready"], created_by=lab.jonas
    )
    for _ in range(2):
        tasks.package_export(str(at.package_of(export).pk))
    message = json.loads(WebhookDelivery.objects.get().body)
    assert (message["event"], message["team_id"]) == ("dossier_ready", str(export.execution.team_id))
    assert message["data"] == {
        "execution_id": str(export.execution_id),
        "export_id": str(export.pk),
        "version": 1,
        "cycle": 1,
        "title": str(export),
        "checksum": at.package_of(export).checksum,
        "url": f"{settings.SITE_URL}/exports/{export.pk}/",
    }
