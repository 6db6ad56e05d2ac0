"""What people read: the narrative of a dossier as Markdown and as a page that stands alone."""

from pathlib import Path

from django.utils.html import escape

from ledger.canonical import rfc3339
from narratives.bag import Entry, encoded
from narratives.reading import event_view
from narratives.rendering import blocks
from narratives.signature_page import signature_page
from portal.text import markdown_html, one_line

STYLE = Path(__file__).parent / "dossier_files" / "narrative.css"


def narrative_markdown(frozen):
    export = frozen.export
    yield Entry(
        "data/narrative.md",
        lambda: encoded(export.content),
        sha256=export.content_sha256,
        at_most=4 * len(export.content),
        title="The narrative",
    )


def narrative_html(frozen):
    content, signatures = frozen.export.content, signature_page(frozen)
    at_most = 40 * len(content) + 4 * len(signatures)
    yield Entry("data/narrative.html", lambda: _html(content, signatures), at_most=at_most)


def _html(content, signatures):
    """Block by block: the time grows with the length and no faster."""
    title = one_line(content[:400].split("\n", 1)[0].removeprefix("# "))
    yield (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n"
    ).encode()
    for block in blocks(content):
        yield (_event_html(block.markdown) if block.kind == "event" else _block_html(block.markdown)).encode()
    yield f"{signatures}</body>\n</html>\n".encode()


def _block_html(markdown):
    return f"<section>\n{markdown_html(markdown, heading_offset=0)}\n</section>\n"


def _event_html(markdown):
    event = event_view(markdown)
    return (
        f'<section class="event" id="event-{event.sequence}">\n'
        f"<h3>{escape(rfc3339(event.at))} {escape(event.event_type)} (#{event.sequence})</h3>\n"
        f"<ul>\n<li>actor: {escape(event.actor)}</li>\n<li>id: <code>{escape(event.id)}</code></li>\n"
        f"<li>summary: {escape(event.summary)}</li>\n</ul>\n<pre>{escape(event.payload)}</pre>\n</section>\n"
    )
