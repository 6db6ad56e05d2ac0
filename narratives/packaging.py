"""Packaging one export: claim, build, complete; and the sweep that brings back what was left behind.

Safe to run twice and to be killed anywhere (reliability.md): the row's fence says whose work counts, nothing is done
under a lock, and a dossier appears under its name complete or not at all.
"""

import logging
import os
import socket
import time

from django.utils import timezone

from narratives import dossier_storage
from narratives.bag import BagWriter, Mismatch, read_back
from narratives.dossier import PROOFS, TAG_FILES, freeze_point, payload_entries, write_dossier
from narratives.models import NarrativeExport
from narratives.package_transitions import (
    Built,
    ClaimLost,
    claim_package,
    complete_package,
    fail_attempt,
    left_behind,
    renew_claim,
    requeue_left_behind,
)

log = logging.getLogger(__name__)
RENEW_SECONDS = 1.0
SYNC_BYTES = 256 * 1024**2
MOST_IN_ONE_SWEEP = 500


def _nothing(name):
    """Tests kill the process at the n-th step through this name."""


at_step = _nothing


def package(package_id):
    """Claim, build, verify, complete. Answers what happened, in a word or two."""
    claim = claim_package(package_id, owner=f"{socket.gethostname()}:{os.getpid()}")
    if claim is None:
        return "nothing to do"
    at_step("claimed")
    try:
        built = build(claim)
        at_step("built")
        complete_package(claim, built)
        at_step("completed")
    except ClaimLost:
        return "somebody else has it"
    except Exception as error:  # noqa: BLE001  whatever went wrong, the row must say so and be tried again
        return _failed(claim, error)
    finally:
        dossier_storage.draft_path(claim).unlink(missing_ok=True)
    return f"ready, {built.size} bytes"


def _failed(claim, error):
    if not isinstance(error, (Mismatch, OSError)):
        log.error("packaging %s failed", claim.package_id, exc_info=error)
    reason = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
    try:
        fail_attempt(claim, reason)
    except ClaimLost:
        return "somebody else has it"
    return f"attempt {claim.attempt} failed: {reason}"


class Progress:
    """Renews the claim and writes the progress, at most once a second however often it is called."""

    def __init__(self, claim, *, files_total, bytes_total):
        self._claim = claim
        self._files = self._bytes = 0
        self._most = bytes_total
        self._written_at = time.monotonic()
        renew_claim(claim, files_total=files_total, bytes_total=bytes_total, files_done=0, bytes_done=0)

    def copied(self, count):
        self._bytes = min(self._bytes + count, self._most)
        self.tick()

    def file_done(self, entry):
        self._files += 1
        at_step(f"wrote {entry.path}")
        self.tick()

    def sent(self):
        at_step("sending")
        self.tick()

    def tick(self):
        if time.monotonic() - self._written_at >= RENEW_SECONDS:
            renew_claim(self._claim, files_done=self._files, bytes_done=self._bytes)
            self._written_at = time.monotonic()


def build(claim):
    """Build the dossier of a claim from frozen content alone, verify it, put it in its place; answers Built.

    Raises Mismatch when evidence was changed, truncated or lost, OSError when the disk is full, ClaimLost.
    """
    export = NarrativeExport.objects.select_related("ladder").get(pk=claim.export_id)
    frozen = freeze_point(export)
    payload = payload_entries(frozen)
    progress = Progress(
        claim,
        files_total=len(payload) + len(TAG_FILES) + len(PROOFS),
        bytes_total=frozen.payload_bytes,
    )
    at_step("planned")
    dossier_storage.remove_drafts(claim)
    draft = dossier_storage.draft_path(claim)
    with draft.open("wb") as file:
        with BagWriter(file, name=frozen.name, moment=frozen.moment, tick=_syncing(file, progress)) as bag:
            manifest_digest = write_dossier(bag, frozen, payload, done=progress.file_done)
            infos = bag.close()
        file.flush()
        os.fsync(file.fileno())
    at_step("synced")
    checksum, size = read_back(draft, infos, tick=progress.tick)
    at_step("verified")
    name = dossier_storage.storage_name(claim.package_id, frozen.name, checksum)
    # A worker that lost its claim must not bring back a folder that others removed.
    renew_claim(claim)
    dossier_storage.keep(draft, name, tick=progress.sent)
    at_step("renamed")
    check_kept(name, checksum, tick=progress.tick)
    return Built(name, checksum, manifest_digest, size, len(infos))


def check_kept(name, checksum, *, tick):
    """Look at what lies in its place: for a folder that it is there, for a bucket that it reads back alike."""
    stored = dossier_storage.open_dossier(name)
    try:
        if stored.file is None and dossier_storage.fingerprint(stored, tick=tick) != checksum:
            raise Mismatch("The dossier does not read back from the bucket as it was sent.")
    finally:
        stored.close()


def _syncing(file, progress):
    """Count what is copied, and let the disk follow, so that the last sync does not outlast the lease."""
    unsynced = 0

    def tick(count):
        nonlocal unsynced
        unsynced += count
        if unsynced >= SYNC_BYTES:
            file.flush()
            os.fdatasync(file.fileno())
            unsynced = 0
        progress.copied(count)

    return tick


def sweep():
    """Enqueue packages whose job was lost, whose worker died, or whose next attempt is due; answers how many."""
    now = timezone.now()
    return sum(requeue_left_behind(each, now=now) for each in left_behind(now)[:MOST_IN_ONE_SWEEP])
