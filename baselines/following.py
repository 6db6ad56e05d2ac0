"""Whether a run followed a baseline, and where not, in words. Pure: runs as values in, sentences out."""

from dataclasses import dataclass

from experiments.enums import StepStatus
from ledger.canonical import canonical_text
from portal.text import one_line

LONGEST_VALUE = 80
LONGEST_INSTRUCTION = 120
# Which items and bookings a step needs belongs to the day of the run, not to the method.
OF_THE_DAY = {"step_requirements"}


@dataclass(frozen=True)
class Run:
    """What is compared of a run; `steps` are (instruction, status) in order."""

    protocol_version: str
    params: dict
    steps: tuple


@dataclass(frozen=True)
class Following:
    followed: bool
    differences: tuple = ()


def following(execution, baseline):
    """Whether `execution` followed `baseline`, a Following. Steps that are still to come count as followed."""
    if execution.pk == baseline.execution_id:
        return Following(followed=True)
    found = departures(run_of(execution), run_of(baseline.execution))
    return Following(followed=not found, differences=found)


def run_of(execution):
    steps = sorted(execution.steps.all(), key=lambda step: step.index)
    return Run(execution.protocol_version, execution.params, tuple((step.instruction, step.status) for step in steps))


def departures(run, standard):
    """Sentences on where a run differs from the run that became the standard."""
    return (
        *_versions(run, standard),
        *parameter_changes(standard.params, run.params),
        *_steps(run.steps, standard.steps),
    )


def parameter_changes(before, after):
    """`Parameter cycles: 40 → 45` for each that differs, by name."""
    names = sorted((set(before) | set(after)) - OF_THE_DAY)
    return tuple(
        f"Parameter {one_line(name, LONGEST_VALUE)}: {_change(before.get(name), after.get(name))}"
        for name in names
        if canonical_text(before.get(name)) != canonical_text(after.get(name))
    )


def _versions(run, standard):
    if run.protocol_version != standard.protocol_version:
        yield f"Protocol version: {one_line(standard.protocol_version)} → {one_line(run.protocol_version)}"


def _steps(steps, standard):
    for number, ((words, status), (wanted, wanted_status)) in enumerate(zip(steps, standard, strict=False), 1):
        if words != wanted:
            yield f"Step {number} says “{_instruction(words)}”, the baseline “{_instruction(wanted)}”"
        skipped, wanted_skipped = status == StepStatus.SKIPPED, wanted_status == StepStatus.SKIPPED
        if skipped and not wanted_skipped:
            yield f"Step {number} was skipped"
        if wanted_skipped and status == StepStatus.COMPLETED:
            yield f"Step {number} was carried out; the baseline skipped it"
    for number, (words, _) in enumerate(steps[len(standard) :], len(standard) + 1):
        yield f"Step {number}, “{_instruction(words)}”, is not in the baseline"
    for number, (words, _) in enumerate(standard[len(steps) :], len(steps) + 1):
        yield f"Step {number} of the baseline, “{_instruction(words)}”, is missing"


def _instruction(words):
    return one_line(words, LONGEST_INSTRUCTION)


def _change(before, after):
    old, new = (value if isinstance(value, str) else canonical_text(value) for value in (before, after))
    if old == new:  # "40" and 40
        old, new = canonical_text(before), canonical_text(after)
    old, new = (one_line("none" if text == "null" else text, LONGEST_VALUE) for text in (old, new))
    return f"{old} → {new}"
