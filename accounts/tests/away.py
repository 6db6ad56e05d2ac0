"""Absences, as tests enter them."""

from datetime import timedelta

from django.utils import timezone

from accounts.transitions_absence import set_absence

DAY = timedelta(days=1)
PAGE = "/account/absences/"


def away(user, *, by=None, start=DAY, days=7, **given):
    now = timezone.now()
    return set_absence(user.pk, by=by or user, starts_at=now + start, ends_at=now + start + days * DAY, **given)
