"""The lock and the pen of a template family, like `experiments.timeline` for a run."""

from contextlib import contextmanager

from django.db import transaction
from django.utils import timezone

from governance.enums import AUDIT_DETAILS, AuditAction
from governance.models import TemplateAuditLog, TemplateFamily
from ledger.chain import actor_columns, chain_of, column_fault, sealed_columns


def chain_id(family_id):
    return f"urn:uuid:{family_id}"


class AuditLog:
    """Held by `locked_family`; `family` is the locked, fresh row."""

    def __init__(self, family):
        self.family = family
        self.now = timezone.now()

    def record(self, action, *, by, template, **details):
        """Append one entry; `details` are pinned per action in `governance.enums.AUDIT_DETAILS`."""
        wanted = AUDIT_DETAILS[AuditAction(action)]
        if set(details) != wanted:
            raise ValueError(f"{action}: details {sorted(details)} differ from {sorted(wanted)}")
        family = self.family
        entry = TemplateAuditLog.objects.create(
            family=family,
            template=template,
            action=action,
            **sealed_columns(
                {"family": chain_id(family.pk), "action": str(action), "details": details},
                by=by,
                at=self.now,
                chain_id=chain_id(family.pk),
                count=family.audit_count,
                head=family.audit_head,
            ),
        )
        family.audit_count, family.audit_head = entry.sequence, entry.hash
        family.save(update_fields=["audit_count", "audit_head"])
        return entry


@contextmanager
def locked_family(family_id):
    """Lock a family's row, once and first. Lock order: an execution's row before a family's."""
    with transaction.atomic():
        yield AuditLog(TemplateFamily.objects.select_for_update().get(pk=family_id))


def _mismatch(row, members):
    columns = {"family": chain_id(row.family_id), "action": row.action, **actor_columns(row)}
    return column_fault(columns, members)


AUDIT_LOGS = chain_of(
    "templates", TemplateFamily, TemplateAuditLog, key="family", count="audit_count", head="audit_head",
    mismatch=_mismatch,
)  # fmt: skip
