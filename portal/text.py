"""Text that came from outside, made safe to show, to put into Markdown and to use as a file name."""

import re
import unicodedata
from datetime import UTC, timedelta

import markdown
import nh3
from django.utils.html import escape
from django.utils.safestring import mark_safe
from markdown.inlinepatterns import LinkInlineProcessor, ReferenceInlineProcessor, ShortReferenceInlineProcessor
from markdown.treeprocessors import Treeprocessor

from ledger.errors import Invalid

# Zero-width joiner and non-joiner: emoji and several scripts need them, and they cannot reorder text.
HARMLESS_UNPRINTABLE = "\u200c\u200d"
SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RESERVED_NAMES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)
SURROGATE = re.compile("[\ud800-\udfff]")

# --- One line, fences, names ----------------------------------------------------------------------------------------


def _visible(character):
    if character.isprintable() or character in HARMLESS_UNPRINTABLE:
        return character
    if unicodedata.category(character) in ("Zs", "Co", "Cn"):
        return character
    code = ord(character)
    return SHORT_ESCAPES.get(character) or (
        f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    )


def one_line(value, max_length=None):
    """A scalar on one line: control characters, line separators, bidi marks and lone surrogates become visible.

    `None` is the empty string, booleans are `true` and `false`. Longer than `max_length` ends in `…`.
    """
    if value is None or isinstance(value, bool):
        value = {None: "", True: "true", False: "false"}[value]
    text = value if isinstance(value, str) else str(value)
    if max_length is not None and len(text) > max_length:
        text = text[: max_length - 1] + "…"
    return text if text.isprintable() else "".join(map(_visible, text))


