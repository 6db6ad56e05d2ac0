"""Every write to people, teams, roles and tokens, each with its line in the accounts' audit trail."""

from datetime import timedelta

from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone

from accounts import passwords
from accounts.enums import AccountAction, MembershipRole, TokenScope
from accounts.events import record_account_event
from accounts.locks import locked_person, person_of_administrator, still_administrator
from accounts.models import ApiToken, Membership, RoleGrant, Team, User
from accounts.notify import notify
from accounts.policies import check_can_manage_team, check_can_set_password_of, check_is_administrator, check_is_oneself
from accounts.validation import check_new_password, cleaned, one_clean_line, saved_or_taken
from ledger.canonical import plain
from ledger.errors import Invalid, TransitionDenied

TOKENS_PER_PERSON = 50
SIGN_INS_PER_PERSON = 200
LONGEST_TOKEN = timedelta(days=366)
COMPLIANCE_GROUP = "Compliance administrators"  # made, with its rights, by a migration of governance
CHANGEABLE = ("email", "full_name", "is_active", "is_admin")


# --- People ---------------------------------------------------------------------------------------------------------


def create_user(*, by, email, full_name, password=None, is_active=True, is_admin=False, must_change_password=False):
    """A new person. Without a password nobody can sign in until an administrator sets one.

    Raises NotAllowed, Invalid (also for an address that is taken).
    """
    check_is_administrator(by)
    full_name = one_clean_line(full_name, "full_name", 150)
    user = User(email=email, full_name=full_name, is_active=is_active, must_change_password=must_change_password)
    _set_admin(user, is_admin)
    if password is not None:
        check_new_password(password, user)
    user.set_password(password)
    cleaned(user)
    with transaction.atomic():
        still_administrator(by)
        saved_or_taken(user, "email", "Somebody with this e-mail address is already there.")
        record_account_event(
            AccountAction.USER_CREATED, by=by, about=user, **{name: getattr(user, name) for name in CHANGEABLE}
        )
    return user


def change_user(user_id, *, by, **changes):
    """Change `email`, `full_name`, `is_active`, `is_admin`; deactivating ends sessions and tokens at once.

    Raises NotAllowed, Invalid, TransitionDenied when nobody would be left to administer.
    """
    check_is_administrator(by)
    if unknown := set(changes) - set(CHANGEABLE):
        raise ValueError(f"change_user does not change {sorted(unknown)}.")
    if "full_name" in changes:
        changes["full_name"] = one_clean_line(changes["full_name"], "full_name", 150)
    with transaction.atomic():
        user = person_of_administrator(user_id, by=by)
        before = {name: getattr(user, name) for name in changes}
        for name, value in changes.items():
            setattr(user, name, value)
        _set_admin(user, user.is_admin)
        cleaned(user)
        changed = {n: {"from": old, "to": getattr(user, n)} for n, old in before.items() if old != getattr(user, n)}
        if not changed:
            return user
        _keep_an_administrator(user)
        saved_or_taken(user, "email", "Somebody with this e-mail address is already there.")
        if not user.is_active:
            end_tokens(user, by=by)
        record_account_event(AccountAction.USER_CHANGED, by=by, about=user, changes=plain(changed))
    return user


def set_compliance_administrator(user_id, *, by, member):
    """Put a person into the group of compliance administrators, or take them out; its members enter the admin.

    Raises NotAllowed, Invalid for who is deactivated, TransitionDenied where the group is missing.
    """
    check_is_administrator(by)
    with transaction.atomic():
        user = person_of_administrator(user_id, by=by)
        if _is_compliance_administrator(user) == member:
            return user
        group = Group.objects.filter(name=COMPLIANCE_GROUP).first()
        if group is None:
            raise TransitionDenied(f"The group “{COMPLIANCE_GROUP}” is missing. Run the migrations.", code="no_group")
        if member and not user.is_active:
            raise Invalid.field("user_id", f"{user.printed_name} is deactivated.", code="inactive")
        (user.groups.add if member else user.groups.remove)(group)
        _set_admin(user, user.is_admin)
        user.save(update_fields=["is_staff", "is_superuser"])
        record_account_event(AccountAction.COMPLIANCE_CHANGED, by=by, about=user, compliance_administrator=member)
    return user


def reset_password(user_id, *, by, new_password):
    """An administrator sets somebody else's password: a change is forced, tokens end, the person is told."""
    check_can_set_password_of(by, user_id)
    draft = User.objects.people().get(pk=user_id)
    check_new_password(new_password, draft)
    draft.set_password(new_password)
    with transaction.atomic():
        user = person_of_administrator(user_id, by=by)
        user.password = draft.password
        user.must_change_password = True
        user.save(update_fields=["password", "must_change_password"])
        end_tokens(user, by=by)
        record_account_event(AccountAction.PASSWORD_RESET, by=by, about=user)
        notify(
            [user],
            kind=AccountAction.PASSWORD_RESET,
            title=f"{by.printed_name} set your password",
            body="You must choose a new one before you can sign. If you did not ask for it, tell compliance.",
            url="/account/",
        )
    passwords.unlock(user)
    return user


