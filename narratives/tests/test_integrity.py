"""Stored dossiers are read again in turn."""

from datetime import timedelta

import pytest
from django.utils import timezone

from narratives import integrity
from narratives.models import Package
from narratives.package_transitions import begin_check
from narratives.tests import packaging_lab as at
from narratives.tests.test_artifact import replace_by_link, tamper, truncate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("stores")]


@pytest.fixture
def export(lab):
    return at.packaged_export(lab)


def a_week_passes():
    Package.objects.update(checked_at=timezone.now() - timedelta(days=8))


def test_a_new_dossier_was_read_when_it_was_packaged(export):
    assert integrity.sweep() == (0, 0)


def test_after_a_week_it_is_read_again_once(export):
    a_week_passes()
    assert integrity.sweep() == (1, 0)
    assert integrity.sweep() == (0, 0)


def test_one_that_was_packaged_before_there_were_turns_is_read_first(export):
    Package.objects.update(checked_at=None)
    assert integrity.sweep() == (1, 0)


@pytest.mark.parametrize("damage", [tamper, truncate, replace_by_link])
def test_damage_is_told_once_and_forgotten_after_repair(export, damage):
    path = at.dossier_path(export)
    content = path.read_bytes()
    damage(path)
    for _ in range(2):
        a_week_passes()
        assert integrity.sweep() == (1, 1)
    assert at.packaging_events(export).count("integrity_failed") == 1
    path.unlink()
    path.write_bytes(content)
    a_week_passes()
    assert integrity.sweep() == (1, 0)
    assert at.package_of(export).integrity_failed_at is None


def test_of_two_sweeps_at_once_one_reads(export):
    a_week_passes()
    package = at.package_of(export)
    turns = [begin_check(package.pk, seen_at=package.checked_at, now=timezone.now()) for _ in range(2)]
    assert turns == [True, False]


def test_one_that_could_not_be_read_to_its_end_does_not_keep_the_others_waiting(export, monkeypatch):
    a_week_passes()
    monkeypatch.setattr(integrity, "fingerprint", lambda dossier: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        integrity.sweep()
    assert not integrity.due(timezone.now()).exists()


def test_when_the_time_is_up_the_rest_waits_for_the_next_sweep(export, monkeypatch):
    a_week_passes()
    monkeypatch.setattr(integrity, "SWEEP_SECONDS", -1)
    assert integrity.sweep() == (0, 0)
    assert integrity.due(timezone.now()).count() == 1


def test_what_expired_is_not_missed(lab, export):
    a_week_passes()
    Package.objects.update(status="expired")
    at.dossier_path(export).unlink()
    assert integrity.sweep() == (0, 0)
