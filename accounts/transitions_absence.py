"""Entering and cancelling an absence."""

from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from accounts.absences import (
    Scope,
    check_can_cancel_absence,
    check_can_enter_absence,
    check_stand_in,
    overlapping_absence,
    scope_teams,
    state_of,
)
from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.locks import locked_people
from accounts.models import Absence, User, role_slug
from accounts.notify import notify
from accounts.validation import cleaned, one_clean_line
from ledger.canonical import plain
from ledger.errors import Invalid, TransitionDenied
from portal.text import moment

LONGEST_ABSENCE = timedelta(days=366)
STAND_IN = "absence_stand_in"  # the kind of what a stand-in is told
PAGE = "/account/absences/"


def set_absence(user_id, *, by, starts_at, ends_at, stand_in_id=None, role="", team_id=None, note=""):
    """Out of office from `starts_at` until `ends_at`, by oneself or an administrator; a stand-in is told.

    Raises NotAllowed, Invalid at the field that does not fit, TransitionDenied where two absences overlap.
    Answers the Absence.
    """
    now = timezone.now()
    _check_times(starts_at, ends_at, now)
    role, note = _role(role), one_clean_line(note or "", "note", 200, required=False)
    with transaction.atomic():
        # Lock the person: two equal absences at once would otherwise both be written.
        people = locked_people(pk__in={user_id, stand_in_id} - {None})
        by = User.objects.get(pk=by.pk)
        check_can_enter_absence(by, user_id)
        user = people.get(user_id)
        if user is None:
            raise Invalid.field("user_id", "There is no such person.", code="unknown")
        if not user.is_active:
            raise Invalid.field("user_id", f"{user.printed_name} is deactivated.", code="inactive")
        scope, at = Scope(role, _team(user, team_id)), max(now, starts_at)
        _check_role(user, scope, at)
        stand_in = _stand_in(stand_in_id, people, user=user, by=by, scope=scope, at=at)
        _check_free(user, scope, starts_at, ends_at)
        absence = Absence(
            user=user,
            stand_in=stand_in,
            starts_at=starts_at,
            ends_at=ends_at,
            role=scope.role,
            team=scope.team,
            note=note,
            created_at=now,
            created_by=by,
        )
        cleaned(absence)
        absence.save()
        _record_set(absence, by)
        _tell_of(absence, by)
    return absence


def cancel_absence(absence_id, *, by):
    """Cancel a coming absence, or end one early; the stand-in is told.

    Raises Absence.DoesNotExist, NotAllowed, TransitionDenied when it is over or was cancelled before.
    """
    with transaction.atomic():
        rows = Absence.objects.select_for_update(of=("self",))
        absence = rows.select_related("user", "stand_in", "team", "cancelled_by").get(pk=absence_id)
        by, now = User.objects.get(pk=by.pk), timezone.now()
        check_can_cancel_absence(by, absence, now=now)
        early = state_of(absence, now) == "present"
        absence.cancelled_at, absence.cancelled_by = now, by
        absence.save(update_fields=["cancelled_at", "cancelled_by"])
        record_account_event(AccountAction.ABSENCE_CANCELLED, by=by, about=absence.user, **_span(absence))
        _tell_of_end(absence, by, early)
    return absence


def _check_times(starts_at, ends_at, now):
    for name, given in (("starts_at", starts_at), ("ends_at", ends_at)):
        if timezone.is_naive(given):
            raise Invalid.field(name, "Give the time with its time zone.", code="no_time_zone")
    if ends_at <= starts_at:
        raise Invalid.field("ends_at", "The absence must end after it starts.", code="ends_before_start")
    if ends_at <= now:
        raise Invalid.field("ends_at", "The absence must end in the future.", code="in_the_past")
    if ends_at - starts_at > LONGEST_ABSENCE:
        raise Invalid.field("ends_at", "An absence lasts a year at most.", code="too_long")
    if starts_at > now + LONGEST_ABSENCE:
        raise Invalid.field("starts_at", "An absence starts within a year.", code="too_far")


