from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import Membership, Notification, RoleGrant
from experiments import gates
from experiments.models import ExecutionEvent, GrantedApproval, InventoryItem
from experiments.tests.conftest import person
from experiments.tests.recorded import assert_recorded
from experiments.transitions import move_step, remediate_step, start_execution
from experiments.transitions_stock import create_booking, create_equipment, create_item, create_resource
from ledger.errors import NotAllowed, TransitionDenied

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def gate(linked=None, now=NOW, **wanted):
    return gates.gate({**gates.requirements({}, 0), **wanted}, linked or gates.Linked(), now)


def test_a_step_that_asks_for_nothing_is_open():
    assert gate().is_open
    assert gate().blocked_reason is None


@pytest.mark.parametrize(
    ("wanted", "action"),
    [
        ({"required_inventory_ids": ["i"]}, "inventory:link:i"),
        ({"required_booking_ids": ["b"]}, "booking:create:b"),
        ({"required_equipment_ids": ["e"]}, "equipment:register:e"),
        ({"required_approvals": ["qa"]}, "compliance:approve:qa"),
    ],
)
def test_what_is_not_linked_blocks(wanted, action):
    assert gate(**wanted).required_actions == (action,)
    assert gate(**wanted).auto_triggers == ()


@pytest.mark.parametrize(
    ("status", "is_open"), [("available", True), ("reserved", True), ("consumed", False), ("quarantined", False)]
)
def test_an_item_blocks_unless_available_or_reserved(status, is_open):
    found = gate(gates.Linked(inventory={"i": gates.Item("Kit", status)}), required_inventory_ids=["i"])
    assert found.is_open == is_open
    if not is_open:
        assert found.required_actions == ("inventory:restore:i",)
        assert found.auto_triggers == ("inventory:auto_reserve:i",)


@pytest.mark.parametrize(
    ("start", "end", "is_open"), [(-1, 1, True), (0, 1, True), (-1, 0, True), (1, 2, False), (-2, -1, False)]
)
def test_a_booking_must_contain_now(start, end, is_open):
    window = gates.Window("Hood", NOW + start * HOUR, NOW + end * HOUR)
    found = gate(gates.Linked(bookings={"b": window}), required_booking_ids=["b"])
    assert found.is_open == is_open
    assert is_open or found.required_actions == ("booking:adjust:b",)


@pytest.mark.parametrize(("due", "is_open"), [(None, True), (NOW + HOUR, True), (NOW, True), (NOW - HOUR, False)])
def test_an_overdue_calibration_blocks(due, is_open):
    found = gate(gates.Linked(equipment={"e": gates.Device("Reader", due)}), required_equipment_ids=["e"])
    assert found.is_open == is_open
    if not is_open:
        assert found.required_actions == ("equipment:calibrate:e",)
        assert found.auto_triggers == ("equipment:maintenance_request:e",)


@pytest.mark.parametrize("by_step", [{"1": {"required_approvals": ["qa"]}}, [None, {"required_approvals": ["qa"]}]])
def test_requirements_belong_to_their_step_and_general_approvals_to_all(by_step):
    params = {"step_requirements": by_step, "required_approvals": ["safety", "qa"]}
    assert gates.requirements(params, 0)["required_approvals"] == ["safety", "qa"]
    assert gates.requirements({"step_requirements": by_step}, 1)["required_approvals"] == ["qa"]
    assert gates.requirements({"step_requirements": by_step}, 2)["required_approvals"] == []


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], "planned"),
        (["pending", "pending"], "planned"),
        (["pending", "in_progress"], "in_progress"),
        (["completed", "pending"], "in_progress"),
        (["completed", "skipped"], "completed"),
    ],
)
def test_the_status_of_a_run_follows_from_its_steps(statuses, expected):
    assert gates.execution_status(statuses) == expected


def gated(protocol, miles, requirements, **links):
    return start_execution(protocol, by=miles, parameters={"step_requirements": {"0": requirements}}, **links)


def remedy(run, by, *actions, auto=False):
    return [(each["status"], each["message"]) for each in remediate_step(run.pk, 0, by=by, actions=actions, auto=auto)]


def test_auto_reserves_a_consumed_item_but_lifts_no_quarantine(protocol, miles):
    used = create_item(by=miles, item_type="kit", name="Kit", status="consumed")
    barred = create_item(by=miles, item_type="kit", name="Serum", status="quarantined")
    ids = [str(used.pk), str(barred.pk)]
    run = gated(protocol, miles, {"required_inventory_ids": ids}, inventory_item_ids=ids)
    assert [status for status, _ in remedy(run, miles, auto=True)] == ["executed", "failed"]
    assert set(InventoryItem.objects.values_list("name", "status")) == {("Kit", "reserved"), ("Serum", "quarantined")}
    with pytest.raises(TransitionDenied, match="Serum is quarantined"):
        move_step(run.pk, 0, by=miles, to="in_progress")
    assert remedy(run, miles, f"inventory:restore:{barred.pk}")[0][0] == "executed"
    assert move_step(run.pk, 0, by=miles, to="in_progress").status == "in_progress"


