"""What the search box of the top bar finds: executions, exports, baselines and people the person may see."""

import re

from django.contrib.auth.decorators import login_required
from django.db.models import Q
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.queries import people_matching
from baselines.catalogue import search_baselines
from experiments.models import Execution
from narratives.queries import for_list, search_exports
from narratives.views import with_words
from portal.navigation import register_search

MOST = 10
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def register_box():
    """Called once, when the project is ready."""
    register_search("search", "Search executions, exports, baselines, people")


@login_required
@require_safe
def search(request):
    """The newest ten of each kind that fit every word; the lists behind the links show the rest."""
    q = request.GET.get("q", "").replace("\x00", "").strip()[:200]
    executions, exports, baselines, people = [], [], [], []
    if q:
        executions = list(found_executions(request.user, q)[: MOST + 1])
        exports = with_words(for_list(search_exports(request.user, q=q)).order_by("-created_at")[: MOST + 1])
        found = search_baselines(request.user, q=q).select_related("protocol", "submitted_by")
        baselines = list(found.order_by("-is_current", "-created_at")[: MOST + 1])
        people = list(people_matching(request.user, q, now=timezone.now())[: MOST + 1])
    context = {
        "q": q,
        "executions": executions[:MOST],
        "exports": exports[:MOST],
        "baselines": baselines[:MOST],
        "people": people[:MOST],
        "more_executions": len(executions) > MOST,
        "more_exports": len(exports) > MOST,
        "more_baselines": len(baselines) > MOST,
        "more_people": len(people) > MOST,
        "now": timezone.now(),
    }
    return render(request, "narratives/search.html", context)


def found_executions(user, q):
    """Executions by title, protocol, runner or id."""
    found = Execution.objects.visible_to(user).order_by("-created_at")
    for word in q.split()[:8]:
        match = Q(title__icontains=word) | Q(protocol_name__icontains=word) | Q(run_by_name__icontains=word)
        if UUID.match(word):
            match |= Q(pk=word)
        found = found.filter(match)
    return found
