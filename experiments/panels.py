"""What higher apps show on the pages of a run and of a protocol (docs/adr/0007)."""

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

EXECUTION, PROTOCOL = "execution", "protocol"
_PANELS = {EXECUTION: {}, PROTOCOL: {}}


def register_panel(place, template, collect):
    """Called by a higher app's `ready`; registering a template again replaces it.

    `collect(subject, viewer)` answers the template's context in a constant number of queries, or None for no panel.
    """
    _PANELS[place][template] = collect


def panels(place, subject, request):
    """The registered panels of one run or protocol as HTML, in the order of registration."""
    told = []
    for template, collect in _PANELS[place].items():
        context = collect(subject, request.user)
        if context is not None:
            told.append(render_to_string(template, context, request=request))
    return mark_safe("".join(told))  # noqa: S308  each is a rendered template
