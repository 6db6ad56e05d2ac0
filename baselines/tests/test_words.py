"""Whether a run followed the baseline, and what differs between two baselines, in words."""

import pytest

from baselines.differences import differences
from baselines.following import Run, departures, following
from baselines.tests.lab import LABELS
from baselines.transitions import resubmit_baseline
from experiments.transitions import move_step

STEPS = (("Thaw", "completed"), ("Read", "completed"))
STANDARD = Run("2.1", {"cycles": 40, "plate": "P3"}, STEPS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ()),
        ({"steps": (("Thaw", "in_progress"), ("Read", "pending"))}, ()),
        ({"params": {"plate": "P3", "cycles": 40, "step_requirements": {"0": {}}}}, ()),
        ({"protocol_version": "2.2"}, ("Protocol version: 2.1 → 2.2",)),
        ({"params": {"cycles": 45, "plate": "P3"}}, ("Parameter cycles: 40 → 45",)),
        ({"params": {"cycles": "40", "plate": "P3"}}, ('Parameter cycles: 40 → "40"',)),
        ({"params": {"plate": "P3"}}, ("Parameter cycles: 40 → none",)),
        (
            {"params": {"cycles": 40, "plate": "P3", "a\nb": ["x"]}},
            ('Parameter a\\nb: none → ["x"]',),
        ),
        ({"steps": (("Thaw", "skipped"), STEPS[1])}, ("Step 1 was skipped",)),
        ({"steps": (("Warm", "completed"), STEPS[1])}, ("Step 1 says “Warm”, the baseline “Thaw”",)),
        ({"steps": STEPS[:1]}, ("Step 2 of the baseline, “Read”, is missing",)),
        ({"steps": (*STEPS, ("Wash", "pending"))}, ("Step 3, “Wash”, is not in the baseline",)),
    ],
)
def test_departures_are_named(changes, said):
    assert departures(Run(**{**vars(STANDARD), **changes}), STANDARD) == said


def test_a_step_the_baseline_skipped_and_the_run_did_not():
    standard = Run("2.1", STANDARD.params, (("Thaw", "skipped"), STEPS[1]))
    assert departures(STANDARD, standard) == ("Step 1 was carried out; the baseline skipped it",)


def test_runs_are_held_against_the_baseline(lab):
    baseline = lab.published()
    other = lab.make_run("Plate 4")
    assert following(other, baseline).followed
    move_step(other.pk, 1, by=lab.sam, to="skipped")
    found = following(other, baseline)
    assert (found.followed, found.differences) == (False, ("Step 2 was skipped",))
    assert following(lab.run, baseline).followed


def test_differences_between_two_baselines(lab):
    lab.add_qc()
    first = lab.published(labels=LABELS)
    second = lab.rejected(name="N2 standard", run=lab.make_run("Plate 4"))
    second = resubmit_baseline(second.pk, by=lab.sam, labels=[("assay", "N2"), ("site", "")])
    assert differences(first, first) == ()
    assert differences(first, second) == (
        "Name: N1 standard → N2 standard",
        "Label assay: N1 → N2",
        "Label removed: instrument: QuantStudio 5",
        "Label added: site",
        "Evidence removed: Plate read",
        "Run: Plate 3 → Plate 4",
    )