def test_a_booking_is_linked_and_moved_to_now_unless_somebody_else_has_it(protocol, miles, mate):
    from django.utils import timezone

    now = timezone.now()
    hood = create_resource(by=miles, name="Hood")
    later = create_booking(by=miles, resource_id=hood.pk, start_time=now + HOUR, end_time=now + 2 * HOUR)
    taken = create_booking(by=mate, resource_id=hood.pk, start_time=now - HOUR, end_time=now + HOUR / 2)
    run = gated(protocol, miles, {"required_booking_ids": [str(later.pk)]})
    assert remedy(run, miles, f"booking:create:{later.pk}")[0][0] == "executed"
    status, message = remedy(run, miles, f"booking:adjust:{later.pk}")[0]
    assert (status, message.startswith("Hood is booked until")) == ("failed", True)
    taken.delete()
    assert remedy(run, miles, f"booking:adjust:{later.pk}")[0][0] == "executed"
    later.refresh_from_db()
    assert later.end_time - later.start_time == HOUR
    assert move_step(run.pk, 0, by=miles, to="in_progress").status == "in_progress"


def test_calibration_is_asked_of_the_operators(protocol, miles, admin):
    reader = create_equipment(by=miles, name="Reader", calibration_due_at="2020-01-01T00:00:00Z")
    run = gated(protocol, miles, {"required_equipment_ids": [str(reader.pk)]})
    assert remedy(run, miles, f"equipment:register:{reader.pk}")[0][0] == "executed"
    actions = [f"equipment:calibrate:{reader.pk}", f"equipment:maintenance_request:{reader.pk}"]
    assert [status for status, _ in remedy(run, miles, *actions)] == ["scheduled", "scheduled"]
    assert set(Notification.objects.values_list("user", "kind")) == {
        (admin.pk, "equipment.calibration"),
        (admin.pk, "equipment.maintenance"),
    }


def test_an_approval_is_granted_by_its_role_never_by_the_runner(protocol, miles, mate, team, admin):
    run = gated(protocol, miles, {"required_approvals": ["qa"]})
    action = "compliance:approve:qa"
    RoleGrant.objects.create(user=miles, role="qa", team=team)
    assert remedy(run, miles, action) == [("failed", "Who runs this may not grant its approvals.")]
    assert remedy(run, mate, action) == [("failed", "Granting “qa” takes the role qa or compliance.")]
    quinn = person("quinn")
    Membership.objects.create(team=team, user=quinn)
    RoleGrant.objects.create(user=quinn, role="qa")
    assert remedy(run, quinn, action)[0][0] == "executed"
    assert remedy(run, quinn, action)[0][0] == "skipped"
    assert GrantedApproval.objects.get().granted_by == quinn
    assert move_step(run.pk, 0, by=miles, to="completed").status == "completed"


@pytest.mark.parametrize("target", ["x", "", "3b7e7f4e-0f1c-4d1b-9a55-6c0a2d9a1f10", "9" * 100])
def test_a_remedy_for_what_is_not_there_fails_and_is_recorded(protocol, miles, target):
    wanted = target or "none"
    run = gated(protocol, miles, {"required_inventory_ids": [wanted]})
    assert remedy(run, miles, f"inventory:link:{wanted}")[0][0] == "failed"
    assert_recorded(run, "session.created", "remediation.execute")


def test_a_foreign_item_is_linked_as_little_as_an_unknown_one(protocol, miles, stan):
    theirs = create_item(by=stan, item_type="kit", name="Kit", team_id=stan.memberships.get().team_id)
    unknown = "3b7e7f4e-0f1c-4d1b-9a55-6c0a2d9a1f10"
    run = gated(protocol, miles, {"required_inventory_ids": [str(theirs.pk), unknown]})
    said = remedy(run, miles, f"inventory:link:{theirs.pk}", f"inventory:link:{unknown}")
    assert said[0] == said[1]


def test_a_stranger_remedies_nothing(run, stan):
    count = ExecutionEvent.objects.count()
    with pytest.raises(NotAllowed):
        remediate_step(run.pk, 0, by=stan, actions=["inventory:link:x"])
    assert ExecutionEvent.objects.count() == count
