"""What a person gets by e-mail."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import emails
from accounts.enums import EmailWhen
from accounts.notification_kinds import kinds_for
from accounts.queries import email_choices
from accounts.roles import is_operator
from accounts.transitions_notifications import choose_notifications
from ledger.errors import Invalid


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def notification_choices(request):
    """Each kind: at once, in the daily digest, or not by e-mail."""
    operator = is_operator(request.user)
    kinds = kinds_for(operator=operator)
    if request.method != "POST":
        return _page(request, kinds, email_choices(request.user), operator=operator)
    given = {kind.code: request.POST[kind.code] for kind in kinds if kind.code in request.POST}
    try:
        changes = choose_notifications(request.user, by=request.user, choices=given)
    except Invalid as refusal:
        shown = email_choices(request.user) | given
        return _page(request, kinds, shown, operator=operator, refusal=refusal)
    messages.success(request, "Your choices are saved." if changes else "Nothing was changed.")
    return redirect("notification_choices")


def _page(request, kinds, chosen, *, operator, refusal=None):
    groups = {}
    for kind in kinds:
        cells = [(when, when in kind.options, chosen[kind.code] == when) for when in EmailWhen]
        groups.setdefault(kind.group, []).append((kind, cells))
    context = {
        "groups": groups,
        "refusal": refusal,
        "configured": settings.EMAIL_CONFIGURED,
        "digest_hour": settings.DIGEST_HOUR,
        "given_up": emails.given_up().filter(user=request.user).count(),
        "given_up_by_all": emails.given_up().count() if operator else 0,
    }
    return render(request, "accounts/notification_choices.html", context, status=400 if refusal else 200)
