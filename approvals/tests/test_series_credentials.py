"""A signing series lasts as long as the password and the second factor it was begun with."""

from types import SimpleNamespace

import pytest
from django.contrib.sessions.backends.db import SessionStore

from accounts.models import User
from accounts.tests.phone import Phone
from approvals import series
from approvals.tests.lab import password
from ledger.errors import NotAllowed


@pytest.fixture
def request_of(lab):
    """A request of Mira's session, in which a series runs."""
    request = SimpleNamespace(user=lab.mira, session=SessionStore())
    series.begin(request, password())
    assert series.current(request)
    return request


def with_another_password(user):
    user.set_password("another battery staple 7")
    user.save()


@pytest.mark.parametrize("change", [Phone.of, with_another_password], ids=["second factor", "password"])
def test_it_ends_when_they_change(request_of, lab, change):
    change(lab.mira)
    request_of.user = User.objects.get(pk=lab.mira.pk)
    assert series.current(request_of) is None
    with pytest.raises(NotAllowed, match="Nothing was signed"):
        series.take(request_of, "1", "key", digest="d", cycle=1)