def escape_markdown(value):
    """`one_line`, without any meaning in Markdown: not a heading, a link, emphasis, HTML or a table cell."""
    text = one_line(value)
    text = re.sub(r"&(?=#?\w+;)", "&amp;", text)
    text = re.sub(r"<(?=[\w/!?])", "&lt;", text)
    text = re.sub(r"[\\`*\[\]|]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)
    text = re.sub(r"^(\s*)(?:([#+\->])|(\d{1,9})(?=[.)]))", _without_block_meaning, text)
    # Not every reader takes a backslash before these.
    return re.sub(r"^(\s*)([=:])|(~)(?=~)|(?<=~)(~)", _as_entity, text)


def _without_block_meaning(found):
    space, mark, number = found.groups()
    return f"{space}{number}\\" if number else f"{space}\\{mark}"


def _as_entity(found):
    mark = found.group().strip()
    return found.group().replace(mark, f"&#{ord(mark)};")


def _longest_run(text, character):
    return max((len(run) for run in re.findall(f"{re.escape(character)}+", text)), default=0)


def code_span(value):
    """Inline code on one line that no backtick inside can end."""
    text = one_line(value)
    ticks = "`" * (_longest_run(text, "`") + 1)
    padding = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{ticks}{padding}{text}{padding}{ticks}"


def fence(text, language=""):
    """A fenced code block that nothing in `text` can close; ends with a line break."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    ticks = "`" * max(3, _longest_run(text, "`") + 1)
    end = "" if text.endswith("\n") or not text else "\n"
    return f"{ticks}{language}\n{text}{end}{ticks}\n"


def safe_filename(name, default="file", max_length=120):
    """A name of `[A-Za-z0-9._-]` that no system reserves, made from an untrusted one; keeps the extension."""
    name = re.split(r"[/\\]", str(name))[-1]
    name = "".join(part for part in unicodedata.normalize("NFKD", name) if not unicodedata.combining(part))
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", name)
    stem, dot, extension = re.sub(r"\.{2,}", ".", name).strip(".").rpartition(".")
    if not dot or not re.fullmatch(r"[A-Za-z0-9]{1,12}", extension):
        stem, extension = f"{stem}{dot}{extension}", ""
    elif name.startswith(".") and not stem:
        stem, extension = extension, ""
    ending = f".{extension}" if extension else ""
    stem = stem.lstrip(".-_")[: max_length - len(ending) - 1].rstrip(".-_") or default
    return f"_{stem}{ending}" if RESERVED_NAMES.match(stem + ending) else stem + ending


def clean_text(value, field, max_length, *, required=True):
    """The text of an untrusted value, line ends as `\\n`, outer spaces removed.

    Raises `Invalid` naming `field`: not a text, NUL, a lone surrogate, too long, or empty although required.
    """
    if value is None and not required:
        return ""
    if not isinstance(value, str):
        raise Invalid.field(field, "This must be a text.", "not_a_text")
    if "\x00" in value:
        raise Invalid.field(field, "The text contains the NUL character.", "null_characters_not_allowed")
    if SURROGATE.search(value):
        raise Invalid.field(field, "The text contains half a character (a lone surrogate).", "surrogate")
    value = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if len(value) > max_length:
        raise Invalid.field(field, f"At most {max_length:,} characters; these are {len(value):,}.", "max_length")
    if required and not value:
        raise Invalid.field(field, "This may not be empty.", "blank")
    return value


# --- Markdown -------------------------------------------------------------------------------------------------------

TAGS = {"a", "blockquote", "br", "code", "dd", "del", "div", "dl", "dt", "em", "h1", "h2", "h3", "h4", "h5", "h6"}
TAGS |= {"hr", "li", "ol", "p", "pre", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul"}
ATTRIBUTES = {
    "a": {"href"},
    "td": {"align"},
    "th": {"align"},
    "ol": {"start"},
    "div": {"class", "role", "aria-label", "tabindex"},  # only ours: HTML in the source is text
}
MOST_BRACKETS = 200


class _FewBrackets:
    # The library's bracket matching is quadratic: 16,000 of `[` take 45 seconds.
    counted, too_many = None, False

    def handleMatch(self, match, data):  # noqa: N802  the library's name
        if data is not self.counted:
            self.counted, self.too_many = data, data.count("[") > MOST_BRACKETS
        if self.too_many:
            return None, None, None
        return super().handleMatch(match, data)


class _Link(_FewBrackets, LinkInlineProcessor):
    pass


class _Reference(_FewBrackets, ReferenceInlineProcessor):
    pass


class _ShortReference(_FewBrackets, ShortReferenceInlineProcessor):
    pass


class _ForThePortal(Treeprocessor):
    """Headings below the page's own, tables in a region that scrolls."""

    def __init__(self, md, heading_offset):
        super().__init__(md)
        self.heading_offset = heading_offset

    def run(self, root):
        for parent in list(root.iter()):
            if re.fullmatch(r"h[1-6]", str(parent.tag)):
                parent.tag = f"h{min(6, int(parent.tag[1]) + self.heading_offset)}"
            for place, child in enumerate(list(parent)):
                if child.tag == "table":
                    region = root.makeelement(
                        "div", {"class": "scroll", "role": "group", "aria-label": "Table", "tabindex": "0"}
                    )
                    parent[place] = region
                    region.tail, child.tail = child.tail, None
                    region.append(child)


def _converter(heading_offset):
    md = markdown.Markdown(
        extensions=["fenced_code", "sane_lists", "tables"],
        extension_configs={"tables": {"use_align_attribute": True}},
    )
    # HTML in the source stays visible as text; so do pictures: nothing is fetched from elsewhere.
    md.preprocessors.deregister("html_block")
    for name in ("html", "image_link", "image_reference", "short_image_ref"):
        md.inlinePatterns.deregister(name)
    for name, processor in (("link", _Link), ("reference", _Reference), ("short_reference", _ShortReference)):
        pattern = md.inlinePatterns[name]
        priority = next(item.priority for item in md.inlinePatterns._priority if item.name == name)
        md.inlinePatterns.register(processor(pattern.pattern, md), name, priority)
    md.treeprocessors.register(_ForThePortal(md, heading_offset), "portal", 5)
    return md


def markdown_html(source, *, heading_offset=1, max_length=100_000):
    """Markdown as safe HTML: no script, no HTML from the source, nothing fetched, no ids, links `noopener`.

    Beyond `max_length` characters (`None` for no limit) or nested absurdly deep, the text is shown as it stands.
    """
    if max_length is not None and len(source) > max_length:
        return _plain(source[:max_length] + f"\n… ({len(source) - max_length:,} more characters)")
    try:
        html = _converter(heading_offset).convert(source)
    except RecursionError:
        return _plain(source)
    return mark_safe(  # noqa: S308  sanitised here
        nh3.clean(
            html,
            tags=TAGS,
            attributes=ATTRIBUTES,
            url_schemes={"http", "https", "mailto"},
            link_rel="noopener noreferrer nofollow",
            set_tag_attribute_values={"pre": {"tabindex": "0"}},
        )
    )


def _plain(source):
    return mark_safe(f'<pre class="plain" tabindex="0">{escape(source)}</pre>')  # noqa: S308  escaped here


# --- Sizes and times in words ---------------------------------------------------------------------------------------


def file_size(size):
    """`18.4 MB` from a number of bytes, in powers of 1000."""
    size = float(size)
    if size < 1000:
        return "1 byte" if size == 1 else f"{size:.0f} bytes"
    units = iter(("kB", "MB", "GB", "TB"))
    size, unit = size / 1000, next(units)
    while size >= 999.5 and unit != "TB":
        size, unit = size / 1000, next(units)
    return f"{size:.1f} {unit}" if size < 99.95 else f"{size:,.0f} {unit}"


def duration(delta):
    """`3 h 12 min` from a timedelta or a number of seconds; the sign is dropped, at most two units."""
    seconds = abs(int(delta.total_seconds() if isinstance(delta, timedelta) else delta))
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 60:
        return f"{minutes} min"
    if hours < 48:
        return f"{hours} h {minutes % 60:02} min" if minutes % 60 else f"{hours} h"
    return f"{days} days {hours % 24} h" if hours % 24 and days < 7 else f"{days} days"


def day(moment_, now=None):
    """`Thu 26 Nov`, with the year where it is not the year of `now`."""
    moment_ = moment_.astimezone(UTC)
    year = "" if now is not None and now.astimezone(UTC).year == moment_.year else f" {moment_.year}"
    return f"{WEEKDAYS[moment_.weekday()]} {moment_.day} {MONTHS[moment_.month - 1]}{year}"


def moment(moment_):
    """`23 Nov 2026 08:41 UTC`."""
    moment_ = moment_.astimezone(UTC)
    return f"{moment_.day} {MONTHS[moment_.month - 1]} {moment_.year} {moment_:%H:%M} UTC"


def relative(moment_, now):
    """How far away: `in 2 h`, `3 h ago`, `just now`; one unit, rounded down."""
    seconds = int((moment_ - now).total_seconds())
    distance = abs(seconds)
    if distance < 60:
        return "just now"
    for least, size, unit in (
        (365 * 86400, 365 * 86400, "year"),
        (61 * 86400, 30 * 86400, "month"),
        (2 * 86400, 86400, "day"),
    ):
        if distance >= least:
            count = distance // size
            words = f"{count} {unit}" if count == 1 else f"{count} {unit}s"
            break
    else:
        words = f"{distance // 3600} h" if distance >= 3600 else f"{distance // 60} min"
    return f"in {words}" if seconds > 0 else f"{words} ago"
