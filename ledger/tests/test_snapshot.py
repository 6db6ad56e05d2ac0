from threading import Thread

import pytest
from django.db import connection

from ledger.models import Checkpoint
from ledger.snapshot import one_moment


def write():
    Checkpoint.objects.create(chain="test", sequence=1, head="0" * 64)
    connection.close()


def elsewhere(action):
    thread = Thread(target=action)
    thread.start()
    thread.join(30)
    assert not thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_what_is_written_meanwhile_is_not_seen_and_nobody_waits():
    with one_moment():
        assert Checkpoint.objects.count() == 0
        elsewhere(write)
        assert Checkpoint.objects.count() == 0
    assert Checkpoint.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_it_ends_after_an_error_too():
    with pytest.raises(ZeroDivisionError), one_moment():
        raise ZeroDivisionError
    write()
    assert Checkpoint.objects.count() == 1


def test_inside_a_transaction_that_one_stands(db):
    with one_moment():
        write_here = Checkpoint.objects.create(chain="test", sequence=1, head="0" * 64)
        assert Checkpoint.objects.get() == write_here