def note_sign_in(*, by, address):
    """A person signed in on a page."""
    record_account_event(AccountAction.SIGNED_IN, by=by, about=by, address=address)


def note_sign_out(*, by, address):
    record_account_event(AccountAction.SIGNED_OUT, by=by, about=by, address=address)


def unlock(user, *, by):
    """Forget the wrong passwords of a person, so that they can sign in again."""
    check_is_administrator(by)
    passwords.unlock(user)
    with transaction.atomic():
        record_account_event(AccountAction.UNLOCKED, by=by, about=user)


# --- Teams ----------------------------------------------------------------------------------------------------------


def create_team(*, by, name, owner=None):
    """A new team, with its first owner where one is named."""
    check_is_administrator(by)
    team = Team(name=one_clean_line(name, "name", 150))
    cleaned(team)
    with transaction.atomic():
        still_administrator(by)
        saved_or_taken(team, "name", "A team of this name is already there.")
        record_account_event(AccountAction.TEAM_CREATED, by=by, team_id=str(team.pk), name=team.name)
        if owner is not None:
            _join(team, owner, MembershipRole.OWNER, by)
    return team


def rename_team(team_id, *, by, name):
    """Give a team another name."""
    check_is_administrator(by)
    name = one_clean_line(name, "name", 150)
    with transaction.atomic():
        still_administrator(by)
        team = Team.objects.select_for_update(no_key=True).get(pk=team_id)
        if name != team.name:
            before, team.name = team.name, name
            saved_or_taken(team, "name", "A team of this name is already there.")
            record_account_event(AccountAction.TEAM_RENAMED, by=by, team_id=str(team.pk), before=before, name=name)
    return team


def add_member(team, user, *, by, role=MembershipRole.MEMBER):
    """Add somebody, or change the role of who is in already. Answers `(membership, created)`."""
    if role not in MembershipRole.values:
        raise Invalid.field("role", f"A role in a team is one of {', '.join(MembershipRole.values)}.", code="choice")
    check_can_manage_team(by, team)
    with transaction.atomic():
        team = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        check_can_manage_team(by, team)
        if not User.objects.active().filter(pk=user.pk).exists():
            raise Invalid.field("user_id", f"{user.printed_name} is deactivated.", code="inactive")
        membership = team.memberships.filter(user=user).first()
        if membership is None:
            return _join(team, user, role, by), True
        if membership.role != role:
            _keep_an_owner(team, membership)
            before, membership.role = membership.role, role
            membership.save(update_fields=["role"])
            record_account_event(
                AccountAction.MEMBER_CHANGED, by=by, about=user, team_id=str(team.pk), before=before, role=role
            )
    return membership, False


def remove_member(team, user_id, *, by):
    """Take somebody out of a team. Raises Membership.DoesNotExist, TransitionDenied for its last owner."""
    check_can_manage_team(by, team)
    with transaction.atomic():
        team = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
        check_can_manage_team(by, team)
        membership = team.memberships.select_related("user").get(user_id=user_id)
        _keep_an_owner(team, membership)
        membership.delete()
        record_account_event(
            AccountAction.MEMBER_REMOVED, by=by, about=membership.user, team_id=str(team.pk), role=membership.role
        )


def _join(team, user, role, by):
    membership = Membership.objects.create(team=team, user=user, role=role)
    record_account_event(AccountAction.MEMBER_ADDED, by=by, about=user, team_id=str(team.pk), role=str(role))
    return membership


def _keep_an_owner(team, membership):
    owners = team.memberships.filter(role=MembershipRole.OWNER)
    if membership.role == MembershipRole.OWNER and not owners.exclude(pk=membership.pk).exists():
        raise TransitionDenied(
            f"{membership.user.printed_name} is the last owner of {team}. Name another owner first.", code="last_owner"
        )


# --- Signing roles --------------------------------------------------------------------------------------------------


def grant_role(user, *, by, role, team=None, valid_until=None):
    """Grant a signing role in a team or, without one, everywhere, until a moment or for good."""
    check_is_administrator(by)
    grant = RoleGrant(user=user, role=role, team=team, valid_until=valid_until, granted_by=by)
    cleaned(grant)
    now = timezone.now()
    if valid_until is not None and valid_until <= now:
        raise Invalid.field("valid_until", "The grant must end in the future.", code="in_the_past")
    with transaction.atomic():
        # Lock the person: two equal grants at once would otherwise both be written.
        if not person_of_administrator(user.pk, by=by).is_active:
            raise Invalid.field("user_id", f"{user.printed_name} is deactivated.", code="inactive")
        same = RoleGrant.objects.in_force(now).filter(user=user, role=role, team=team, valid_until=valid_until)
        if same.exists():
            raise TransitionDenied(f"{user.printed_name} already holds the role {role} there.", code="already_granted")
        grant.save()
        until = None if valid_until is None else plain(valid_until)
        record_account_event(
            AccountAction.ROLE_GRANTED, by=by, about=user, valid_until=until, grant_id=str(grant.pk), **_where(grant)
        )
        notify([user], kind=AccountAction.ROLE_GRANTED, title=f"You may now sign as {_words(grant)}", url="/account/")
    return grant


