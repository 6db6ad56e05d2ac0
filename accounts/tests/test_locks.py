"""Verbs that meet on the same people and teams, again and again: none waits for who waits for it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Notification, RoleGrant, Team, User
from accounts.transitions import add_member, grant_role, remove_member, rename_team, revoke_role
from accounts.transitions_absence import cancel_absence, set_absence
from accounts.transitions_notifications import claim_emails, mark_notifications_read

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor == "sqlite", reason="one writer at a time cannot wait for another"),
]
ROUNDS = 25
FIRST, MIDDLE, LAST = (UUID(int=number) for number in (1, 2, 3))  # locks are taken in the order of ids


def repeated(*calls):
    """Each call in a thread of its own, ROUNDS times; what each raised, or None."""
    barrier = Barrier(len(calls))

    def run(call):
        barrier.wait(60)
        try:
            for number in range(ROUNDS):
                call(number)
        except Exception as error:  # noqa: BLE001 the test asserts on it
            return repr(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


@pytest.fixture
def mate(transactional_db):
    return User.objects.create_user("mate@example.org", full_name="Mate", pk=FIRST)


@pytest.fixture
def ada(transactional_db):
    return User.objects.create_superuser("ada@example.org", full_name="Ada", pk=MIDDLE)


@pytest.fixture
def bob(transactional_db):
    return User.objects.create_superuser("bob@example.org", full_name="Bob", pk=LAST)


@pytest.fixture
def team(ada):
    team = Team.objects.create(name="Assay")
    add_member(team, ada, by=ada, role="owner")
    return team


def joining(team, mate, by):
    def call(_number):
        add_member(team, mate, by=by)
        remove_member(team, mate.pk, by=by)

    return call


def granting(mate, by, **where):
    def call(number):
        revoke_role(grant_role(mate, by=by, role=f"role{number}", **where).pk, by=by)

    return call


def test_a_team_is_renamed_while_somebody_joins(team, mate, ada, bob):
    def rename(number):
        rename_team(team.pk, by=ada, name=f"Assay {number}")

    assert repeated(rename, joining(team, mate, bob)) == [None, None]


def test_a_role_is_granted_in_a_team_while_the_person_joins_it(team, mate, ada, bob):
    assert repeated(granting(mate, ada, team=team), joining(team, mate, bob)) == [None, None]


def test_a_role_is_granted_while_an_administrator_names_the_person_as_stand_in(mate, ada, bob):
    for person in (mate, ada):
        RoleGrant.objects.create(user=person, role="qa")

    def go_away(_number):
        start = timezone.now() + timedelta(days=1)
        given = {"starts_at": start, "ends_at": start + timedelta(days=1), "stand_in_id": mate.pk}
        cancel_absence(set_absence(ada.pk, by=ada, **given).pk, by=ada)

    assert repeated(granting(mate, bob), go_away) == [None, None]


def test_notifications_are_read_while_they_are_claimed_for_an_e_mail(mate):
    now = timezone.now()
    Notification.objects.bulk_create(
        Notification(
            user=mate, kind="x", title="x", created_at=now - timedelta(minutes=number * 7 % 300), email_due_at=now
        )
        for number in range(300)
    )

    def read(_number):
        Notification.objects.filter(user=mate).update(read_at=None)
        mark_notifications_read(by=mate)

    def claim(number):
        claim_emails(mate.pk, now=now + timedelta(days=number))

    assert repeated(read, claim) == [None, None]
