from django.db import models


class MembershipRole(models.TextChoices):
    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    MEMBER = "member", "Member"


class TokenScope(models.TextChoices):
    """What an API token may do. No token signs: signing asks for the password again."""

    READ = "read", "Read"
    WRITE = "write", "Read and write"


class EmailWhen(models.TextChoices):
    AT_ONCE = "at_once", "At once"
    DIGEST = "digest", "In the daily digest"
    OFF = "off", "Not by e-mail"


class AccountAction(models.TextChoices):
    """What the accounts' audit trail records; each name with the payload keys it carries."""

    SIGNED_IN = "account.signed_in", "Signed in"
    SIGNED_OUT = "account.signed_out", "Signed out"
    SIGN_IN_FAILED = "account.sign_in_failed", "Sign-in failed"
    SIGNATURE_PASSWORD_FAILED = "account.signature_password_failed", "Wrong password when asked again"
    SECOND_FACTOR_FAILED = "account.second_factor_failed", "Wrong code of the second factor"
    LOCKED = "account.locked", "Locked after wrong passwords"
    UNLOCKED = "account.unlocked", "Unlocked"
    USER_CREATED = "user.created", "User created"
    USER_CHANGED = "user.changed", "User changed"
    COMPLIANCE_CHANGED = "user.compliance_changed", "Made or no longer a compliance administrator"
    PASSWORD_CHANGED = "user.password_changed", "Password changed"
    PASSWORD_RESET = "user.password_reset", "Password set by an administrator"
    TEAM_CREATED = "team.created", "Team created"
    TEAM_RENAMED = "team.renamed", "Team renamed"
    MEMBER_ADDED = "team.member_added", "Member added"
    MEMBER_CHANGED = "team.member_changed", "Member's role in the team changed"
    MEMBER_REMOVED = "team.member_removed", "Member removed"
    CALENDAR_CHANGED = "team.calendar_changed", "Working calendar of a team changed"
    ROLE_GRANTED = "role.granted", "Role granted"
    ROLE_REVOKED = "role.revoked", "Role revoked"
    TOKEN_CREATED = "token.created", "API token created"
    TOKEN_REVOKED = "token.revoked", "API token revoked"
    ABSENCE_SET = "absence.set", "Absence entered"
    ABSENCE_CANCELLED = "absence.cancelled", "Absence cancelled"
    SECOND_FACTOR_SET = "second_factor.set", "Second factor enrolled"
    SECOND_FACTOR_REMOVED = "second_factor.removed", "Second factor removed"
    RECOVERY_CODES_MADE = "second_factor.recovery_codes", "Recovery codes made"
    RECOVERY_CODE_USED = "second_factor.recovery_code_used", "Recovery code used"
    NOTIFICATIONS_CHOSEN = "notifications.chosen", "Notification choices changed"
    WEBHOOK_CREATED = "webhook.created", "Webhook registered"
    WEBHOOK_CHANGED = "webhook.changed", "Webhook changed"
    WEBHOOK_REMOVED = "webhook.removed", "Webhook removed"
    SIGNING_KEY_ROTATED = "signing_key.rotated", "Signing key of the deployment changed"


PAYLOAD_KEYS = {
    AccountAction.USER_CREATED: {"email", "full_name", "is_active", "is_admin"},
    AccountAction.USER_CHANGED: {"changes"},
    AccountAction.COMPLIANCE_CHANGED: {"compliance_administrator"},
    AccountAction.TEAM_CREATED: {"team_id", "name"},
    AccountAction.TEAM_RENAMED: {"team_id", "before", "name"},
    AccountAction.MEMBER_ADDED: {"team_id", "role"},
    AccountAction.MEMBER_CHANGED: {"team_id", "before", "role"},
    AccountAction.MEMBER_REMOVED: {"team_id", "role"},
    AccountAction.CALENDAR_CHANGED: {"team_id", "changes"},
    AccountAction.ROLE_GRANTED: {"grant_id", "role", "team_id", "valid_until"},
    AccountAction.ROLE_REVOKED: {"grant_id", "role", "team_id"},
    AccountAction.TOKEN_CREATED: {"token", "name", "scope", "expires_at"},
    AccountAction.TOKEN_REVOKED: {"token", "name"},
    AccountAction.ABSENCE_SET: {"absence_id", "starts_at", "ends_at", "stand_in", "role", "team_id", "note"},
    AccountAction.ABSENCE_CANCELLED: {"absence_id", "starts_at", "ends_at"},
    AccountAction.SECOND_FACTOR_SET: {"method"},
    AccountAction.SECOND_FACTOR_REMOVED: {"method", "reason"},
    AccountAction.RECOVERY_CODE_USED: {"left"},
    AccountAction.NOTIFICATIONS_CHOSEN: {"changes"},
    AccountAction.WEBHOOK_CREATED: {"webhook_id", "name", "url", "kinds", "team_id"},
    AccountAction.WEBHOOK_CHANGED: {"webhook_id", "changes"},
    AccountAction.WEBHOOK_REMOVED: {"webhook_id", "name", "url", "kinds", "team_id"},
    AccountAction.SIGNING_KEY_ROTATED: {"before", "after", "reason"},
}
