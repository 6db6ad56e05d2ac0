"""Eight processes request at once: every version once, no gap, the chain whole."""

import multiprocessing
import os

import pytest
from django.db import connections

from accounts.models import User
from experiments.chains import TIMELINES
from experiments.timeline import chain_id
from ledger.chain import first_fault
from narratives.models import NarrativeExport
from narratives.tests.conftest import make_lab
from narratives.transitions import request_export

pytestmark = pytest.mark.django_db(transaction=True)
PROCESSES = multiprocessing.get_context("fork")
AT_ONCE, PATIENCE_SECONDS = 8, 60


def _child(execution_id, user_id, barrier):
    status = 1
    try:
        user = User.objects.get(pk=user_id)
        barrier.wait(PATIENCE_SECONDS)
        request_export(execution_id, by=user)
        status = 0
    finally:
        connections.close_all()
        os._exit(status)  # nothing of the test session is torn down here


def test_versions_number_without_gaps_under_eight_processes(transactional_db):
    User.objects.get_or_create(email="system@biolabs.invalid", defaults={"is_active": False, "full_name": "BioLabs"})
    lab = make_lab()
    connections.close_all()
    barrier = PROCESSES.Barrier(AT_ONCE)
    children = [
        PROCESSES.Process(target=_child, args=(lab.execution.pk, lab.jonas.pk, barrier)) for _ in range(AT_ONCE)
    ]
    for child in children:
        child.start()
    for child in children:
        child.join(PATIENCE_SECONDS)
    assert [child.exitcode for child in children] == [0] * AT_ONCE
    versions = NarrativeExport.objects.order_by("version").values_list("version", flat=True)
    assert list(versions) == list(range(1, AT_ONCE + 1))
    lab.execution.refresh_from_db()
    count, head = lab.execution.event_count, lab.execution.head_hash
    assert count == 2 + 2 * AT_ONCE
    assert first_fault(TIMELINES, chain_id(lab.execution.pk), count=count, head=head) is None
