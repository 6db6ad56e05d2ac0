"""A frozen narrative as the page shows it: the same words, read back from the Markdown people sign."""

import re
from dataclasses import dataclass
from datetime import datetime

from narratives.rendering import EVENT_LINE, blocks

ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])|&(amp|lt);")
ENTITIES = {"amp": "&", "lt": "<"}
LONG_PAYLOAD = 400


@dataclass(frozen=True)
class EventView:
    """One event of a narrative. `payload` is the canonical JSON text inside the fence."""

    sequence: int
    at: datetime
    event_type: str
    actor: str
    id: str
    summary: str
    payload: str

    @property
    def is_long(self):
        return len(self.payload) > LONG_PAYLOAD


def plain_text(markdown):
    """Undo `escape_markdown`."""
    return ESCAPED.sub(lambda found: found[1] or ENTITIES[found[2]], markdown)


def event_view(markdown):
    """The parts of an event's block."""
    lines = markdown.rstrip("\n").split("\n")
    heading = EVENT_LINE.match(lines[0])
    said, fence = {}, None
    for number, line in enumerate(lines[1:], 1):
        if line.startswith("```"):
            fence = number
            break
        key, found, value = line.removeprefix("- ").partition(": ")
        if found:
            said[key] = value
    return EventView(
        sequence=int(heading["sequence"]),
        at=datetime.fromisoformat(heading["at"]),
        event_type=plain_text(heading["type"]),
        actor=plain_text(said["actor"]),
        id=said["id"].strip("`"),
        summary=plain_text(said["summary"]),
        payload="\n".join(lines[fence + 1 : -1]),
    )


@dataclass(frozen=True)
class SummaryView:
    """The head of a narrative: its title and `(name, value)` facts."""

    title: str
    facts: list


def summary_view(markdown):
    """The parts of the summary block."""
    lines = markdown.split("\n")
    facts = []
    for line in lines[1:]:
        name, found, value = line.removeprefix("- ").partition(": ")
        if found:
            facts.append((name.capitalize(), plain_text(value).strip("`")))
    return SummaryView(plain_text(lines[0].removeprefix("# ")), facts)


@dataclass(frozen=True)
class NarrativePage:
    """Part of a narrative: its head on the first page, events, the Markdown of the evidence list on the last."""

    summary: SummaryView | None
    events: list
    evidence: str
    next_from: int | None


def narrative_page(content, *, first=1, size=50):
    """The events numbered from `first`, at most `size`; `next_from` is the next page's first, or None."""
    summary, evidence, events, more = None, "", [], None
    for block in blocks(content):
        if block.kind == "summary":
            summary = summary_view(block.markdown) if first <= 1 else None
        elif block.kind == "evidence":
            evidence = block.markdown
        elif block.sequence >= first:
            if len(events) == size:
                more = block.sequence
                break
            events.append(event_view(block.markdown))
    return NarrativePage(summary, events, "" if more else evidence, more)
