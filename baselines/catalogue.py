"""The catalogue: which baselines a person looks for, the current ones first."""

from contextlib import suppress
from dataclasses import replace

from django.db.models import Q

from baselines.models import Baseline, BaselineLabel
from baselines.queries import baselines_to_review, for_list
from ledger.errors import Invalid
from portal.paging import page_after, page_of

CURRENT, OTHERS = "-published_at", "-submitted_at"
MOST_SIGNS = 10  # of a label's, at which it may be split into key and value


def search_baselines(user, *, q="", protocol=None, team=None, status="", label="", waiting=False):
    """Baselines the user sees, as the filters of the catalogue ask."""
    rows = baselines_to_review(user) if waiting else Baseline.objects.visible_to(user)
    if protocol is not None:
        rows = rows.filter(protocol=protocol)
    if team is not None:
        rows = rows.filter(protocol__team=team)
    if status:
        rows = rows.filter(status=status)
    if label:
        rows = rows.filter(pk__in=_labelled(label))
    for word in q.split()[:8]:
        rows = rows.filter(
            Q(name__icontains=word)
            | Q(description__icontains=word)
            | Q(protocol__name__icontains=word)
            | Q(execution__title__icontains=word)
            | Q(submitted_by__full_name__icontains=word)
        )
    return rows


def _labelled(text):
    """Baselines with this label: `key`, or `key=value`; a key may have the sign in it too."""
    parts, fits = text.split("="), Q(key__iexact=text.strip())
    for at in range(1, min(len(parts), MOST_SIGNS)):
        key, value = ("=".join(some).strip() for some in (parts[:at], parts[at:]))
        fits |= Q(key__iexact=key, value__iexact=value)
    return BaselineLabel.objects.filter(fits).values("baseline")


def current_first(baselines, request):
    """A page: the current ones, newest publication first, then the others, newest submission first."""
    baselines = for_list(baselines)
    others = baselines.filter(is_current=False)
    if request.GET.get("cursor"):
        # A cursor fits only the order it was made for, and so tells which of the two lists goes on.
        with suppress(Invalid):
            return page_of(others, request, order=OTHERS)
    page = page_of(baselines.filter(is_current=True), request, order=CURRENT)
    if page.next_cursor:
        return page
    rest = page_after(others, order=OTHERS, limit=page.limit)
    return replace(page, items=[*page.items, *rest.items], next_cursor=rest.next_cursor)


def listed_to_review(request):
    """What waits for this person's review, the newest submission first."""
    return page_of(for_list(baselines_to_review(request.user)), request, order=OTHERS)
