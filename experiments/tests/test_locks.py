"""Runs that share stock: what one waits for is not held by who waits for it."""

import pytest
from django.db import connection

from accounts.tests.test_locks import repeated
from experiments.models import InventoryItem
from experiments.transitions import remediate_step, start_execution
from experiments.transitions_stock import create_item

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time cannot wait for another"),
]


def test_two_runs_that_name_the_same_items_in_another_order_reserve_both(protocol, miles):
    ids = [str(create_item(by=miles, item_type="kit", name=name).pk) for name in ("Kit", "Serum")]

    def reserving(wanted):
        parameters = {"step_requirements": {"0": {"required_inventory_ids": wanted}}}
        run = start_execution(protocol, by=miles, parameters=parameters, inventory_item_ids=wanted)

        def call(_number):
            for pk in ids:
                InventoryItem.objects.filter(pk=pk).update(status="consumed")
            remediate_step(run.pk, 0, by=miles, actions=[f"inventory:restore:{pk}" for pk in wanted])

        return call

    assert repeated(reserving(ids), reserving(ids[::-1])) == [None, None]
