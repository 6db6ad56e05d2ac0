"""A person's own change of password; an administrator's is in `transitions`."""

from django.db import transaction

from accounts import passwords
from accounts.enums import AccountAction
from accounts.events import record_account_event
from accounts.locks import locked_person
from accounts.models import User
from accounts.notify import notify
from accounts.policies import check_is_oneself
from accounts.transitions import end_tokens
from accounts.validation import check_new_password
from ledger.errors import Invalid, TransitionDenied


def change_password(
    user, *, by, old_password, new_password, request_meta, code="", revoke_named_tokens=False, present_token=None
):
    """Choose a new password oneself. Other sessions and API sign-ins end; tokens with a name stay unless asked for.

    `present_token` is the one this call came with; it stays. Raises NotAllowed `wrong_password`, where a second factor
    is enrolled `second_factor_required` and `wrong_code`, TooMany, Invalid for a weak password.
    """
    check_is_oneself(by, user)
    # First of all: a code that is taken is used up, whatever else is wrong.
    if new_password == old_password:
        raise Invalid.field("new_password", "The new password must differ from the old one.", code="password_unchanged")
    check_new_password(new_password, user, field="new_password")
    passwords.check_own_password_and_code(user, old_password, code, request_meta=request_meta)
    draft = User()
    draft.set_password(new_password)
    with transaction.atomic():
        locked = locked_person(user.pk)
        if locked.password != user.password:
            raise TransitionDenied("Your password was changed meanwhile. Sign in again.", code="password_changed")
        locked.password = draft.password
        locked.must_change_password = False
        locked.save(update_fields=["password", "must_change_password"])
        end_tokens(locked, by=by, only_sign_ins=not revoke_named_tokens, keep=present_token)
        record_account_event(AccountAction.PASSWORD_CHANGED, by=by, about=locked)
        notify(
            [locked],
            kind=AccountAction.PASSWORD_CHANGED,
            title="Your password is changed",
            body="If it was not you, tell an administrator at once.",
            url="/account/",
        )
    user.password, user.must_change_password = locked.password, False
    return user
