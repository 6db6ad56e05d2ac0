"""Runs that share stock, in real processes: what one waits for is not held by who waits for it."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from experiments.models import Booking, InventoryItem, Resource
from experiments.transitions import remediate_step, start_execution
from tests.at_once import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time cannot wait for another"),
]
ROUNDS = 12
# Rows are locked in the order of identifiers.
KIT, SERUM = (str(UUID(int=number)) for number in (1, 2))


@pytest.fixture
def kits(db):
    for pk in (KIT, SERUM):
        InventoryItem.objects.create(pk=pk, item_type="kit", name=pk)


def again(call):
    def many():
        for _ in range(ROUNDS):
            call()

    return many


def restoring_and_linking(protocol, by, spent, missing):
    parameters = {"step_requirements": {"0": {"required_inventory_ids": [spent, missing]}}}

    def call():
        run = start_execution(protocol, by=by, parameters=parameters, inventory_item_ids=[spent])
        InventoryItem.objects.filter(pk=spent).update(status="consumed")
        remediate_step(run.pk, 0, by=by, actions=[f"inventory:restore:{spent}", f"inventory:link:{missing}"])

    return again(call)


def moving(protocol, by, bookings):
    ids = [str(booking.pk) for booking in bookings]
    parameters = {"step_requirements": {"0": {"required_booking_ids": ids}}}
    run = start_execution(protocol, by=by, parameters=parameters, booking_ids=ids)

    def call():
        for booking in bookings:
            booking.save()  # back where it was: not now
        remediate_step(run.pk, 0, by=by, actions=[f"booking:adjust:{pk}" for pk in ids])

    return again(call)


def booked(resource, number, by):
    start = timezone.now() + timedelta(days=number)
    window = {"start_time": start, "end_time": start + timedelta(hours=1)}
    return Booking.objects.create(pk=UUID(int=number), resource=resource, booked_by=by, **window)


def test_runs_that_name_the_same_items_in_another_order_wait_and_go_on(protocol, miles, kits):
    calls = [restoring_and_linking(protocol, miles, *order) for order in ((KIT, SERUM), (SERUM, KIT))]
    starting = again(lambda: start_execution(protocol, by=miles, inventory_item_ids=[SERUM, KIT]))
    assert at_once(*calls, starting) == [[200, ""]] * 3


def test_runs_that_move_bookings_of_the_same_resources_in_another_order_wait_and_go_on(protocol, miles):
    hood, reader = (Resource.objects.create(name=name) for name in ("Hood", "Reader"))
    first = [booked(hood, 1, miles), booked(reader, 2, miles)]
    second = [booked(reader, 3, miles), booked(hood, 4, miles)]
    assert at_once(moving(protocol, miles, first), moving(protocol, miles, second)) == [[200, ""]] * 2
