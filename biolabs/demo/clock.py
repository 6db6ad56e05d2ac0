"""A demonstration needs a past; this lets the portal's own transitions write it."""

import datetime as dt
from contextlib import contextmanager
from unittest import mock


@contextmanager
def at(moment):
    """Let `django.utils.timezone.now()` start at `moment` (aware) and run on from there.

    Only the demonstration uses it, on an empty database: everything else takes the clock as it is.
    """
    offset = moment - dt.datetime.now(dt.UTC)

    class Shifted(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return dt.datetime.now(tz) + offset

    with mock.patch("django.utils.timezone.datetime", Shifted):
        yield
