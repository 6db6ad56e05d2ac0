"""From the right password to a session: at once, or after the code of the second factor."""

from dataclasses import dataclass

from django.contrib.auth import login, update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseRedirect
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.crypto import constant_time_compare

from accounts import transitions
from accounts.addresses import safe_next
from accounts.lockout import client_address
from accounts.models import User

BACKEND = "accounts.backends.PortalBackend"
WAITING = "sign_in_waiting"
WAITS_SECONDS = 5 * 60


@dataclass(frozen=True)
class Waiting:
    """Somebody whose password was right, and where they want to go. Nobody is signed in yet."""

    user: User
    path: str


def enter(request, user, path):
    """Sign the person in, and go on."""
    request.session.pop(WAITING, None)
    login(request, user, backend=BACKEND)
    transitions.note_sign_in(by=user, address=client_address(request.META))
    return HttpResponseRedirect(safe_next(path))


def keep_session(request):
    """This session goes on after a change of password or second factor that ended the person's others."""
    # Loaded anew: the person of the request still knows the factor the session was begun under.
    update_session_auth_hash(request, User.objects.get(pk=request.user.pk))


def ask_for_code(request, user, path, *, now):
    """Remember for five minutes that the password was right, and ask for the code."""
    # Whoever is signed in here is so no longer: the page of the code would send them on under the other name.
    request.session.flush()
    request.session[WAITING] = {
        "user": str(user.pk),
        "password": user.get_session_auth_hash(),
        "at": now.timestamp(),
        "next": safe_next(path),
    }
    return redirect("sign_in_code")


def waiting(request, *, now):
    """Who waits in this session; None where nobody does, time is up, or password or account changed meanwhile."""
    given = request.session.get(WAITING)
    if given is None:
        return None
    user = User.objects.active().filter(pk=given["user"]).first()
    in_time = now.timestamp() - given["at"] <= WAITS_SECONDS
    if user and in_time and constant_time_compare(given["password"], user.get_session_auth_hash()):
        return Waiting(user, given["next"])
    return None


def start_again(request):
    """Back to the password; where the person wanted to go is kept."""
    path = request.session.pop(WAITING, {}).get("next", "/")
    return redirect("sign_in") if path == "/" else redirect_to_login(path, reverse("sign_in"))
