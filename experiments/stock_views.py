"""Pages of what runs need: inventory, equipment, bookings. They are changed over the API, in the administration and
by a step's remedies."""

from datetime import timedelta

from django.contrib.auth.decorators import login_required
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from experiments import queries
from experiments.forms import BookingFilter, EquipmentFilter, InventoryFilter
from portal.paging import page_of

TABS = (("inventory_list", "Inventory"), ("equipment_list", "Equipment"), ("booking_list", "Bookings"))
DUE_SOON = timedelta(days=30)


@login_required
@require_safe
def inventory_list(request):
    form = InventoryFilter(request.GET, user=request.user)
    page = page_of(queries.items_matching(request.user, **form.wanted()), request, order="name")
    return _shown(request, "inventory_list", form, page)


@login_required
@require_safe
def equipment_list(request):
    """Devices with the time their calibration is due."""
    now = timezone.now()
    form = EquipmentFilter(request.GET, user=request.user)
    page = page_of(
        queries.devices_matching(request.user, **form.wanted(), now=now, soon=DUE_SOON), request, order="name"
    )
    for device in page:
        device.calibration = _calibration(device.calibration_due_at, now)
    return _shown(request, "equipment_list", form, page)


def _calibration(due_at, now):
    if due_at is None:
        return "not needed", ""
    if due_at < now:
        return "overdue", "bad"
    return ("due soon", "warn") if due_at < now + DUE_SOON else ("valid", "good")


@login_required
@require_safe
def booking_list(request):
    """Bookings that go on or come; those that are over on demand, newest first."""
    now = timezone.now()
    form = BookingFilter(request.GET)
    wanted = form.wanted()
    order = "-start_time" if wanted["when"] == "past" else "start_time"
    page = page_of(queries.bookings_matching(request.user, **wanted, now=now), request, order=order)
    for booking in page:
        booking.state = _state(booking, now)
    return _shown(request, "booking_list", form, page)


def _state(booking, now):
    if booking.start_time > now:
        return "coming", ""
    return ("now", "accent") if booking.end_time >= now else ("over", "")


def _shown(request, name, form, page):
    filtered = any(request.GET.get(field) for field in form.fields)
    context = {"tabs": TABS, "name": name, "form": form, "page": page, "filtered": filtered, "now": timezone.now()}
    return render(request, f"experiments/{name}.html", context)
