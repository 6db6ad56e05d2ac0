"""Pages of inventory, equipment and bookings."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from experiments.models import Booking, Equipment, Resource
from experiments.tests.test_pages import signed_in, text
from experiments.transitions import start_execution
from experiments.transitions_stock import create_item

NOW = timezone.now()
INVENTORY, EQUIPMENT, BOOKINGS = PATHS = ("/inventory/", "/inventory/equipment/", "/inventory/bookings/")


def booked(resource, by, days):
    start = NOW + timedelta(days=days)
    end = start + timedelta(hours=2)
    return Booking.objects.create(resource=resource, start_time=start, end_time=end, booked_by=by)


@pytest.fixture
def stock(miles, mate, team):
    """One of each kind that the filters tell apart."""
    hood, reader = (Resource.objects.create(name=name) for name in ("Hood", "Reader"))
    due = {"Balance": -3, "Cycler": 10, "Freezer": 90}
    for name, days in due.items():
        Equipment.objects.create(name=name, team=team, calibration_due_at=NOW + timedelta(days=days))
    Equipment.objects.create(name="Rack")
    create_item(by=miles, item_type="kit", name="RT kit", team_id=team.pk)
    create_item(by=miles, item_type="serum", name="FBS", status="quarantined")
    booked(hood, miles, -0.04), booked(hood, miles, -9), booked(reader, mate, 2)


def found(user, path):
    answer = signed_in(user).get(path)
    assert answer.status_code == 200
    return [getattr(row, "name", None) or row.resource.name for row in answer.context["page"].items]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (INVENTORY, ["FBS", "RT kit"]),
        (f"{INVENTORY}?q=kit", ["RT kit"]),
        (f"{INVENTORY}?status=quarantined", ["FBS"]),
        (EQUIPMENT, ["Balance", "Cycler", "Freezer", "Rack"]),
        (f"{EQUIPMENT}?calibration=overdue", ["Balance"]),
        (f"{EQUIPMENT}?calibration=soon", ["Cycler"]),
        (f"{EQUIPMENT}?calibration=none", ["Rack"]),
        (f"{EQUIPMENT}?q=free", ["Freezer"]),
        (BOOKINGS, ["Hood", "Reader"]),
        (f"{BOOKINGS}?when=now", ["Hood"]),
        (f"{BOOKINGS}?when=past", ["Hood"]),
        (f"{BOOKINGS}?mine=on", ["Hood"]),
        (f"{BOOKINGS}?q=mate", ["Reader"]),
    ],
)
def test_lists_and_their_filters(stock, miles, path, expected):
    assert found(miles, path) == expected


def test_the_team_filter(stock, miles, team):
    assert found(miles, f"{INVENTORY}?team={team.pk}") == ["RT kit"]
    assert len(found(miles, f"{EQUIPMENT}?team={team.pk}")) == 3


def test_others_see_what_has_no_team_and_the_calendar(stock, stan, admin):
    assert [found(stan, path) for path in PATHS] == [["FBS"], ["Rack"], ["Hood", "Reader"]]
    assert len(found(admin, EQUIPMENT)) == 4


@pytest.mark.parametrize("path", PATHS)
def test_nobody_is_asked_to_sign_in(db, path):
    assert Client().get(path)["Location"].startswith("/sign-in/")


@pytest.mark.parametrize(
    "query", ["q=%00", "status=eaten", "team=x", f"q={'x' * 300}", "q=%ED%A0%80", "when=never", "calibration=x"]
)
@pytest.mark.parametrize("path", PATHS)
def test_a_filter_that_does_not_fit_is_no_error_page(stock, miles, path, query):
    assert signed_in(miles).get(f"{path}?{query}").status_code == 200


def test_what_is_due_and_what_goes_on_is_said_in_words(stock, miles):
    assert all(words in text(signed_in(miles).get(EQUIPMENT)) for words in ("overdue", "due soon", "valid"))
    assert all(words in text(signed_in(miles).get(BOOKINGS)) for words in ("now", "coming"))


def test_the_lists_cost_the_same_for_few_and_for_many_and_go_on(stock, miles, team):
    def cost(path):
        with CaptureQueriesContext(connection) as queries:
            signed_in(miles).get(path)
        return len(queries)

    few = [cost(path) for path in PATHS]
    hood = Resource.objects.get(name="Hood")
    for number in range(60):
        create_item(by=miles, item_type="kit", name=f"Kit {number:02}", team_id=team.pk)
        Equipment.objects.create(name=f"Device {number:02}", team=team)
        booked(hood, miles, 3 + number)
    assert [cost(path) for path in PATHS] == few
    for path in PATHS:
        page = signed_in(miles).get(path).context["page"]
        rest = signed_in(miles).get(f"{path}?cursor={page.next_cursor}").context["page"]
        assert len(page) == 50
        assert rest.items
        assert not {row.pk for row in page} & {row.pk for row in rest}


def test_a_blocked_step_leads_to_where_to_look(protocol, miles, stock):
    missing = str(Booking.objects.first().pk)
    parameters = {"step_requirements": {"0": {"required_booking_ids": [missing]}}}
    run = start_execution(protocol, by=miles, parameters=parameters)
    html = text(signed_in(miles).get(f"/executions/{run.pk}/"))
    assert f'<a href="{BOOKINGS}">See the bookings</a>' in html
    assert "See the equipment" not in html
