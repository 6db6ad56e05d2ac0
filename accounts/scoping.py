"""One way from an identifier in a path or body to a row: through what the caller may see."""

import uuid

from django.http import Http404

NOT_THERE = "There is nothing here, or you may not see it."


def visible_or_404(queryset, user, pk):
    """The row of `queryset.visible_to(user)`; Http404 alike for malformed, unknown and foreign identifiers."""
    row = queryset.visible_to(user).filter(pk=uuid_or_404(pk)).first()
    if row is None:
        raise not_there()
    return row


def not_there():
    """The one answer for unknown and foreign."""
    return Http404(NOT_THERE)


def uuid_or_404(value):
    """A UUID from whatever a path or body held."""
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise not_there() from None