def revoke_role(grant_id, *, by):
    """End a grant now; the row stays. Raises RoleGrant.DoesNotExist, TransitionDenied when it was revoked before."""
    check_is_administrator(by)
    with transaction.atomic():
        still_administrator(by)
        grant = RoleGrant.objects.select_for_update(of=("self",)).select_related("user", "team").get(pk=grant_id)
        if grant.revoked_at is not None:
            raise TransitionDenied("This grant was revoked before.", code="already_revoked")
        grant.revoked_at, grant.revoked_by = timezone.now(), by
        grant.save(update_fields=["revoked_at", "revoked_by"])
        record_account_event(
            AccountAction.ROLE_REVOKED, by=by, about=grant.user, grant_id=str(grant.pk), **_where(grant)
        )
        title = f"You no longer sign as {_words(grant)}"
        notify([grant.user], kind=AccountAction.ROLE_REVOKED, title=title, url="/account/")
    return grant


def _where(grant):
    return {"role": grant.role, "team_id": str(grant.team_id) if grant.team_id else None}


def _words(grant):
    return f"{grant.role} in {grant.team}" if grant.team_id else f"{grant.role} everywhere"


# --- API tokens -----------------------------------------------------------------------------------------------------


def create_token(user, *, by, name="", scope=TokenScope.WRITE, expires_at, address=""):
    """A bearer token of one's own; answers `(row, token)`, and the token is never shown again."""
    check_is_oneself(by, user)
    now = timezone.now()
    if not now < expires_at <= now + LONGEST_TOKEN:
        raise Invalid.field("expires_at", "A token ends in the future, within a year.", code="expiry")
    if scope not in TokenScope.values:
        raise Invalid.field("scope", f"A scope is one of {', '.join(TokenScope.values)}.", code="choice")
    name = one_clean_line(name, "name", 100, required=False)
    with transaction.atomic():
        locked_person(user.pk)
        _make_room(user, name, now)
        row, token = ApiToken.objects.create(user=user, expiry=expires_at - now, name=name, scope=scope)
        record_account_event(
            AccountAction.TOKEN_CREATED,
            by=by,
            about=user,
            address=address,
            token=row.token_key,
            name=name,
            scope=str(scope),
            expires_at=plain(row.expiry),
        )
        if name:
            words = (
                f"It is called {name}. If it was not you, revoke it, change your password and tell an administrator."
            )
            title = "A new API token was made for your account"
            notify([user], kind=AccountAction.TOKEN_CREATED, title=title, body=words, url="/account/")
    return row, token


def _make_room(user, name, now):
    # Scripts sign in again and again: their oldest sign-in gives way. A named token never does.
    tokens = ApiToken.objects.filter(user=user)
    tokens.filter(name="", expiry__lte=now).delete()
    if not name:
        spare = tokens.filter(name="").order_by("-created").values("pk")[SIGN_INS_PER_PERSON - 1 :]
        tokens.filter(pk__in=[row["pk"] for row in spare]).delete()
    elif tokens.exclude(name="").filter(expiry__gt=now).count() >= TOKENS_PER_PERSON:
        raise TransitionDenied(
            f"There are {TOKENS_PER_PERSON} tokens already. Revoke one first.", code="too_many_tokens"
        )


def revoke_token(token_key, *, by):
    """End one of one's own tokens at once. Raises ApiToken.DoesNotExist."""
    with transaction.atomic():
        token = ApiToken.objects.select_for_update().get(user=by, token_key=token_key)
        _revoke(token, by)


def revoke_own_tokens(*, by):
    """End all of one's own tokens; answers how many there were."""
    with transaction.atomic():
        return end_tokens(locked_person(by.pk), by=by)


def end_tokens(user, *, by, only_sign_ins=False, keep=None):
    """End a person's tokens, or only those of API sign-ins, but for `keep`, the one this call came with."""
    tokens = ApiToken.objects.filter(user=user).exclude(pk=keep.pk if keep else None)
    tokens = list(tokens.filter(name="") if only_sign_ins else tokens)
    for token in tokens:
        _revoke(token, by)
    return len(tokens)


def _revoke(token, by):
    token.delete()
    record_account_event(AccountAction.TOKEN_REVOKED, by=by, about=token.user, token=token.token_key, name=token.name)


# --- Shared ---------------------------------------------------------------------------------------------------------


def _keep_an_administrator(user):
    others = User.objects.active().filter(is_admin=True).exclude(pk=user.pk)
    if not (user.is_active and user.is_admin) and not others.exists():
        raise TransitionDenied(
            f"{user.printed_name} is the last administrator. Name another one first.", code="last_administrator"
        )


def _set_admin(user, is_admin):
    # One switch: who administers the portal also enters Django's admin. So do compliance administrators.
    user.is_admin = user.is_superuser = is_admin
    user.is_staff = is_admin or _is_compliance_administrator(user)


def _is_compliance_administrator(user):
    return not user._state.adding and user.groups.filter(name=COMPLIANCE_GROUP).exists()
