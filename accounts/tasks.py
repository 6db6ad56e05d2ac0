"""Jobs of this app: identifiers in, one verb called, a summary out."""

from accounts import emails, housekeeping, webhooks


def send_emails(*user_ids):
    return emails.send_to(user_ids)


def sweep_emails():
    return emails.sweep()


def deliver_webhooks(*delivery_ids):
    return webhooks.deliver_new(delivery_ids)


def sweep_webhooks():
    return webhooks.sweep()


def prune():
    return housekeeping.prune()
