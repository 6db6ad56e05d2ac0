"""The second step of sign-in, and the page where people set up their own second factor."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import second_factor
from accounts import transitions_second_factor as verbs
from accounts.addresses import safe_next
from accounts.passwords import check_second_step
from accounts.second_factor_forms import CodeForm, ConfirmForm, PasswordAndCodeForm, StartForm
from accounts.sign_in import enter, keep_session, start_again, waiting
from ledger.errors import Refusal, TransitionDenied
from portal.problems import show_refusal


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in_code(request):
    """Ask who gave the right password for the code too."""
    if request.user.is_authenticated:
        return HttpResponseRedirect(safe_next(None))
    found = waiting(request, now=timezone.now())
    if found is None:
        messages.info(request, "Too much time passed since your password. Sign in again.")
        return start_again(request)
    if request.method != "POST":
        return _code_page(request, CodeForm(), found)
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _code_page(request, form, found, status=400)
    try:
        check_second_step(found.user, form.cleaned_data["code"], request_meta=request.META)
    except Refusal as refusal:
        return _code_page(request, form, found, status=show_refusal(form, refusal))
    return enter(request, found.user, found.path)


def _code_page(request, form, found, status=200):
    return render(request, "accounts/sign_in_code.html", {"form": form, "email": found.user.email}, status=status)


@login_required
@never_cache
@require_GET
def page(request):
    """Whether a second factor is set up, and what can be done about it."""
    return _page(request)


def _page(request, *, status=200, **forms):
    user = request.user
    context = {
        "factor": second_factor.of_person(user).filter(type=second_factor.Authenticator.Type.TOTP).first(),
        "left": second_factor.recovery_codes_left(user),
        "required": settings.SECOND_FACTOR_REQUIRED_TO_SIGN,
        "start_form": StartForm(),
        "codes_form": PasswordAndCodeForm(auto_id="codes_%s"),
        "remove_form": PasswordAndCodeForm(auto_id="remove_%s"),
        "now": timezone.now(),
        **forms,
    }
    return render(request, "accounts/second_factor.html", context, status=status)


@login_required
@never_cache
@sensitive_post_parameters("password")
@require_POST
def start(request):
    """After the password, show a secret to scan. It is on this page only and not active yet."""
    form = StartForm(request.POST)
    if not form.is_valid():
        return _page(request, start_form=form, status=400)
    try:
        setup = verbs.start_enrolment(
            request.user, by=request.user, password=form.cleaned_data["password"], request_meta=request.META
        )
    except Refusal as refusal:
        return _page(request, start_form=form, status=show_refusal(form, refusal))
    return _setup_page(request, ConfirmForm(initial={"setup": setup.sealed}), setup)


def _setup_page(request, form, setup, status=200):
    return render(request, "accounts/second_factor_setup.html", {"form": form, "setup": setup}, status=status)


@login_required
@never_cache
@sensitive_post_parameters("setup", "code")
@require_POST
def confirm(request):
    """The first code makes the secret active; the answer is the only page that shows the recovery codes."""
    form = ConfirmForm(request.POST)
    try:
        setup = second_factor.setup_again(request.user, request.POST.get("setup", ""), now=timezone.now())
    except Refusal as refusal:
        messages.error(request, refusal.sentence)
        return redirect("second_factor")
    if not form.is_valid():
        return _setup_page(request, form, setup, status=400)
    try:
        codes = verbs.enrol_second_factor(request.user, by=request.user, setup=setup, code=form.cleaned_data["code"])
    except TransitionDenied as refusal:
        # Not the page of the setup again: it would show a secret that is active.
        messages.error(request, refusal.sentence)
        return redirect("second_factor")
    except Refusal as refusal:
        return _setup_page(request, form, setup, status=show_refusal(form, refusal))
    keep_session(request)
    return _codes_page(request, codes, new=True)


@login_required
@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
def recovery_codes(request):
    """Recovery codes in place of the present ones, shown once."""
    form = PasswordAndCodeForm(request.POST, auto_id="codes_%s")
    codes, status = _carried_out(request, form, verbs.make_recovery_codes)
    return _codes_page(request, codes) if codes else _page(request, codes_form=form, status=status)


@login_required
@never_cache
@sensitive_post_parameters("password", "code")
@require_POST
def remove(request):
    """Take one's own second factor off."""
    form = PasswordAndCodeForm(request.POST, auto_id="remove_%s")
    _, status = _carried_out(request, form, verbs.remove_second_factor)
    if status != 200:
        return _page(request, remove_form=form, status=status)
    keep_session(request)
    ended = "Your other sessions and API sign-ins have ended."
    messages.success(request, f"Your second factor is removed: signing in asks for the password alone. {ended}")
    return redirect("second_factor")


def _carried_out(request, form, verb):
    """`(what the verb answered, status)`; a refusal is on the form."""
    if not form.is_valid():
        return None, 400
    given = form.cleaned_data
    try:
        answer = verb(
            request.user,
            by=request.user,
            password=given["password"],
            code=given["code"],
            request_meta=request.META,
        )
    except Refusal as refusal:
        return None, show_refusal(form, refusal)
    return answer, 200


def _codes_page(request, codes, *, new=False):
    context = {"codes": codes, "text": "\n".join(codes), "new": new, "now": timezone.now()}
    return render(request, "accounts/second_factor_codes.html", context, status=201)
