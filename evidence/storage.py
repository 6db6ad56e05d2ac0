"""Bytes by their content: a file lives under its SHA-256, in a folder or in an S3 bucket (`STORAGES["evidence"]`).

Bytes arrive in a Draft, which nobody can find; they become visible complete or not at all.
"""

import contextlib
import errno
import hashlib
import os
import re
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError
from django.conf import settings
from django.core.files.storage import storages

from ledger.errors import Busy, TooLarge

CHUNK = 1024**2
DRAFT_SUFFIX = ".part"
ABANDONED_AFTER = 24 * 60 * 60
READ_ONLY = 0o440
DIGEST = re.compile(r"[0-9a-f]{64}\Z")


class Damaged(Exception):
    """Stored bytes are missing or are not the ones their name promises."""


@dataclass(frozen=True)
class StoredBytes:
    sha256: str
    size: int


def store_stream(chunks, *, limit):
    """Store an iterable of bytes; answers StoredBytes. Raises TooLarge past `limit` bytes, and then nothing stays."""
    draft = Draft(limit=limit)
    try:
        for chunk in chunks:
            draft.write(chunk)
        return draft.keep()
    finally:
        draft.close()


def open_stream(sha256, *, start=0, length=None):
    """Chunks of at most 1 MiB of the stored bytes, from `start`, `length` bytes or all.

    Raises FileNotFoundError at once when they are not there. Does not verify; see `check_bytes`.
    """
    store = _store()
    return (
        _from_bucket(store, sha256, start, length) if _is_bucket(store) else _from_folder(store, sha256, start, length)
    )


def exists(sha256):
    """Whether something is stored under this digest."""
    return _store().exists(blob_name(sha256))


def check_bytes(sha256, size):
    """Read what is stored under a digest. Raises Damaged when it is missing, longer, shorter or different."""
    try:
        found = _fingerprint(open_stream(sha256))
    except FileNotFoundError as error:
        raise Damaged(f"The bytes of {sha256} are missing.") from error
    if found != StoredBytes(sha256, size):
        raise Damaged(f"The bytes of {sha256} were changed: {found.size} bytes with SHA-256 {found.sha256}.")


def blob_name(sha256):
    """The name in the storage. Raises ValueError for what is not a digest, so that no path can be smuggled in."""
    if not DIGEST.match(sha256):
        raise ValueError("not a SHA-256 digest")
    return f"{sha256[:2]}/{sha256}"


def clean_drafts(older_than=ABANDONED_AFTER):
    """Remove drafts that killed uploads left behind, untouched for `older_than` seconds; answers how many."""
    removed = 0
    for draft in _drafts_folder().glob(f"*{DRAFT_SUFFIX}"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > older_than:
                draft.unlink()
                removed += 1
    return removed


class Draft:
    """A file being received. `write` it, then `keep` it; `close` throws away what was not kept."""

    def __init__(self, *, limit):
        self.limit = limit
        self.size = 0
        self._hash = hashlib.sha256()
        number, path = tempfile.mkstemp(suffix=DRAFT_SUFFIX, dir=_drafts_folder())
        self._path = Path(path)
        self._file = os.fdopen(number, "w+b", buffering=0)

    def write(self, chunk):
        self.size += len(chunk)
        if self.size > self.limit:
            self.close()
            raise TooLarge(f"A file may have {self.limit} bytes at most.", details={"limit": self.limit})
        self._hash.update(chunk)
        view = memoryview(chunk)
        try:
            while view:
                view = view[self._file.write(view) :]
        except OSError as error:
            self.close()
            if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise Busy("The portal's disk is full. An operator has to make room.", code="disk_full") from error

    def keep(self):
        """Make the bytes visible under their digest; answers StoredBytes. Raises Damaged if they read back changed."""
        kept = StoredBytes(self._hash.hexdigest(), self.size)
        os.fsync(self._file.fileno())
        self._file.seek(0)
        if _fingerprint(iter(lambda: self._file.read(CHUNK), b"")) != kept:
            raise Damaged("The bytes written do not read back as they came.")
        store = _store()
        # The same bytes again cost nothing; bytes that were damaged meanwhile are repaired by their next upload.
        if not _is_sound(kept):
            self._put_in_bucket(store, kept) if _is_bucket(store) else self._put_in_folder(store, kept)
        self.close()
        return kept

    def close(self):
        self._file.close()
        self._path.unlink(missing_ok=True)

    def _put_in_folder(self, store, kept):
        target = Path(store.path(blob_name(kept.sha256)))
        made = not target.parent.exists()
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        os.fchmod(self._file.fileno(), READ_ONLY)
        self._path.replace(target)
        _sync_folder(target.parent)
        if made:
            _sync_folder(target.parent.parent)

    def _put_in_bucket(self, store, kept):
        self._file.seek(0)
        # Through another handle: the client closes what it has sent.
        with self._path.open("rb") as body:
            _object(store, kept.sha256).upload_fileobj(body)
        check_bytes(kept.sha256, kept.size)


def _is_sound(kept):
    try:
        check_bytes(kept.sha256, kept.size)
    except Damaged:
        return False
    return True


def _fingerprint(chunks):
    total, size = hashlib.sha256(), 0
    for chunk in chunks:
        total.update(chunk)
        size += len(chunk)
    return StoredBytes(total.hexdigest(), size)


def _store():
    return storages["evidence"]


def _is_bucket(store):
    return hasattr(store, "bucket")


def _object(store, sha256):
    prefix = f"{store.location.strip('/')}/" if store.location else ""
    return store.bucket.Object(prefix + blob_name(sha256))


def _drafts_folder():
    # Beside the blobs, so that keeping is a rename on one file system.
    store = _store()
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR) if _is_bucket(store) else Path(store.path("incoming"))
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder


def _sync_folder(path):
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _from_folder(store, sha256, start, length):
    path = store.path(blob_name(sha256))
    # Neither a link nor a pipe put in a blob's place may be followed.
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise FileNotFoundError(f"no stored bytes for {sha256}") from error
    file = os.fdopen(number, "rb", buffering=0)
    if not stat.S_ISREG(os.fstat(number).st_mode):
        file.close()
        raise FileNotFoundError(f"no stored bytes for {sha256}")
    return _pieces(file, start, length)


def _pieces(file, start, length):
    with file:
        file.seek(start)
        left = length
        while left is None or left > 0:
            piece = file.read(CHUNK if left is None else min(CHUNK, left))
            if not piece:
                return
            yield piece
            left = None if left is None else left - len(piece)


def _from_bucket(store, sha256, start, length):
    if length == 0:
        return iter(())
    wanted = {}
    if start or length is not None:
        wanted["Range"] = f"bytes={start}-" if length is None else f"bytes={start}-{start + length - 1}"
    try:
        body = _object(store, sha256).get(**wanted)["Body"]
    except ClientError as error:
        if error.response["Error"]["Code"] in {"NoSuchKey", "404", "NotFound"}:
            raise FileNotFoundError(f"no stored bytes for {sha256}") from error
        raise
    return body.iter_chunks(CHUNK)
