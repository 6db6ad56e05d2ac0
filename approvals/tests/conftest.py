import pytest

from approvals.tests.lab import Lab


@pytest.fixture
def lab(db):
    return Lab()
