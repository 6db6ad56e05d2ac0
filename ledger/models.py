"""Records that cannot be rewritten (21 CFR 11.10(e), Annex 11 paragraph 9)."""

import uuid

from django.db import models
from django.utils import timezone

from ledger import triggers
from ledger.errors import TransitionDenied


class AppendOnlyQuerySet(models.QuerySet):
    def _refuse(self, *args, **kwargs):
        raise TransitionDenied(
            f"{self.model._meta.verbose_name.capitalize()} rows are append-only.", code="append_only"
        )

    update = delete = bulk_update = update_or_create = _refuse
    _raw_delete = _refuse

    def bulk_create(self, objs, batch_size=None, **options):
        """Insert rows; conflict options would overwrite and are refused."""
        if any(options.get(name) for name in ("ignore_conflicts", "update_conflicts")):
            self._refuse()
        return super().bulk_create(objs, batch_size=batch_size)


class Record(models.Model):
    """A row that is written once. Refused here, in the queryset and by database triggers (`ledger.triggers`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args, **kwargs):
        if not self._state.adding:
            raise TransitionDenied(f"This {self._meta.verbose_name} is append-only.", code="append_only")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args, **kwargs):
        raise TransitionDenied(f"This {self._meta.verbose_name} is append-only.", code="append_only")


class ChainedRecord(Record):
    """A record in a hash chain. `body` is the exact canonical text that `hash` is the SHA-256 of."""

    sequence = models.PositiveBigIntegerField(editable=False)
    body = models.TextField(editable=False)
    previous_hash = models.CharField(max_length=64, editable=False)
    hash = models.CharField(max_length=64, editable=False)

    class Meta:
        abstract = True


class Checkpoint(Record):
    """A chain's head as it stood once; compare with copies that left the house (`verify_ledger --against`)."""

    chain = models.CharField(max_length=200)
    sequence = models.PositiveBigIntegerField()
    head = models.CharField(max_length=64)
    recorded_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["chain", "sequence"], name="checkpoint_chain_sequence")]

    def __str__(self):
        return f"{self.chain} #{self.sequence}"


triggers.append_only(Checkpoint)
