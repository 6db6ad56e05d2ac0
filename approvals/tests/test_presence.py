"""Who has a record open is told for a minute; people who write at once do not lose each other for long."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest
from django.core.cache import cache
from django.db import OperationalError

from approvals.presence import SECONDS, SLOTS, note_presence, who_is_looking

NOW = datetime(2026, 5, 14, 9, tzinfo=UTC)
FIRST, SECOND = UUID(int=1), UUID(int=2)

pytestmark = pytest.mark.django_db


def person(number, name):
    return SimpleNamespace(pk=UUID(int=number), printed_name=name)


MIRA, TOMAS = person(1, "Mira Kessler"), person(2, "Tomas Lind")


def seen(ladder_ids, now=NOW, but=MIRA):
    return who_is_looking(ladder_ids, now, but=but)


def test_others_are_named_and_oneself_is_not():
    note_presence(FIRST, MIRA, NOW)
    note_presence(FIRST, TOMAS, NOW)
    assert seen([FIRST, SECOND]) == {FIRST: ["Tomas Lind"]}
    assert seen([FIRST], but=TOMAS) == {FIRST: ["Mira Kessler"]}


def test_who_gives_no_sign_for_a_minute_is_forgotten():
    note_presence(FIRST, TOMAS, NOW)
    assert seen([FIRST], NOW + timedelta(seconds=SECONDS - 1)) == {FIRST: ["Tomas Lind"]}
    assert seen([FIRST], NOW + timedelta(seconds=SECONDS)) == {}


def test_people_who_share_a_key_keep_each_other():
    third = person(2 + SLOTS, "Lea Novak")
    note_presence(FIRST, TOMAS, NOW)
    note_presence(FIRST, third, NOW)
    assert seen([FIRST]) == {FIRST: ["Lea Novak", "Tomas Lind"]}


def test_the_list_asks_the_cache_once(monkeypatch):
    calls = []
    monkeypatch.setattr(cache, "get_many", lambda keys: calls.append(len(keys)) or {})
    seen([UUID(int=number) for number in range(50)])
    assert calls == [50 * SLOTS]


def test_a_busy_database_does_not_fail_the_page(monkeypatch):
    def busy(*args):
        raise OperationalError("database is locked")

    monkeypatch.setattr(cache, "set", busy)
    note_presence(FIRST, MIRA, NOW)
    assert seen([FIRST], but=TOMAS) == {}
    monkeypatch.setattr(cache, "get_many", busy)
    assert seen([FIRST], but=TOMAS) == {}
