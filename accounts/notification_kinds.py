"""Every kind of notification: its words, and how it goes by e-mail until a person chooses otherwise.

The bell in the portal shows every kind. Kinds of the apps above are here too, because the choices are one table.
"""

from dataclasses import dataclass

from accounts.enums import AccountAction, EmailWhen

SIGNING, EXPORTS, BASELINES, ACCOUNT, PORTAL = (
    "Signing",
    "Your exports",
    "Baselines",
    "Your account",
    "Running the portal",
)


@dataclass(frozen=True)
class Kind:
    """`must_be_mailed`: security of the account; it may wait for the digest, but not be switched off."""

    code: str
    group: str
    words: str
    email: EmailWhen = EmailWhen.AT_ONCE
    must_be_mailed: bool = False
    for_operators: bool = False

    @property
    def options(self):
        return [when for when in EmailWhen if not (self.must_be_mailed and when == EmailWhen.OFF)]


KINDS = {
    kind.code: kind
    for kind in (
        Kind("stage_to_sign", SIGNING, "A stage waits for your signature"),
        Kind("stage_delegated", SIGNING, "Somebody delegates a stage to you"),
        Kind("stage_reminder", SIGNING, "A stage of yours is due soon"),
        Kind("stage_overdue", SIGNING, "A stage is overdue"),
        Kind("stage_escalated", SIGNING, "An overdue stage is escalated to you"),
        Kind("stage_claimed", SIGNING, "Somebody takes over a stage you had claimed", EmailWhen.DIGEST),
        Kind("absence_stand_in", SIGNING, "You stand in for somebody who is away"),
        Kind("ladder_approved", EXPORTS, "What you requested is approved"),
        Kind("ladder_rejected", EXPORTS, "What you requested is rejected"),
        Kind("ladder_reopened", EXPORTS, "A stage of what you requested is reset"),
        Kind("dossier_ready", EXPORTS, "A dossier is ready", EmailWhen.DIGEST),
        Kind("packaging_failed", EXPORTS, "A dossier could not be packaged"),
        Kind("baseline_to_review", BASELINES, "A baseline waits for your review"),
        Kind("baseline_reviewed", BASELINES, "Your baseline is reviewed"),
        Kind("baseline_published", BASELINES, "A baseline is published", EmailWhen.DIGEST),
        Kind("baseline_rolled_back", BASELINES, "A baseline is rolled back"),
        Kind(AccountAction.ROLE_GRANTED, ACCOUNT, "You are granted a signing role", EmailWhen.DIGEST),
        Kind(AccountAction.ROLE_REVOKED, ACCOUNT, "A signing role of yours ends"),
        Kind(AccountAction.PASSWORD_CHANGED, ACCOUNT, "Your password is changed", must_be_mailed=True),
        Kind(AccountAction.PASSWORD_RESET, ACCOUNT, "An administrator sets your password", must_be_mailed=True),
        Kind(AccountAction.TOKEN_CREATED, ACCOUNT, "An API token is made for your account", must_be_mailed=True),
        Kind(AccountAction.LOCKED, ACCOUNT, "An account is locked after wrong passwords", must_be_mailed=True),
        Kind(AccountAction.SECOND_FACTOR_SET, ACCOUNT, "Your second factor is set up", must_be_mailed=True),
        Kind(AccountAction.SECOND_FACTOR_REMOVED, ACCOUNT, "Your second factor is removed", must_be_mailed=True),
        Kind(AccountAction.RECOVERY_CODES_MADE, ACCOUNT, "You get new recovery codes", must_be_mailed=True),
        Kind("second_factor.recovery_code_used", ACCOUNT, "A recovery code is used", must_be_mailed=True),
        Kind(AccountAction.ABSENCE_SET, ACCOUNT, "Somebody enters an absence for you"),
        Kind(AccountAction.ABSENCE_CANCELLED, ACCOUNT, "Somebody cancels an absence of yours"),
        Kind("equipment.calibration", PORTAL, "A run asks for the calibration of a device", for_operators=True),
        Kind("equipment.maintenance", PORTAL, "A run asks for the maintenance of a device", for_operators=True),
        Kind("file_damaged", PORTAL, "The stored bytes of a file are damaged", for_operators=True),
        Kind("integrity_failed", PORTAL, "A dossier no longer has its checksum", for_operators=True),
        Kind("webhook_gave_up", PORTAL, "A webhook could not be delivered", for_operators=True),
    )
}
MUST_BE_MAILED = [kind.code for kind in KINDS.values() if kind.must_be_mailed]


def default_email(code):
    """A kind that is not in the table stays in the portal."""
    return KINDS[code].email if code in KINDS else EmailWhen.OFF


def kinds_for(*, operator):
    return [kind for kind in KINDS.values() if operator or not kind.for_operators]
