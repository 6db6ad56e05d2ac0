"""A demonstration needs a past; this lets the portal's own transitions write it."""

import datetime
from contextlib import contextmanager
from unittest import mock


@contextmanager
def at(moment):
    """Let `django.utils.timezone.now()` start at `moment` (aware) and run on from there.

    Only the demonstration uses it, on an empty database: everything else takes the clock as it is.
    """
    offset = moment - datetime.datetime.now(datetime.UTC)

    class Shifted(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.now(tz) + offset

    with mock.patch("django.utils.timezone.datetime", Shifted):
        yield
