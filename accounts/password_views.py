"""The page where people change their own password."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.forms import PasswordChangeForm
from accounts.queries import named_tokens
from accounts.second_factor import is_enrolled
from accounts.sign_in import keep_session
from accounts.transitions_password import change_password
from ledger.errors import Refusal
from portal.problems import show_refusal


@login_required
@never_cache
@sensitive_post_parameters("old_password", "new_password", "repeated", "code")
@require_http_methods(["GET", "HEAD", "POST"])
def password_change(request):
    """Choose a new password; other sessions end, API tokens stay unless one says otherwise."""
    tokens = named_tokens(request.user).count()
    given = request.POST if request.method == "POST" else None
    form = PasswordChangeForm(given, enrolled=is_enrolled(request.user), tokens=tokens)
    status = 200
    if request.method == "POST":
        status = _changed(request, form)
        if status == 303:
            messages.success(request, _what_ended(named_tokens(request.user).count(), tokens))
            return redirect("account")
    return render(request, "accounts/password_change.html", {"form": form, "tokens": tokens}, status=status)


def _changed(request, form):
    """303 when it is done; else the status of the page, with what is wrong on the form."""
    if not form.is_valid():
        return 400
    given = form.cleaned_data
    try:
        change_password(
            request.user,
            by=request.user,
            old_password=given["old_password"],
            new_password=given["new_password"],
            code=given.get("code", ""),
            revoke_named_tokens=given.get("revoke_tokens", False),
            request_meta=request.META,
        )
    except Refusal as refusal:
        return show_refusal(form, refusal)
    keep_session(request)
    return 303


def _what_ended(left, before):
    sentence = "Your password is changed. Your other sessions and API sign-ins have ended."
    if before and not left:
        return f"{sentence} Your API tokens are revoked."
    stay = "API token stays" if left == 1 else "API tokens stay"
    return f"{sentence} {left} {stay}: revoke below what you no longer trust." if left else sentence
