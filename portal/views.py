"""The gallery: every part of a page with invented content, for looking at and for tests. Only with DEBUG."""

from datetime import timedelta
from types import SimpleNamespace

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from ledger.errors import TransitionDenied
from portal.navigation import NavItem
from portal.paging import Page
from portal.problems import show_refusal

PARTS = ("export", "work", "compose", "parts", "forms")
DIGEST = "9c1f3b7e5a20d4c8f6b1e09a7d5c3f2184b6a9e0c7d2f5138e4b9a6c1d0fe07a"
NARRATIVE = """# Execution Narrative — SARS-CoV-2 N1 assay validation

## Execution summary

- status: `completed`
- total_events: 412

| Channel | Cq |
| --- | ---: |
| FAM | 24.1 |

```json
{"channel":"FAM","efficiency":"0.973","readings":96}
```
"""


class GalleryForm(forms.Form):
    email = forms.EmailField(label="E-mail address", help_text="The one your invitation came to.")
    meaning = forms.ChoiceField(label="Meaning of your signature", choices=[("a", "I have reviewed this record")])
    role = forms.ChoiceField(label="Role", widget=forms.RadioSelect, choices=[("qa", "QA"), ("lead", "QA lead")])
    notes = forms.CharField(widget=forms.Textarea(attrs={"rows": 2}), required=False, help_text="Markdown works here.")
    everywhere = forms.BooleanField(label="Holds in every team", required=False)


def _person(name):
    email = f"{name.split(' ', maxsplit=1)[0].lower()}@example.org"
    return SimpleNamespace(full_name=name, email=email, headline="QA lead · Assay team", is_authenticated=True)


def _navigation(request, part):
    items = [
        (NavItem("My work", "my_work", "inbox"), 4, part == "work"),
        (NavItem("Executions", "x", "play"), 0, part == "compose"),
        (NavItem("Exports", "x", "document"), 0, part == "export"),
        (NavItem("Baselines", "x", "layers"), 0, False),
        (NavItem("Approval ladders", "x", "ladder", "Governance"), 0, False),
        (NavItem("Preview", "x", "eye", "Governance"), 0, False),
        (NavItem("Packaging", "x", "sliders", "Operate"), 0, part == "parts"),
        (NavItem("Audit trail", "x", "trail", "Operate"), 0, part == "forms"),
        (NavItem("Notifications", "x", "bell", "top", count_words="unread"), 2, False),
        (NavItem("Account", "x", "person", "account"), 0, False),
    ]
    sections = {}
    for item, count, current in items:
        entry = {"item": item, "url": request.path, "count": count, "current": "page" if current else ""}
        sections.setdefault(item.section, []).append(entry)
    top, account = sections.pop("top"), sections.pop("account")
    search = {"url": request.path, "label": "Search executions, exports, people"}
    return {"sections": sections.items(), "top": top, "account": account, "search": search, "sign_out": request.path}


@require_GET
def gallery(request):
    if not settings.DEBUG:
        raise Http404
    part = request.GET.get("part")
    part = part if part in PARTS else "export"
    bound = GalleryForm({"email": "mira", "notes": "kept"})
    bound.is_valid()
    show_refusal(bound, TransitionDenied("Ada Ng already rejected this stage on 3 May 2026, 14:10 UTC."))
    if part == "parts":
        messages.success(request, "Ready: the dossier was packaged and its checksum verified.")
    now = timezone.now()
    times = {
        "now": now,
        "earlier": now - timedelta(hours=3, minutes=12),
        "yesterday": now - timedelta(hours=26),
        "soon": now + timedelta(hours=2, minutes=5),
        "later": now + timedelta(days=4),
    }
    context = {
        "part": part,
        "parts": PARTS,
        "user": _person("Mira Kessler"),
        "jonas": _person("Jonas Ortega"),
        "lea": _person("Lea Novak"),
        "navigation": _navigation(request, part),
        "digest": DIGEST,
        "narrative": NARRATIVE,
        "form": GalleryForm(),
        "bound": bound,
        "page": Page(items=[], next_cursor="eyJ4IjoxfQ"),
        "why": "You requested this export; nobody signs a stage of their own.",
        **times,
    }
    return render(request, "portal/gallery.html", context)
