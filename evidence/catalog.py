"""Evidence discovery: what of a run could be attached, newest first, over every kind (api.md, "Evidence discovery")."""

import base64
import binascii
import json
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q
from django.utils.dateparse import parse_datetime

from evidence.enums import EvidenceType
from evidence.sources import FAMILIES, KINDS, OF_EVENTS
from ledger.canonical import rfc3339
from ledger.errors import Invalid
from portal.paging import DEFAULT_LIMIT, MOST, Page
from portal.text import clean_text

LONGEST_QUERY = 200
LARGEST_SEQUENCE = 2**53 - 1


def discover(execution, *, kinds=None, q="", cursor=None, limit=DEFAULT_LIMIT):
    """A page of `{id, type, label, snapshot, context}`; three queries whatever the run holds.

    `kinds` are EvidenceType values, None for all. Every event appears once, as the most special of the kinds asked
    for. `q` searches names, titles, texts and payloads. Raises Invalid for a kind, query or cursor that is none.
    """
    wanted = _wanted(kinds)
    limit = max(1, min(int(limit), MOST))
    q = clean_text(q, "q", LONGEST_QUERY, required=False)
    places = _places(cursor) if cursor else {}
    found = []
    for source in SOURCES:
        chosen = [kind for kind in wanted if kind in source.kinds]
        if chosen:
            found += [(source, row) for row in source.rows(execution, chosen, q, places.get(source.name))[: limit + 1]]
    # A stable sort: rows of one source stay in the order their cursor counts in.
    found.sort(key=lambda pair: pair[1].created_at, reverse=True)
    for source, row in found[:limit]:
        places[source.name] = source.place(row)
    items = [source.kind_of(row, wanted).item(row) for source, row in found[:limit]]
    return Page(items, _cursor(places) if len(found) > limit else None, cursor or "", limit)


class _Stored:
    """Files and notebook entries: ordered by time of creation and id."""

    def __init__(self, name, kind, searched):
        self.name, self.kind, self.kinds, self.searched = name, kind, [kind], searched

    def rows(self, execution, chosen, q, place):
        rows = self.kind.rows(execution).order_by("-created_at", "-pk")
        if q:
            rows = rows.filter(_any(self.searched, q))
        if place is not None:
            at, pk = self.read_place(place)
            rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
        return rows

    def place(self, row):
        return [rfc3339(row.created_at), str(row.pk)]

    def read_place(self, value):
        at, pk = value
        moment = parse_datetime(at)
        if moment is None or moment.tzinfo is None:
            raise ValueError("no moment")
        return moment, UUID(pk)

    def kind_of(self, row, wanted):
        return self.kind


class _Events:
    """Events of a run: ordered by sequence."""

    name = "e"
    kinds = OF_EVENTS

    def rows(self, execution, chosen, q, place):
        every = KINDS[EvidenceType.TIMELINE_EVENT]
        rows = every.rows(execution).order_by("-sequence")
        if every not in chosen:
            rows = rows.filter(reduce(or_, (Q(event_type__startswith=kind.prefix) for kind in chosen)))
        if q:
            rows = rows.filter(_any(["event_type", "actor_name", "body"], q))
        return rows if place is None else rows.filter(sequence__lt=place)

    def place(self, row):
        return row.sequence

    def read_place(self, value):
        if type(value) is not int or not 0 <= value <= LARGEST_SEQUENCE:
            raise ValueError("no sequence")
        return value

    def kind_of(self, row, wanted):
        for kind in FAMILIES:
            if kind in wanted and row.event_type.startswith(kind.prefix):
                return kind
        return KINDS[EvidenceType.TIMELINE_EVENT]


SOURCES = [
    _Stored("f", KINDS[EvidenceType.FILE], ["filename", "uploaded_by_name", "file_type"]),
    _Stored("n", KINDS[EvidenceType.NOTEBOOK_ENTRY], ["title", "content", "edited_by_name"]),
    _Events(),
]
OF_NAME = {source.name: source for source in SOURCES}


def _wanted(kinds):
    if kinds is None:
        return list(KINDS.values())
    wanted = [KINDS.get(kind) if isinstance(kind, str) else None for kind in kinds]
    if None in wanted:
        raise Invalid.field("type", f"A kind of evidence is one of {', '.join(KINDS)}.", "unknown_type")
    return wanted


def _any(fields, q):
    return reduce(or_, (Q(**{f"{name}__icontains": q}) for name in fields))


def _cursor(places):
    """Where each source goes on, as opaque text."""
    return base64.urlsafe_b64encode(json.dumps(places).encode()).decode().rstrip("=")


def _places(cursor):
    try:
        data = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        # Written back as they are, so they stay in the form they came in.
        places = json.loads(data)
        for name, value in places.items():
            OF_NAME[name].read_place(value)
        return places
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error, OverflowError, RecursionError):
        raise Invalid.field("cursor", "This cursor is not one of this list.", "invalid_cursor") from None