def _role(role):
    try:
        role_slug(role or "any")
    except ValidationError as error:
        raise Invalid.field("role", error.messages[0]) from error
    return role or ""


def _check_role(user, scope, at):
    if scope.role and not scope.places(user, at):
        sentence = f"{user.printed_name} does not hold {scope.words} then. Leave it empty for every role."
        raise Invalid.field("role", sentence, code="no_role")


def _team(user, team_id):
    if team_id is None:
        return None
    team = scope_teams(user).filter(pk=team_id).first()
    if team is None:
        raise Invalid.field("team_id", f"{user.printed_name} signs in no such team.", code="unknown")
    return team


def _stand_in(stand_in_id, people, *, user, by, scope, at):
    if stand_in_id is None:
        return None
    stand_in = people.get(stand_in_id)
    if stand_in is not None and not User.objects.visible_to(by).filter(pk=stand_in.pk).exists():
        stand_in = None
    check_stand_in(stand_in, of=user, scope=scope, now=at)
    if stand_in.pk == by.pk:
        # Whoever enters an absence for somebody else would sign what is theirs by their own word alone.
        sentence = f"You enter this absence for {user.printed_name}, so you do not stand in. Choose another person."
        raise Invalid.field("stand_in_id", sentence, code="self")
    return stand_in


def _check_free(user, scope, starts_at, ends_at):
    other = overlapping_absence(user, scope=scope, starts_at=starts_at, ends_at=ends_at)
    if other is not None:
        raise TransitionDenied(
            f"{user.printed_name} is already away from {moment(other.starts_at)} until {moment(other.ends_at)}. "
            "Cancel that absence first, or choose another time, role or team.",
            code="absence_overlaps",
        )


def _span(absence):
    return {
        "absence_id": str(absence.pk),
        "starts_at": plain(absence.starts_at),
        "ends_at": plain(absence.ends_at),
    }


def _record_set(absence, by):
    stand_in = absence.stand_in
    record_account_event(
        AccountAction.ABSENCE_SET,
        by=by,
        about=absence.user,
        stand_in={"id": str(stand_in.pk), "name": stand_in.printed_name} if stand_in else None,
        role=absence.role,
        team_id=str(absence.team_id) if absence.team_id else None,
        note=absence.note,
        **_span(absence),
    )


# --- Who is told ------------------------------------------------------------------------------------------------------


def _times(absence):
    return f"from {moment(absence.starts_at)} until {moment(absence.ends_at)}"


def _tell_of(absence, by):
    name = absence.user.printed_name
    if absence.stand_in:
        where = Scope(absence.role, absence.team).words
        body = f"For {where}. Meanwhile you may sign the stages that name {name}; what you sign says so."
        body += f" Note: {absence.note}" if absence.note else ""
        title = f"You stand in for {name} {_times(absence)}"
        notify([absence.stand_in], kind=STAND_IN, title=title, body=body, url=PAGE)
    if by.pk != absence.user_id:
        title = f"{by.printed_name} entered an absence for you, {_times(absence)}"
        notify([absence.user], kind=AccountAction.ABSENCE_SET, title=title, url=PAGE)


def _tell_of_end(absence, by, early):
    name = absence.user.printed_name
    if absence.stand_in:
        title = f"You no longer stand in for {name}" if early else f"You need not stand in for {name}"
        body = f"The absence {_times(absence)} {'ended early' if early else 'was cancelled'}."
        notify([absence.stand_in], kind=STAND_IN, title=title, body=body, url=PAGE)
    if by.pk != absence.user_id:
        title = f"{by.printed_name} cancelled your absence {_times(absence)}"
        notify([absence.user], kind=AccountAction.ABSENCE_CANCELLED, title=title, url=PAGE)
