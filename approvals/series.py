"""A series of signings: one full authentication, then one act per record within a time limit (ADR 0015).

It lives in the signer's session on the server, for `SIGNING_SERIES_MINUTES`. Every record has to be shown before it can
be signed: showing it hands out a key that is good for that record, as it stood, once.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from accounts.passwords import Authentication
from ledger.errors import NotAllowed, TransitionDenied

SLOT = "signing_series"
MOST_SHOWN = 50


@dataclass
class Series:
    """`signed` and `skipped` are stage ids; `shown` maps a stage id to `[key, digest, cycle]`."""

    user_id: str
    authentication: object
    until: datetime
    signed: list
    skipped: list
    shown: dict

    @property
    def number(self):
        """Of the next signature, from 1."""
        return len(self.signed) + 1


def begin(request, authentication):
    """Start a series with what `check_password_again` answered; an older one ends."""
    check_offered()
    if authentication.method == "session":
        raise NotAllowed("This deployment asks for no password, so there is nothing a series would save.", code="off")
    request.session[SLOT] = {
        "user": str(request.user.pk),
        "method": authentication.method,
        "at": authentication.at.isoformat(),
        "until": (authentication.at + timedelta(minutes=settings.SIGNING_SERIES_MINUTES)).isoformat(),
        "signed": [],
        "skipped": [],
        "shown": {},
    }


def check_offered():
    """Raises NotAllowed where the deployment has no series."""
    if not settings.SIGNING_SERIES_MINUTES:
        raise NotAllowed("Here every record is signed with the password. Open each one from My work.", code="off")


def current(request):
    """The Series that runs in this session, or None; one whose time is over, or of somebody else, counts as none."""
    kept = request.session.get(SLOT)
    if not kept or not settings.SIGNING_SERIES_MINUTES:
        return None
    until = datetime.fromisoformat(kept["until"])
    if kept["user"] != str(request.user.pk) or until <= timezone.now():
        return None
    return Series(
        user_id=kept["user"],
        authentication=Authentication(method=kept["method"], at=datetime.fromisoformat(kept["at"])),
        until=until,
        signed=kept["signed"],
        skipped=kept["skipped"],
        shown=kept["shown"],
    )


def end(request):
    """The series ends; answers the ids of the stages that were signed in it."""
    kept = request.session.pop(SLOT, None)
    return kept["signed"] if kept else []


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


def note_signed(request, stage_id):
    """The record is signed; the next one has the next number."""
    request.session[SLOT]["signed"].append(str(stage_id))
    request.session.modified = True


def skip(request, stage_id):
    """Leave a record out of this series."""
    kept = request.session[SLOT]
    if str(stage_id) not in kept["skipped"]:
        kept["skipped"].append(str(stage_id))
    request.session.modified = True
