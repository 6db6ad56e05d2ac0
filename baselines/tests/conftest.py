import pytest

from baselines.tests.lab import Lab


@pytest.fixture
def lab(db):
    return Lab()
