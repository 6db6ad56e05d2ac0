"""State diagrams for docs/states.md, drawn from the tables of lawful moves."""

from approvals.enums import LADDER_MOVES, STAGE_MOVES
from baselines.enums import BASELINE_MOVES
from experiments.enums import EXECUTION_MOVES, STEP_MOVES
from governance.enums import TEMPLATE_MOVES
from narratives.enums import PACKAGE_MOVES

MACHINES = {
    "Execution": EXECUTION_MOVES,
    "Step": STEP_MOVES,
    "Approval ladder": LADDER_MOVES,
    "Approval stage": STAGE_MOVES,
    "Package": PACKAGE_MOVES,
    "Workflow template": TEMPLATE_MOVES,
    "Baseline": BASELINE_MOVES,
}
HEAD = (
    "# State machines\n\n"
    "Drawn by `manage.py state_diagrams` from the tables in each app's `enums.py`. Do not edit by hand.\n"
)


def document():
    """The whole Markdown document, Mermaid diagrams included; the same tables give the same text."""
    return HEAD + "".join(f"\n## {name}\n\n{_diagram(moves)}" for name, moves in MACHINES.items())


def _diagram(moves):
    lines = ["```mermaid", "stateDiagram-v2"]
    for state, targets in moves.items():
        lines += [f"    {state.value} --> {target.value}" for target in sorted(targets)]
        if not targets:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join([*lines, "```", ""])
