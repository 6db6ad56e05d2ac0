"""What stands in the navigation: apps register their pages, the base template shows those that exist."""

from collections.abc import Callable
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import SimpleLazyObject

SECTIONS = ("", "Governance", "Operate", "top", "account")


@dataclass(frozen=True)
class NavItem:
    """One page. `count(user)` and `visible(user)` are asked once a page; a count is one cheap query."""

    label: str
    url_name: str
    icon: str = "document"
    section: str = ""
    order: int = 100
    count: Callable | None = None
    count_words: str = "waiting"
    visible: Callable | None = None


_items = {}
_search = {}


def register(item):
    """Add a page, or replace the one of the same URL name and section."""
    if item.section not in SECTIONS:
        raise ValueError(f"No navigation section is called {item.section!r}.")
    _items[item.section, item.url_name] = item


def register_search(url_name, label="Search executions, exports, people"):
    """Give the top bar its search box, which sends `?q=` to this page."""
    _search.update(url_name=url_name, label=label)


def _address(url_name):
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return None


def _entries(user, path):
    shown = []
    for item in sorted(_items.values(), key=lambda item: (item.order, item.label)):
        url = _address(item.url_name)
        if url is None or (item.visible and not item.visible(user)):
            continue
        count = item.count(user) if item.count else None
        shown.append({"item": item, "url": url, "count": count, "current": ""})
    below = [entry for entry in shown if path.startswith(entry["url"]) and (entry["url"] != "/" or path == "/")]
    if below:
        nearest = max(below, key=lambda entry: len(entry["url"]))
        nearest["current"] = "page" if path == nearest["url"] else "true"
    return shown


def _build(request):
    entries = _entries(request.user, request.path)
    sections = {name: [entry for entry in entries if entry["item"].section == name] for name in SECTIONS}
    url = _address(_search["url_name"]) if _search else None
    return {
        "sections": [(name, sections[name]) for name in ("", "Governance", "Operate") if sections[name]],
        "top": sections["top"],
        "account": sections["account"],
        "search": {"url": url, "label": _search["label"]} if url else None,
        "sign_out": _address("sign_out") or _address("account_logout"),
    }


def context(request):
    """Context processor: `navigation`, worked out only where a template shows it."""
    return {"navigation": SimpleLazyObject(lambda: _build(request))}
