"""A process of its own that appends to a timeline; its orders come as JSON on standard input."""

import json
import os
import sys

import django
from django.conf import settings


def main():
    orders = json.load(sys.stdin)
    settings.DATABASES["default"].update(orders["database"])
    django.setup()
    from accounts.models import User
    from experiments.transitions import append_events

    user = User.objects.get(pk=orders["user"])
    for number in range(orders["batches"]):
        event = {"event_type": "note.x", "payload": {"pid": os.getpid(), "n": number}}
        append_events(orders["execution"], [event] * 3, by=user)


if __name__ == "__main__":
    main()
