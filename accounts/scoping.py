"""One way from an identifier in a path or body to a row: through what the caller may see."""

import uuid

from django.http import Http404

NOT_THERE = "There is nothing here, or you may not see it."


def visible_or_404(queryset, user, pk):
    """The row of `queryset.visible_to(user)`; Http404 alike for malformed, unknown and foreign identifiers."""
    row = queryset.visible_to(user).filter(pk=uuid_or_404(pk)).first()
    if row is None:
        raise Http404(NOT_THERE)
    return row


def uuid_or_404(value):
    """A UUID from whatever a path or body held."""
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(value)
    except (AttributeError, TypeError, ValueError):
        raise Http404(NOT_THERE) from None
