"""What people type about people, checked before it is written."""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.passwords import PASSWORD_LENGTH
from ledger.errors import Invalid
from portal.text import clean_text, one_line


def check_new_password(password, user, *, field="password"):
    """The deployment's rules for passwords; raises Invalid at `field`."""
    if not isinstance(password, str) or len(password) > PASSWORD_LENGTH or not password.isprintable():
        raise Invalid.field(
            field,
            f"A password is up to {PASSWORD_LENGTH} printable characters.",
            code="password_invalid",
        )
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Invalid(
            " ".join(error.messages),
            code="password_too_weak",
            errors=[{"field": field, "code": e.code, "detail": m} for e in error.error_list for m in e.messages],
        ) from error


def one_clean_line(value, field, max_length, *, required=True):
    """A name: one line without control or bidi characters, because records print it."""
    text = clean_text(value, field, max_length, required=required)
    if one_line(text) != text:
        raise Invalid.field(field, "Only one line without control characters, please.", code="one_line")
    return text


def cleaned(row):
    try:
        row.full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        raise invalid_from(error) from error


def invalid_from(error):
    """A Django ValidationError as the Invalid that pages and API show field by field."""
    fields = error.message_dict if hasattr(error, "error_dict") else {"__all__": error.messages}
    errors = [{"field": f, "code": "invalid", "detail": m} for f, messages in fields.items() for m in messages]
    return Invalid(errors[0]["detail"], errors=errors)


def saved_or_taken(row, field, sentence):
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError as error:
        raise Invalid.field(field, sentence, code="taken") from error
