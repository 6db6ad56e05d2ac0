"""A series of signings: one full authentication, then one act per record within a time limit (ADR 0015).

It lives in the signer's session on the server, for `SIGNING_SERIES_MINUTES`. Every record has to be shown before it can
be signed: showing it hands out a key that is good for that record, as it stood, once. What was signed in it is read
from the signatures: of two requests at once, one overwrites what the other kept in the session.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.passwords import Authentication
from approvals.models import Signature
from ledger.canonical import loads, rfc3339
from ledger.errors import NotAllowed, TransitionDenied

SLOT = "signing_series"
MOST_SHOWN = 50


@dataclass
class Series:
    """`skipped` are stage ids; `shown` maps a stage id to `[key, digest, cycle]`."""

    user_id: str
    authentication: object
    until: datetime
    skipped: list
    shown: dict

    def signatures(self):
        """What was signed in this series, oldest first."""
        at = self.authentication.at
        rows = Signature.objects.filter(signer=self.user_id, created_at__gte=at).order_by("created_at", "sequence")
        return [each for each in rows.select_related("ladder", "action__stage") if _made_in_series(each, rfc3339(at))]

    @property
    def number(self):
        """Of the next signature, from 1."""
        return len(self.signatures()) + 1


def begin(request, authentication):
    """Start a series with what `check_password_again` answered; an older one ends."""
    check_offered()
    if authentication.method == "session":
        raise NotAllowed("This deployment asks for no password, so there is nothing a series would save.", code="off")
    request.session[SLOT] = {
        "user": str(request.user.pk),
        "credentials": request.user.get_session_auth_hash(),
        "method": authentication.method,
        "at": authentication.at.isoformat(),
        "until": (authentication.at + timedelta(minutes=settings.SIGNING_SERIES_MINUTES)).isoformat(),
        "skipped": [],
        "shown": {},
    }


def check_offered():
    """Raises NotAllowed where the deployment has no series."""
    if not settings.SIGNING_SERIES_MINUTES:
        raise NotAllowed("Here every record is signed with the password. Open each one from My work.", code="off")


def current(request):
    """The Series that runs in this session, or None; one whose time is over, or of somebody else, counts as none."""
    series = _kept(request)
    running = series and settings.SIGNING_SERIES_MINUTES and series.until > timezone.now()
    return series if running else None


def end(request):
    """The series ends; answers it, or None."""
    series = _kept(request)
    request.session.pop(SLOT, None)
    return series


def _kept(request):
    kept = request.session.get(SLOT)
    if not kept or kept["user"] != str(request.user.pk):
        return None
    # A password or second factor that changed meanwhile was not the one given at the beginning.
    if not constant_time_compare(kept.get("credentials", ""), request.user.get_session_auth_hash()):
        return None
    return Series(
        user_id=kept["user"],
        authentication=Authentication(method=kept["method"], at=datetime.fromisoformat(kept["at"])),
        until=datetime.fromisoformat(kept["until"]),
        skipped=kept["skipped"],
        shown=kept["shown"],
    )


def _made_in_series(signature, at):
    told = loads(signature.statement)["authentication"]
    return told["at"] == at and "series" in told


def show(request, stage):
    """Note that the record of a stage is being shown; answers the key that signs it, as it stands, once."""
    kept = request.session[SLOT]
    key = secrets.token_urlsafe(18)
    shown = {name: value for name, value in kept["shown"].items() if name != str(stage.pk)}
    kept["shown"] = dict([*shown.items()][-MOST_SHOWN + 1 :])
    kept["shown"][str(stage.pk)] = [key, stage.ladder.content_digest, stage.ladder.cycle]
    request.session.modified = True
    return key


def take(request, stage_id, key, *, digest, cycle):
    """The Authentication for one record of the series; its key is used up.

    Raises NotAllowed `series_over` when there is no series any more, TransitionDenied `not_shown` when this record
    was not shown, as it is posted back, in the series.
    """
    series = current(request)
    if series is None:
        raise NotAllowed(
            "The time of your signing series is over. Nothing was signed; give your password to go on.",
            code="series_over",
        )
    kept = request.session[SLOT]
    wanted = kept["shown"].pop(str(stage_id), None)
    request.session.modified = True
    if not wanted or not constant_time_compare(wanted[0], key) or wanted[1:] != [digest, cycle]:
        raise TransitionDenied("Read the record as it is now, then sign it.", code="not_shown")
    return replace(series.authentication, series=series.number, until=series.until)


def skip(request, stage_id):
    """Leave a record out of this series."""
    kept = request.session[SLOT]
    if str(stage_id) not in kept["skipped"]:
        kept["skipped"].append(str(stage_id))
    request.session.modified = True
