"""Sign-in, sign-out and the pages of one's own account."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import transitions
from accounts.absences import open_absences, shown_absences
from accounts.addresses import safe_next
from accounts.forms import SignInForm, TokenForm
from accounts.lockout import client_address
from accounts.models import ApiToken
from accounts.passwords import check_first_step
from accounts.queries import grants_in_force, people_matching, team_memberships, unread_count
from accounts.scoping import not_there
from accounts.second_factor import is_enrolled
from accounts.sign_in import ask_for_code, enter
from accounts.transitions_notifications import mark_notifications_read
from ledger.errors import Refusal
from portal.paging import page_of
from portal.problems import show_refusal

SIGN_INS_SHOWN = 10


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request):
    """Sign in by e-mail address and password, then go on to `?next=`, where enrolled by way of the second factor."""
    if request.method != "POST":
        if request.user.is_authenticated:
            return HttpResponseRedirect(safe_next(request.GET.get("next")))
        return _sign_in_page(request, SignInForm(), request.GET.get("next"))
    form, path = SignInForm(request.POST), request.POST.get("next")
    if not form.is_valid():
        return _sign_in_page(request, form, path, status=400)
    given = form.cleaned_data
    try:
        user, complete = check_first_step(given["email"], given["password"], request_meta=request.META)
    except Refusal as refusal:
        return _sign_in_page(request, form, path, status=show_refusal(form, refusal))
    if complete:
        return enter(request, user, path)
    return ask_for_code(request, user, path, now=timezone.now())


def _sign_in_page(request, form, path, status=200):
    return render(request, "accounts/sign_in.html", {"form": form, "next": safe_next(path)}, status=status)


@require_POST
def sign_out(request):
    if request.user.is_authenticated:
        transitions.note_sign_out(by=request.user, address=client_address(request.META))
    logout(request)
    return redirect("sign_in")


@login_required
@never_cache
@require_GET
def account(request):
    """Profile, roles with their end, teams and tokens."""
    return _account_page(request, TokenForm())


def _account_page(request, form, *, token=None, status=200):
    user, now = request.user, timezone.now()
    tokens = ApiToken.objects.filter(user=user).order_by("-created")
    context = {
        "form": form,
        "token": token,
        "now": now,
        "grants": grants_in_force(user, now),
        "memberships": team_memberships(user),
        "tokens": tokens.exclude(name="")[:200],
        "sign_ins": tokens.filter(name="", expiry__gt=now)[:SIGN_INS_SHOWN],
        "unread": unread_count(user),
        "second_factor": is_enrolled(user),
        "second_factor_required": settings.SECOND_FACTOR_REQUIRED_TO_SIGN,
        "absences": shown_absences(open_absences(user, now=now), user, now),
    }
    return render(request, "accounts/account.html", context, status=status)


@login_required
@never_cache
@require_POST
def token_create(request):
    """Make an API token; the answer is the only page that ever shows it."""
    form = TokenForm(request.POST)
    if not form.is_valid():
        return _account_page(request, form, status=400)
    given, address = form.cleaned_data, client_address(request.META)
    try:
        _, token = transitions.create_token(
            request.user,
            by=request.user,
            name=given["name"],
            scope=given["scope"],
            expires_at=form.expires_at,
            address=address,
        )
    except Refusal as refusal:
        return _account_page(request, form, status=show_refusal(form, refusal))
    return _account_page(request, TokenForm(), token=token, status=201)


@login_required
@require_POST
def token_revoke(request, token_key):
    try:
        transitions.revoke_token(token_key, by=request.user)
    except ApiToken.DoesNotExist:
        raise not_there() from None
    messages.success(request, "The token is revoked; it stopped working at once.")
    return redirect("account")


@login_required
@require_POST
def tokens_revoke_all(request):
    count = transitions.revoke_own_tokens(by=request.user)
    messages.success(request, f"{count} tokens are revoked." if count != 1 else "One token is revoked.")
    return redirect("account")


@login_required
@never_cache
@require_GET
def notifications(request):
    """What the portal told this person, newest first; `?unread=1` only what is new."""
    rows = request.user.notifications.all()
    only_unread = request.GET.get("unread") == "1"
    page = page_of(rows.unread() if only_unread else rows, request, order="-created_at")
    context = {"page": page, "only_unread": only_unread, "unread": unread_count(request.user), "now": timezone.now()}
    return render(request, "accounts/notifications.html", context)


@login_required
@require_POST
def notifications_read(request, pk=None):
    """Mark one notification, or all, as read."""
    mark_notifications_read(by=request.user, notification_ids=None if pk is None else [pk])
    return redirect("notifications")


@login_required
@require_GET
def user_search(request):
    """People the caller may see, by name, e-mail address and role."""
    now = timezone.now()
    people = people_matching(
        request.user,
        request.GET.get("q", ""),
        role=request.GET.get("role"),
        team_id=request.GET.get("team"),
        now=now,
    )
    context = {"page": page_of(people, request, order="full_name"), "q": request.GET.get("q", ""), "now": now}
    return render(request, "accounts/people.html", context)
