"""Baselines in every state; hours count from the start of the run they come from."""

from dataclasses import dataclass
from datetime import timedelta

from baselines.enums import Decision
from baselines.models import Baseline
from baselines.transitions import publish_baseline, review_baseline, roll_back_baseline, submit_baseline
from biolabs.demo.clock import at
from experiments.models import Execution


@dataclass(frozen=True)
class DemoBaseline:
    """`steps` are (hours, person, verb, notes) in order; a rollback's fifth member names what is current again."""

    run: str
    name: str
    by: str
    reviewers: tuple
    hours: float
    description: str = ""
    labels: tuple = ()
    steps: tuple = ()


BASELINES = (
    DemoBaseline(
        "Cell line authentication HEK293, bank 6", "HEK293 authentication", "samir", ("tomas",), 8,
        "STR profile with 16 loci, compared with the reference of **bank 1**.",
        labels=(("cell line", "HEK293"), ("loci", "16")),
        steps=(
            (30, "tomas", "approve", "Complete, profile and mycoplasma attached"),
            (32, "tomas", "publish", "For every new bank"),
        ),
    ),
    DemoBaseline(
        "LUDOX calibration, plate reader 2", "OD600 calibration with LUDOX", "jonas", ("mira", "lea"), 3,
        "Four LUDOX and four water wells, three reads each. Conversion factor 1.458.",
        labels=(("instrument", "plate reader 2"), ("wavelength", "600 nm")),
        steps=((50, "mira", "approve", "Factor within 5 % of last month"),),
    ),
    DemoBaseline(
        "Western control plasmid, batch 21", "Midiprep pGL4.13", "jonas", ("mira",), 6,
        "Yield of 488 ng/µL from 100 mL culture.", labels=(("plasmid", "pGL4.13"), ("culture", "100 mL")),
        steps=((20, "mira", "approve", "Yield and purity in range"), (21, "mira", "publish", "")),
    ),
    DemoBaseline(
        "Stability pull, month 6", "Stability pull, reference antibody", "samir", ("tomas", "ruth"), 12,
        "Within specification:\n\n- monomer 98.4 %\n- aggregates 1.1 %\n- relative potency 103 %",
        labels=(("chamber", "C-04"), ("product", "reference antibody")),
        steps=(
            (20, "ruth", "approve", "Results and dossier agree"),
            (24, "ruth", "publish", "Standard for the pulls that follow"),
        ),
    ),
    DemoBaseline(
        "Stability pull, month 9", "Stability pull, reference antibody, month 9", "ingrid", ("tomas",), 10,
        labels=(("chamber", "C-04"),),
        steps=((30, "tomas", "reject", "Monomer below 97.0 %: this run is no standard. Repeat the SEC run first."),),
    ),
    DemoBaseline(
        "SARS-CoV-2 N1 assay validation", "RT-qPCR N1, 96 wells", "jonas", ("mira",), 60,
        "Plate layout and master mix as run on **plate 3**. Efficiency 97.3 %, R² 0.9984.",
        labels=(("target", "N1"), ("instrument", "QuantStudio 5"), ("plate", "96 wells")),
    ),
    DemoBaseline(
        "Plasmid prep pGL4.13, batch 22", "Midiprep pGL4.13, gravity column", "lea", ("mira", "jonas"), 2,
        "Gravity column: 612 ng/µL, A260/A280 of 1.87.",
        labels=(("plasmid", "pGL4.13"), ("culture", "100 mL"), ("column", "gravity")),
        steps=((4, "mira", "approve", "Better yield at the same purity"), (5, "jonas", "publish", "From batch 23 on")),
    ),
    DemoBaseline(
        "Cell line authentication HEK293, bank 7", "HEK293 authentication, faster count", "samir", ("tomas",), 1,
        "One count on the Vi-CELL instead of two.", labels=(("cell line", "HEK293"), ("loci", "16")),
        steps=(
            (2, "tomas", "approve", "Viability as before"),
            (3, "tomas", "publish", ""),
            (5, "olga", "roll_back", "The count needs its duplicate: SOP-17, 4.2.", "HEK293 authentication"),
        ),
    ),
)  # fmt: skip


def add_baselines(people):
    """Carry BASELINES out; `people` by key."""
    for plan in BASELINES:
        execution = Execution.objects.get(title=plan.run)
        start = execution.created_at
        with at(start + timedelta(hours=plan.hours)):
            baseline = submit_baseline(
                execution.pk,
                by=people[plan.by],
                name=plan.name,
                description=plan.description,
                labels=plan.labels,
                reviewer_ids=[people[key].pk for key in plan.reviewers],
            )
        for hours, who, verb, notes, *target in plan.steps:
            with at(start + timedelta(hours=hours)):
                _step(baseline, people[who], verb, notes, *target)


def _step(baseline, by, verb, notes, target=None):
    if verb == "publish":
        publish_baseline(baseline.pk, by=by, notes=notes)
    elif verb == "roll_back":
        earlier = Baseline.objects.get(name=target)
        roll_back_baseline(baseline.pk, by=by, reason=notes, target_id=earlier.pk)
    else:
        review_baseline(baseline.pk, by=by, decision=Decision(verb), notes=notes)
