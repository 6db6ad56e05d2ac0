"""The one announcement that goes up (architecture.md, "A transition")."""

from django.dispatch import Signal

ladder_closed = Signal()
"""Sent inside the transaction, with `ladder`, `timeline` (the held lock) and `by`, when a ladder is approved,
rejected, or reopened by a reset (then `ladder.status` is pending and `ladder.cycle` the new one)."""
