"""The exports that used a ladder: a page of its own, and a few of them as a fragment for the ladder's page."""

from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from accounts.scoping import NOT_THERE
from governance.scoping import visible_families
from narratives.models import NarrativeExport
from narratives.queries import BULKY
from portal.paging import page_of
from portal.problems import wants_fragment

FEW = 8


@login_required
@require_safe
def ladder_exports(request, key):
    """Newest first, of the runs that the person sees; the ladder itself must be theirs to see."""
    family = visible_families(request.user).filter(template_key=key).first()
    if family is None:
        raise Http404(NOT_THERE)
    exports = (
        NarrativeExport.objects.visible_to(request.user)
        .filter(template_snapshot__template__family=family)
        .select_related("execution", "ladder", "template_snapshot__template")
        .defer(*BULKY, "template_snapshot__body", "ladder__blueprint_text")
    )
    few = wants_fragment(request) and not request.GET.get("cursor")
    context = {
        "family": family,
        "page": page_of(exports, request, order="-created_at", **({"limit": FEW} if few else {})),
        "few": few,
        "now": timezone.now(),
    }
    return render(request, f"narratives/{'_ladder_exports' if few else 'ladder_exports'}.html", context)
