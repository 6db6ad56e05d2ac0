"""The portal runs as a role that owns no table and could not rewrite a record even without the triggers."""

import psycopg
import pytest

from ledger.triggers import GUARDS
from tests.deployment import ENGINE, Deployment

pytestmark = pytest.mark.skipif(ENGINE != "postgresql", reason="roles are of PostgreSQL")


@pytest.fixture
def portal(deployment, tmp_path):
    """The deployment as its second role sees it."""
    address = deployment.environment["DATABASE_URL"]
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute("CREATE ROLE portal LOGIN")
        for line in deployment.manage("database_grants", "portal").splitlines():
            owner.execute(line)
    yield Deployment(tmp_path / "second", database_url=address.replace("postgres@", "portal@"))
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute("DROP OWNED BY portal")
        owner.execute("DROP ROLE portal")


def test_a_whole_laboratory_works_as_the_second_role_and_records_are_out_of_its_reach(portal):
    portal.manage("demo")
    assert "Every invariant holds" in portal.manage("verify")
    with psycopg.connect(portal.environment["DATABASE_URL"], autocommit=True) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("portal",)
        for guard in GUARDS.values():
            wanted = ["TRUNCATE"] + ["DELETE"] * guard.deletes + ["UPDATE"] * (guard.columns is None)
            for right in wanted:
                held = connection.execute("SELECT has_table_privilege(%s, %s)", (guard.table, right)).fetchone()[0]
                assert not held, (guard.table, right)
        for refused in (
            "ALTER TABLE experiments_executionevent DISABLE TRIGGER ALL",
            "DROP TRIGGER experiments_executionevent_refuse_update ON experiments_executionevent",
            "UPDATE experiments_executionevent SET actor_name = 'Nobody'",
            "DELETE FROM django_migrations",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(refused)


def test_a_role_s_name_is_quoted(deployment):
    lines = deployment.manage("database_grants", 'the "portal"').splitlines()
    assert all(line.endswith((' TO "the ""portal""";', ' FROM "the ""portal""";')) for line in lines)
