"""The same key, caller and body answers the first result again."""

import threading

import pytest
from django.db import connection, transaction

from accounts.idempotency import idempotent
from accounts.models import IdempotencyKey, Team
from ledger.errors import Invalid, TransitionDenied

PATH = "/api/things"


def make(user, key, body, name="First", path=PATH):
    with idempotent(user=user, key=key, path=path, body=body) as once:
        if once.answer is None:
            with transaction.atomic():
                team = Team.objects.create(name=name)
                once.store(201, {"id": team.pk, "name": name})
    return once.response()


def test_a_repeat_answers_the_first_result_and_changes_nothing(lea):
    first, second = make(lea, "k1", {"a": 1, "b": 2}), make(lea, "k1", {"b": 2, "a": 1}, name="Second")
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"
    assert [team.name for team in Team.objects.all()] == ["First"]


def test_another_body_with_the_same_key_is_a_conflict(lea):
    make(lea, "k1", {"a": 1})
    with pytest.raises(TransitionDenied) as refused:
        make(lea, "k1", {"a": 2}, name="Second")
    assert refused.value.code == "idempotency_key_reused"
    assert Team.objects.count() == 1


def test_another_caller_or_path_is_another_request(lea, jonas):
    make(lea, "k1", b"x", name="A")
    make(jonas, "k1", b"x", name="B")
    make(lea, "k1", b"x", name="C", path="/api/others")
    assert Team.objects.count() == 3


def test_without_a_key_every_request_counts(lea):
    make(lea, None, b"x", name="A")
    make(lea, None, b"x", name="B")
    assert (Team.objects.count(), IdempotencyKey.objects.count()) == (2, 0)


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\nb", "é", "nul\x00", "\ud800"])
def test_a_malformed_key_is_refused(lea, key):
    with pytest.raises(Invalid):
        make(lea, key, b"x")
    assert not Team.objects.exists()


def test_a_refused_request_is_not_remembered(lea):
    with pytest.raises(Invalid), idempotent(user=lea, key="k1", path=PATH, body=b"x"), transaction.atomic():
        raise Invalid("No.")
    assert make(lea, "k1", b"x").status_code == 201


def test_the_result_is_stored_only_inside_the_change(transactional_db, lea):
    with pytest.raises(RuntimeError), idempotent(user=lea, key="k1", path=PATH, body=b"x") as once:
        once.store(201, {})


def test_of_two_requests_at_once_one_changes_and_both_answer_its_result(transactional_db, lea):
    together, answers = threading.Barrier(2, timeout=20), []

    def send(name):
        try:
            with idempotent(user=lea, key="k1", path=PATH, body=b"x") as once:
                together.wait()
                if once.answer is None:
                    with transaction.atomic():
                        Team.objects.create(name=name)
                        once.store(201, {"name": name})
            answers.append(once.response().content)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=(name,)) for name in ("A", "B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Team.objects.count() == 1
    assert len(answers) == 2
    assert len(set(answers)) == 1
