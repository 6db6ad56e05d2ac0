"""Jobs of this app: identifiers in, one verb called, a summary out."""

from accounts import emails


def send_emails(*user_ids):
    return emails.send_to(user_ids)


def sweep_emails():
    return emails.sweep()
