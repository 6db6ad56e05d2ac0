import os
import shutil
from importlib.util import find_spec

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.hashers import make_password
from django.core.cache import caches
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as examples

from accounts.models import SYSTEM_EMAIL
from ledger import triggers
from tests.deployment import ENGINE, Template

collect_ignore = ["biolabs/test_settings.py"]
if find_spec("playwright") is None:
    collect_ignore += ["tests/e2e"]  # `make test` installs it where there is a browser


def pytest_configure():
    # A busy machine is slow and not wrong, and one commit gives one answer: the same examples in every run.
    examples.register_profile(
        "same", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    examples.load_profile("same")
    TransactionTestCase._fixture_teardown = _flushing_past_the_triggers(TransactionTestCase._fixture_teardown)


def _flushing_past_the_triggers(teardown):
    """A flush deletes every row, records too: the triggers step aside for it, and what migrations made comes back."""

    def flush(case):
        names = list(case._databases_names(include_mirrors=False))
        for name in names:
            triggers.drop(connections[name])
        try:
            teardown(case)
        finally:
            for name in names:
                triggers.install(connections[name])
        get_user_model().objects.get_or_create(
            email=SYSTEM_EMAIL, defaults={"full_name": "BioLabs", "is_active": False, "password": make_password(None)}
        )

    return flush


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable(config, report):
    """Hostile input turns up in reports, and a lone surrogate in one would end the whole run under xdist."""
    return _sendable((yield))


def _sendable(value):
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {key: _sendable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_sendable(part) for part in value)
    return value


@pytest.fixture(autouse=True)
def empty_caches():
    """Throttles counted in one test must not lock out the next."""
    yield
    for cache in caches.all(initialized_only=True):
        cache.clear()


@pytest.fixture(scope="session")
def migrated_template(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    return Template((folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "template")


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix, migrated_template):
    """Every test process begins with a copy of the one migrated database; its own `migrate` has nothing left to do."""
    test = connections["default"].settings_dict["TEST"]
    if ENGINE == "sqlite":
        shutil.copy(migrated_template.database, test["NAME"])
    else:
        test["TEMPLATE"] = migrated_template.name


@pytest.fixture(scope="session")
def django_db_keepdb():
    return True  # what was copied must not be made anew; it goes with the run's folder or server


@pytest.fixture
def deployment(migrated_template, tmp_path):
    """Data folder and migrated database of their own, for tests that start real processes."""
    return migrated_template.copy(tmp_path / "deployment")
