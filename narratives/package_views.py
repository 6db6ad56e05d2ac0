"""Pages of the dossier: its progress, its download, and the operators' retry."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.roles import is_operator
from accounts.scoping import NOT_THERE
from ledger.errors import NotAllowed, Refusal
from narratives.artifact import artifact_response
from narratives.models import NarrativeExport, Package
from narratives.package_transitions import retry_package
from narratives.queries import current_package, export_or_404

OPERATORS_ONLY = "The packaging queue is for operators and administrators."


def _without_text():
    return NarrativeExport.objects.defer("content").prefetch_related("packages")


@login_required
@never_cache
@require_safe
def export_progress(request, pk):
    """How far packaging is; the fragment asks again by itself until the package is finished."""
    export = export_or_404(request.user, pk, queryset=_without_text())
    context = {"export": export, "package": current_package(export), "now": timezone.now()}
    return render(request, "narratives/_package.html" if request.htmx else "narratives/package.html", context)


@login_required
@require_safe
def export_dossier(request, pk):
    """Download the dossier."""
    return artifact_response(export_or_404(request.user, pk, queryset=_without_text()), request)


@login_required
@require_POST
def package_retry(request, pk):
    """Send a failed package back to the queue."""
    if not is_operator(request.user):
        raise NotAllowed(OPERATORS_ONLY)
    try:
        retry_package(pk, by=request.user)
    except Package.DoesNotExist:
        raise Http404(NOT_THERE) from None
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
    else:
        messages.success(request, "The package is back in the queue.")
    return redirect(_back(request))


def _back(request):
    target = request.POST.get("next", "")
    secure = request.is_secure()
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()}, require_https=secure)
    return target if safe else reverse("operations")
