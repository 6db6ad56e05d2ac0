"""The parts every page is made of (docs/interface.md)."""

import re
import secrets
from datetime import UTC, timedelta

from django import template
from django.forms.widgets import CheckboxInput
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from portal import text
from portal.icons import DRAWINGS

register = template.Library()

COLOURS = {
    "good": "approved ready completed published available active verified current resolved executed granted sent",
    "accent": "processing in_progress submitted reserved running packaging under_review scheduled",
    "warn": "queued retrying overdue_soon calibration_due blocked expiring steady held",
    "bad": "rejected failed overdue breached quarantined integrity_failed revoked locked expired saturated removed",
}
COLOUR_OF = {status: colour for colour, statuses in COLOURS.items() for status in statuses.split()}
SOON = timedelta(hours=24)

# --- Small parts ----------------------------------------------------------------------------------------------------


@register.simple_tag
def icon(name):
    """A decorative drawing, hidden from screen readers; an unknown name raises `KeyError`."""
    return mark_safe(  # noqa: S308  our own drawings
        '<svg class="icon" viewBox="0 0 24 24" width="16" height="16" fill="none" stroke="currentColor"'
        ' stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">'
        f"{DRAWINGS[name]}</svg>"
    )


@register.simple_tag
def pill(words, colour=""):
    """Words in a pill; colours are good, warn, bad, accent or none."""
    return format_html('<span class="{}">{}</span>', f"pill {colour}".strip(), words)


@register.simple_tag
def status_pill(status, words=None):
    """A status in its colour, always with its words; takes the value or the member of an enum."""
    value = str(getattr(status, "value", status) or "")
    words = words or getattr(status, "label", None) or value.replace("_", " ").replace(".", " ").capitalize()
    return pill(words or "Unknown", COLOUR_OF.get(value, ""))


@register.simple_tag
def short_hash(digest, label="sha256"):
    """A chip with both ends of a hash; the whole value is its title and what its button copies."""
    digest = str(digest or "")
    if not digest:
        return format_html('<span class="chip">{} none</span>', label)
    short = digest if len(digest) <= 12 else f"{digest[:4]}…{digest[-4:]}"
    return format_html(
        '<span class="chip" title="{}">{} <code>{}</code><button type="button" class="copy" data-copy="{}" hidden>{}'
        '<span class="visually-hidden">Copy {} {}</span></button></span>',
        digest,
        label,
        short,
        digest,
        icon("copy"),
        label,
        short,
    )


def _name(user):
    name = getattr(user, "full_name", "") or getattr(user, "email", "") or str(user or "")
    return text.one_line(name, 150)


@register.simple_tag
def avatar(user):
    """Initials in a circle, for the eye only: put the name beside it."""
    words = re.findall(r"[^\W\d_]+", _name(user).split("@")[0]) or ["?"]
    letters = words[0][0] + (words[-1][0] if len(words) > 1 else "")
    return format_html('<span class="avatar" aria-hidden="true">{}</span>', letters.upper())


@register.simple_tag
def person(user):
    """Initials and name; nobody is a dash."""
    if not user:
        return mark_safe('<span class="muted">–</span>')
    return format_html('<span class="person">{}<span>{}</span></span>', avatar(user), _name(user))


# --- Times and sizes ------------------------------------------------------------------------------------------------


def _now(context, now):
    return now or context.get("now") or timezone.now()


def _time(moment, words, css=""):
    exact = moment.astimezone(UTC)
    return format_html(
        '<time datetime="{}" title="{}"{}>{}</time>',
        exact.strftime("%Y-%m-%dT%H:%M:%SZ"),
        f"{text.day(exact)}, {exact:%H:%M:%S} UTC",
        format_html(' class="{}"', css) if css else "",
        words,
    )


@register.simple_tag(takes_context=True)
def when(context, moment, style="relative", now=None):
    """A moment in UTC; styles: relative, both, utc, clock, day. No moment is a dash."""
    if moment is None:
        return mark_safe('<span class="muted">–</span>')
    now = _now(context, now)
    far = text.relative(moment, now)
    words = {
        "relative": far,
        "both": f"{text.moment(moment)} · {far}",
        "utc": text.moment(moment),
        "clock": moment.astimezone(UTC).strftime("%H:%M:%S"),
        "day": text.day(moment, now),
    }[style]
    return _time(moment, words)


@register.simple_tag(takes_context=True)
def due(context, moment, now=None):
    """A due date as a pill: late, within 24 hours, or later. No date is a dash."""
    if moment is None:
        return mark_safe('<span class="muted">–</span>')
    now = _now(context, now)
    if moment < now:
        return _time(moment, f"{text.duration(now - moment)} late", "pill bad")
    if moment - now < SOON:
        return _time(moment, text.relative(moment, now).replace("just now", "now"), "pill warn")
    return _time(moment, text.day(moment, now), "pill")


register.filter("filesize", text.file_size)
register.filter("duration", text.duration)
register.filter("one_line", text.one_line)
register.filter("markdown", text.markdown_html)


@register.filter
def message_colour(level_tag):
    return {"success": "good", "warning": "warn", "error": "bad"}.get(level_tag, "")


