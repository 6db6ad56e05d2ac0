"""Stored secrets written anew under the present SECRET_KEY, so that an earlier key can be dropped.

One row in each transaction, and a row that is under the present key already is left alone: it may be killed anywhere
and run again. The secrets themselves stay what they are, so nobody is told and no audit line is written.
"""

from allauth.mfa.models import Authenticator
from django.db import transaction

from accounts.models import WebhookEndpoint
from accounts.second_factor import OURS
from accounts.secrets_at_rest import Unreadable, renewed

ROWS_AT_ONCE = 500
NO_SECRET = (Unreadable, AttributeError, KeyError, TypeError)


def reencrypt_secrets(*, dry_run=False):
    """Answers JSON-ready counts of rows (`rewritten`, `present`) and the unreadable ones, which are left as they are.

    With `dry_run` nothing is written, and `rewritten` are those that would be.
    """
    unreadable = []
    factors = _each(Authenticator.objects.filter(type__in=OURS), _renew_factor, _name_factor, unreadable, dry_run)
    webhooks = _each(WebhookEndpoint.objects.all(), _renew_webhook, _name_webhook, unreadable, dry_run)
    return {"dry_run": dry_run, "second_factors": factors, "webhooks": webhooks, "unreadable": unreadable}


def _each(rows, renew, name, unreadable, dry_run):
    counts = {"rewritten": 0, "present": 0}
    for pk in _keys(rows):
        with transaction.atomic():
            row = rows.select_for_update(no_key=True).filter(pk=pk).first()
            if row is None:
                continue  # removed meanwhile
            try:
                field = renew(row)
            except NO_SECRET:
                unreadable.append(name(row))
                continue
            if field and not dry_run:
                row.save(update_fields=[field])
        counts["rewritten" if field else "present"] += 1
    return counts


def _keys(rows):
    last, rows = None, rows.order_by("pk")
    while found := list((rows.filter(pk__gt=last) if last else rows).values_list("pk", flat=True)[:ROWS_AT_ONCE]):
        yield from found
        last = found[-1]


def _renew_factor(row):
    """The field that changed, or None."""
    if "migrated_codes" in row.data:
        changed = {"migrated_codes": [renewed(code) for code in row.data["migrated_codes"]]}
    else:
        member = "secret" if row.type == Authenticator.Type.TOTP else "seed"
        changed = {member: renewed(row.data[member])}
    before, row.data = row.data, row.data | changed
    return "data" if row.data != before else None


def _renew_webhook(row):
    before, row.secret = row.secret, renewed(row.secret)
    return "secret" if row.secret != before else None


def _name_factor(row):
    return {"what": row.type, "id": row.pk, "of": row.user.email}


def _name_webhook(row):
    return {"what": "webhook", "id": str(row.pk), "of": row.name}
