import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from ledger import triggers


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("turn", [1, 2])
def test_a_flushed_database_has_its_triggers_and_the_system_user(turn):
    assert triggers.missing(connection) == set()
    assert get_user_model().objects.system().full_name == "BioLabs"
