"""What webhooks tell; stable names, like those of notifications."""

from ledger.errors import Invalid

WEBHOOK_KINDS = {
    "stage_to_sign": "A stage has started",
    "stage_delegated": "A stage is delegated",
    "stage_overdue": "A stage is overdue",
    "stage_escalated": "An overdue stage is escalated",
    "ladder_approved": "A ladder is approved",
    "ladder_rejected": "A ladder is rejected",
    "ladder_reopened": "A stage is reset",
    "dossier_ready": "A dossier is ready",
    "baseline_published": "A baseline is published",
    "baseline_rolled_back": "A baseline is rolled back",
}
TEST = "test"


def check_kind(kind):
    if kind != TEST and kind not in WEBHOOK_KINDS:
        raise ValueError(f"{kind} is not in WEBHOOK_KINDS.")


def checked_kinds(kinds):
    """The kinds an endpoint hears, each once, in the order of the table; none means all."""
    unknown = [str(kind)[:60] for kind in kinds if kind not in WEBHOOK_KINDS]
    if unknown:
        raise Invalid.field("kinds", f"Kinds are {', '.join(WEBHOOK_KINDS)}; not {', '.join(unknown[:5])}.", "choice")
    return [kind for kind in WEBHOOK_KINDS if kind in kinds]