@register.filter
def message_icon(colour):
    return {"good": "check", "warn": "alert", "bad": "warning"}.get(colour, "info")


# --- Buttons --------------------------------------------------------------------------------------------------------


def _new_id(prefix):
    # Not counted: a fragment that arrives later must not repeat an id of the page around it.
    return f"{prefix}-{secrets.token_hex(4)}"


def _disabled(css, content, why_not):
    name = _new_id("why")
    return format_html(
        '<span class="button-with-why"><button type="button" class="{}" aria-disabled="true" aria-describedby="{}">{}'
        '</button><span class="why" id="{}">{}</span></span>',
        css,
        name,
        content,
        name,
        why_not,
    )


def _attributes(options):
    """`hx_post=url` becomes `hx-post="url"`, `True` a bare attribute, `None` and `False` nothing."""
    shown = [(name.replace("_", "-"), value) for name, value in options.items() if value not in (None, False)]
    return format_html_join(
        "", "{}", ((format_html(" {}", n) if v is True else format_html(' {}="{}"', n, v),) for n, v in shown)
    )


@register.simple_tag
def button(words, kind="", icon=None, why_not=None, type="submit", **attributes):  # noqa: A002
    """A button; with a `why_not` sentence it does nothing and says why."""
    content = _content(words, icon)
    css = f"button {kind}".strip()
    if why_not:
        return _disabled(css, content, why_not)
    return format_html('<button type="{}" class="{}"{}>{}</button>', type, css, _attributes(attributes), content)


@register.simple_tag
def link_button(words, href="", kind="", icon=None, why_not=None, **attributes):
    """A link that looks like a button; with a `why_not` sentence it leads nowhere and says why."""
    content = _content(words, icon)
    css = f"button {kind}".strip()
    if why_not or not href:
        return _disabled(css, content, why_not or "Not available here.")
    return format_html('<a class="{}" href="{}"{}>{}</a>', css, href, _attributes(attributes), content)


def _content(words, drawing):
    return format_html("{}<span>{}</span>", icon(drawing), words) if drawing else words


# --- Forms ----------------------------------------------------------------------------------------------------------


@register.inclusion_tag("portal/_field.html")
def field(bound, label=None, hint=None, **attributes):
    """Label, hint, control and errors of a form field, wired together; further arguments become attributes."""
    hint = hint if hint is not None else bound.help_text
    described = []
    if bound.auto_id and hint:
        described.append(f"{bound.auto_id}_helptext")
    if bound.auto_id and bound.errors:
        described.append(f"{bound.auto_id}_error")
    attrs = {name.replace("_", "-"): value for name, value in attributes.items() if value not in (None, False)}
    if described and not bound.use_fieldset:
        attrs["aria-describedby"] = " ".join(described)
    return {
        "bound": bound,
        "control": bound.as_widget(attrs=attrs),
        "label": label or bound.label,
        "hint": hint,
        "described": " ".join(described),
        "inline": isinstance(bound.field.widget, CheckboxInput),
        "optional": not bound.field.required and not isinstance(bound.field.widget, CheckboxInput),
    }


@register.inclusion_tag("portal/_error_summary.html")
def error_summary(form):
    """What is wrong with a form, each point linked to its field; nothing where nothing is."""
    fields = form.visible_fields()
    points = [(bound.id_for_label or bound.auto_id, bound.label, error) for bound in fields for error in bound.errors]
    hidden = [(bound.label, error) for bound in form.hidden_fields() for error in bound.errors]
    return {"form": form, "points": points, "hidden": hidden, "general": form.non_field_errors()}


# --- Larger parts ---------------------------------------------------------------------------------------------------


@register.inclusion_tag("portal/_progress.html")
def progress(value, most=100, words="Progress"):
    """How far something is, with percent; `value` of `None` is under way without a measure."""
    percent = None if value is None or not most else max(0, min(100, int(value * 100 / most)))
    return {"id": _new_id("progress"), "percent": percent, "words": words}


@register.inclusion_tag("portal/_empty.html")
def empty(title, hint="", href="", action="", icon="inbox"):
    """What an empty list says: that it is empty, and what to do next."""
    return {"title": title, "hint": hint, "href": href, "action": action, "icon": icon}


@register.inclusion_tag("portal/_pager.html", takes_context=True)
def pager(context, page, rows="#rows", columns=None):
    """The way to the next page: a link that HTMX turns into "load more". `columns` inside a table, none in a list."""
    query = query_with(context, cursor=page.next_cursor) if page.next_cursor else ""
    start = query_with(context, cursor=None) if page.cursor else ""
    return {"page": page, "rows": rows, "columns": columns, "query": query, "start": start}


@register.simple_tag(takes_context=True)
def query_with(context, **changes):
    """The present query string with changes; `None` and "" remove. A change of filter goes back to the first page."""
    query = context["request"].GET.copy()
    if "cursor" not in changes:
        query.pop("cursor", None)
    for name, value in changes.items():
        if value is None or value == "":
            query.pop(name, None)
        elif isinstance(value, (list, tuple)):
            query.setlist(name, [str(one) for one in value])
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"
