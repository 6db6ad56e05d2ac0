"""Who has a record open now: told to others who could sign it too, forgotten after a minute, stored nowhere else."""

import logging

from django.core.cache import cache
from django.db import OperationalError

logger = logging.getLogger(__name__)

SECONDS = 60
# People of one ladder share a few keys: one call finds everybody, and two who write at once rarely meet. Who was
# lost in a meeting is back with their next sign of life.
SLOTS = 4


def note_presence(ladder_id, user, now):
    """This person has the ladder's record open."""
    key = _key(ladder_id, user.pk.int % SLOTS)
    try:
        there = _fresh(cache.get(key), now)
        there[str(user.pk)] = (user.printed_name, now.timestamp())
        cache.set(key, there, SECONDS)
    except OperationalError:
        # A busy database must not fail a page that only reads.
        logger.warning("Who looks at ladder %s was not noted.", ladder_id)


def who_is_looking(ladder_ids, now, *, but):
    """`{ladder_id: [printed name, …]}` without the person `but`, in one call of the cache; nobody looks: no entry."""
    ladder_ids = list(ladder_ids)
    try:
        found = cache.get_many([_key(pk, slot) for pk in ladder_ids for slot in range(SLOTS)])
    except OperationalError:
        # Reading the cache in the database also clears away what is old in it.
        logger.warning("Who looks at %s ladders was not found out.", len(ladder_ids))
        return {}
    looking = {}
    for pk in ladder_ids:
        there = {}
        for slot in range(SLOTS):
            there |= _fresh(found.get(_key(pk, slot)), now)
        there.pop(str(but.pk), None)
        if there:
            looking[pk] = sorted(name for name, _ in there.values())
    return looking


def _fresh(there, now):
    since = now.timestamp() - SECONDS
    return {pk: (name, at) for pk, (name, at) in (there or {}).items() if at > since}


def _key(ladder_id, slot):
    return f"presence:{ladder_id}:{slot}"
