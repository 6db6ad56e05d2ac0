"""Growing lists by opaque cursor: keyset on one field and the primary key, so page 1,000 costs what page 1 does."""

import base64
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce

from django.core.exceptions import ValidationError
from django.db.models import CharField, Q
from rest_framework.pagination import BasePagination
from rest_framework.response import Response

from ledger.errors import Invalid

DEFAULT_LIMIT = 50
MOST = 200
LONGEST_CURSOR = 2000


@dataclass(frozen=True)
class Page:
    """Some rows in order; `next_cursor` is `None` on the last page, `cursor` is `""` on the first."""

    items: list
    next_cursor: str | None = None
    cursor: str = ""
    limit: int = DEFAULT_LIMIT
    given_limit: bool = False

    def __iter__(self):
        return iter(self.items)

    def __len__(self):
        return len(self.items)

    def answer(self, items, key="items"):
        """The body of an API answer; `items` are the serialised rows."""
        return {key: items, "next_cursor": self.next_cursor}


def limit_of(params, default=DEFAULT_LIMIT):
    """The `limit` parameter, at most 200; `Invalid` for what is not a whole number from 1."""
    given = params.get("limit")
    if given in (None, ""):
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 9 and int(given) >= 1):
        raise Invalid.field("limit", f"The limit must be a whole number from 1 to {MOST}.", "invalid_limit")
    return min(int(given), MOST)


def page_of(queryset, request, *, order, limit=DEFAULT_LIMIT):
    """The page of `queryset` that the request's `limit` and `cursor` ask for.

    `order` is a field, `-` in front for descending; its values are never null and need not be unique.
    The field may span a relation (`execution__created_at`). Raises `Invalid` for a malformed limit or cursor.
    """
    params = request.GET
    cursor = params.get("cursor") or ""
    size = limit_of(params, limit)
    return page_after(queryset, order=order, cursor=cursor, limit=size, given_limit="limit" in params)


def page_after(queryset, *, order, cursor="", limit=DEFAULT_LIMIT, given_limit=False):
    """The `limit` rows of `queryset` that follow `cursor` in `order`."""
    name, descending = order.removeprefix("-"), order.startswith("-")
    sign, step = ("-", "lt") if descending else ("", "gt")
    queryset = queryset.order_by(f"{sign}{name}", f"{sign}pk")
    if cursor:
        value, key = _read(cursor, order, _columns(queryset.model, name))
        # The first condition alone lets an index on the field start at the right place.
        queryset = queryset.filter(
            Q(**{f"{name}__{step}e": value}) & (Q(**{f"{name}__{step}": value}) | Q(**{f"pk__{step}": key}))
        )
    rows = list(queryset[: limit + 1])
    more = len(rows) > limit
    rows = rows[:limit]
    next_cursor = _write(rows[-1], order, [name, "pk"], _columns(queryset.model, name)) if more else None
    return Page(rows, next_cursor, cursor, limit, given_limit)


def page_of_several(sources, request, *, order, limit=DEFAULT_LIMIT):
    """One page over querysets of several models, `{name: queryset}`; each row gets its name as `row.source`.

    Field and kind of primary key are the same in all of them; `order` is as in `page_of`.
    """
    params, cursor = request.GET, request.GET.get("cursor") or ""
    size, (name, descending) = limit_of(params, limit), (order.removeprefix("-"), order.startswith("-"))
    columns = [*_columns(next(iter(sources.values())).model, name), CharField()]
    after = _read(cursor, order, columns) if cursor else None
    rows = []
    for source, queryset in sources.items():
        for row in _after(queryset, source, name, descending, after)[: size + 1]:
            row.source = source
            rows.append(row)
    rows.sort(key=place_in(name), reverse=descending)
    next_cursor = _write(rows[size - 1], order, [name, "pk", "source"], columns) if len(rows) > size else None
    return Page(rows[:size], next_cursor, cursor, size, "limit" in params)


def place_in(name):
    """The sort key of `page_of_several`'s rows: the field, then the source, then the primary key."""
    return lambda row: (getattr(row, name), row.source, str(row.pk))


def _after(queryset, source, name, descending, after):
    sign, step = ("-", "lt") if descending else ("", "gt")
    queryset = queryset.order_by(f"{sign}{name}", f"{sign}pk")
    if after is None:
        return queryset
    value, key, last = after
    beyond = Q(**{f"{name}__{step}": value})
    if source == last:
        beyond |= Q(**{f"pk__{step}": key})
    elif (source < last) == descending:
        beyond = Q()
    return queryset.filter(beyond, **{f"{name}__{step}e": value})


def _columns(model, name):
    found = model
    for part in name.split("__"):
        target = found._meta.pk if part == "pk" else found._meta.get_field(part)
        found = target.related_model
    return target, model._meta.pk


def _write(row, order, names, columns):
    values = [reduce(getattr, name.split("__"), row) for name in names]
    kept = [order, *[_text(column, value) for column, value in zip(columns, values, strict=True)]]
    return base64.urlsafe_b64encode(json.dumps(kept).encode()).decode().rstrip("=")


def _text(column, value):
    return value.isoformat() if hasattr(value, "isoformat") else str(column.to_python(value))


def _read(cursor, order, columns):
    try:
        read = _decode(cursor, order, columns)
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError):
        read = None
    if read is None:
        raise Invalid.field("cursor", "This cursor is not one of this list.", "invalid_cursor")
    return read


def _decode(cursor, order, columns):
    """What each of `columns` has; `None` or an exception for what was not made here."""
    if len(cursor) > LONGEST_CURSOR:
        return None
    of, *texts = json.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    if of != order or not all(isinstance(text, str) and "\x00" not in text for text in texts):
        return None
    read = [column.to_python(text) for column, text in zip(columns, texts, strict=True)]
    return read if all(map(_storable, read)) else None


def _storable(value):
    if isinstance(value, datetime):
        # Raises for the first and last day of the calendar in a far time zone.
        return value.tzinfo is not None and value.astimezone(UTC) is not None
    if isinstance(value, int):
        return -(2**63) <= value < 2**63
    return value is not None and str(value).encode() != b""  # raises for half a surrogate pair


class CursorPaging(BasePagination):
    """`?limit=` and `?cursor=` for DRF list views; the view says `page_order = "-created_at"`.

    Subclass it with `items_key = "events"` where the contract names another key than `items`.
    """

    items_key = "items"

    def paginate_queryset(self, queryset, request, view=None):
        self.page = page_of(queryset, request._request, order=view.page_order)
        return self.page.items

    def get_paginated_response(self, data):
        return Response(self.page.answer(data, self.items_key))

    def get_paginated_response_schema(self, schema):
        return {
            "type": "object",
            "required": [self.items_key, "next_cursor"],
            "properties": {
                self.items_key: schema,
                "next_cursor": {"type": ["string", "null"], "description": "The `cursor` of the next page."},
            },
        }

    def get_schema_operation_parameters(self, view):
        most = f"How many at most; never more than {MOST} are answered."
        limit = {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}
        return [
            {"name": "limit", "in": "query", "required": False, "description": most, "schema": limit},
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "The `next_cursor` of the page before; opaque.",
                "schema": {"type": "string"},
            },
        ]
