"""Timeline to Markdown: the narrative people sign. The same rows give the same bytes."""

import re
from dataclasses import dataclass

from experiments.models import ExecutionEvent
from ledger.canonical import loads, rfc3339
from narratives.summaries import summary
from portal.text import code_span, escape_markdown, fence

COLUMNS = ("sequence", "created_at", "event_type", "id", "actor_name", "body")
TIMELINE, EVIDENCE = "## Timeline", "## Evidence"
EVENT_LINE = re.compile(r"### (?P<at>\S+Z) (?P<type>.*) \(#(?P<sequence>\d+)\)\Z")
FENCE_LINE = re.compile(r"(`{3,})[a-z]*\Z")


def timeline_rows(execution_id, *, upto):
    """Tuples of `COLUMNS` for the events 1 to `upto`, streamed in sequence without building objects."""
    events = ExecutionEvent.objects.filter(execution_id=execution_id, sequence__lte=upto)
    return events.order_by("sequence").values_list(*COLUMNS).iterator(chunk_size=2000)


def render_narrative(execution, events, attachments):
    """The Markdown of a run.

    `execution` is the row as it was read; `events` are tuples of `COLUMNS` in sequence (`timeline_rows`);
    `attachments` have `label` and `evidence` (a FrozenEvidence). Values of people stay on their line, payloads
    in their fence (reliability.md, "Who attacks").
    """
    parts = [_heading(execution), TIMELINE, ""]
    seen = {}

    def once(value):
        """Names and types repeat: escape each spelling once."""
        if value not in seen:
            seen[value] = escape_markdown(value)
        return seen[value]

    parts.extend(_event(row, once) for row in events)
    parts += [EVIDENCE, ""]
    parts += [_attachment(number, attachment) for number, attachment in enumerate(attachments, 1)]
    if not attachments:
        parts.append("No evidence is attached.")
    return "\n".join(parts) + "\n"


def _heading(execution):
    protocol = f"{execution.protocol_name}, version {execution.protocol_version}"
    return "\n".join(
        [
            f"# Execution Narrative — {escape_markdown(execution.title)}",
            "",
            "## Execution summary",
            "",
            f"- execution: {code_span(str(execution.pk))}",
            f"- protocol: {escape_markdown(protocol)}",
            f"- status: {escape_markdown(execution.get_status_display())}",
            f"- run by: {escape_markdown(execution.run_by_name)}",
            f"- created: {rfc3339(execution.created_at)}",
            f"- updated: {rfc3339(execution.updated_at)}",
            f"- events: {execution.event_count}",
            "",
        ]
    )


def _event(row, once):
    sequence, created_at, event_type, pk, actor_name, body = row
    payload = payload_text(body)
    return (
        f"### {rfc3339(created_at)} {once(event_type)} (#{sequence})\n\n"
        f"- actor: {once(actor_name)}\n"
        f"- id: `{pk}`\n"
        f"- summary: {escape_markdown(summary(event_type, loads(payload)))}\n\n"
        f"{fence(payload, 'json')}"
    )


def payload_text(body):
    """The payload's canonical JSON, cut from an event's sealed text instead of being encoded again.

    Members are sorted and quotes inside strings are escaped, so the first `,"payload":` and the last
    `,"prev":"` are members of the event itself.
    """
    start = body.index(',"payload":') + len(',"payload":')
    return body[start : body.rindex(',"prev":"')]


def _attachment(number, attachment):
    evidence = attachment.evidence
    # Four spaces or the number's width, whichever is more: readers differ in what they take for nested.
    inside = " " * max(4, len(f"{number}. "))
    facts = (
        f"kind: {evidence.get_evidence_type_display()}",
        f"reference: `{evidence.reference_id}`",
        f"name: {escape_markdown(evidence.filename)}",
        f"size: {evidence.size} bytes",
        f"sha256: `{evidence.sha256}`",
    )
    return "\n".join([f"{number}. {escape_markdown(attachment.label)}", *(f"{inside}- {fact}" for fact in facts)])


@dataclass(frozen=True)
class Block:
    """A piece of a narrative that stands by itself. `kind`: `summary`, `event` or `evidence`."""

    kind: str
    markdown: str
    sequence: int | None = None


def blocks(markdown):
    """Split a frozen narrative: the heading with its summary, one block per event, the evidence list.

    Lines inside a fence never begin a block, whatever they say.
    """
    kind, sequence, lines, closing = "summary", None, [], None
    for line in markdown.split("\n"):
        if closing is not None:
            lines.append(line)
            if line == closing:
                closing = None
            continue
        opening = FENCE_LINE.match(line)
        event = EVENT_LINE.match(line)
        if opening:
            closing = opening[1]
        elif event or line in (TIMELINE, EVIDENCE):
            if any(lines):
                yield Block(kind, "\n".join(lines).strip("\n") + "\n", sequence)
            lines = []
            kind, sequence = ("event", int(event["sequence"])) if event else ("evidence", None)
            if line == TIMELINE:
                continue
        lines.append(line)
    if any(lines):
        yield Block(kind, "\n".join(lines).strip("\n") + "\n", sequence)
