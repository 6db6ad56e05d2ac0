import pytest
from django.test import Client

from experiments.models import ExecutionEvent, InventoryItem, Protocol
from experiments.transitions_stock import create_item


@pytest.fixture
def browser(admin):
    client = Client(raise_request_exception=False)
    client.force_login(admin)
    return client


def test_an_item_is_added_and_changed_by_the_verb(browser):
    path = "/admin/experiments/inventoryitem"
    assert browser.post(f"{path}/add/", {"item_type": "kit", "name": "Kit", "status": "available"}).status_code == 302
    item = InventoryItem.objects.get()
    changed = {"item_type": "kit", "name": "Kit 2", "status": "quarantined"}
    assert browser.post(f"{path}/{item.pk}/change/", changed).status_code == 302
    item.refresh_from_db()
    assert (item.name, item.status) == ("Kit 2", "quarantined")


def test_a_protocol_is_added_in_the_admins_name(browser, admin):
    body = {"name": "LUDOX", "version": "1", "content": "One", "variables": "{}"}
    assert browser.post("/admin/experiments/protocol/add/", body).status_code == 302
    assert Protocol.objects.get().created_by == admin


def test_a_refused_name_is_shown_and_nothing_is_written(browser):
    for name in ("", "a\x00", "x" * 201):
        body = {"item_type": "kit", "name": name, "status": "available"}
        assert browser.post("/admin/experiments/inventoryitem/add/", body).status_code == 200
    assert not InventoryItem.objects.exists()


@pytest.mark.parametrize("model", ["execution", "executionevent", "executionstep", "grantedapproval", "booking"])
def test_records_are_only_looked_at(browser, run, model):
    assert browser.get(f"/admin/experiments/{model}/").status_code == 200
    assert browser.get(f"/admin/experiments/{model}/add/").status_code == 403


def test_a_forged_change_or_deletion_of_an_event_is_refused(browser, run):
    event = ExecutionEvent.objects.get()
    for verb in ("change", "delete"):
        path = f"/admin/experiments/executionevent/{event.pk}/{verb}/"
        assert browser.post(path, {"post": "yes", "event_type": "x"}).status_code == 403
    body = {"action": "delete_selected", "_selected_action": [str(event.pk)], "post": "yes"}
    browser.post("/admin/experiments/executionevent/", body)
    assert ExecutionEvent.objects.get().event_type == "session.created"


def test_an_item_is_not_deleted(browser, admin):
    item = create_item(by=admin, item_type="kit", name="Kit")
    assert browser.post(f"/admin/experiments/inventoryitem/{item.pk}/delete/", {"post": "yes"}).status_code == 403
    assert InventoryItem.objects.exists()
