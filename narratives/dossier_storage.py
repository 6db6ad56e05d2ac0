"""Where dossiers lie: a folder or an S3 bucket (`STORAGES["dossiers"]`). Each package has a folder of its own.

A dossier is built in a draft beside its place (for a bucket: on the local disk) and appears complete, under a name
with its digest, or not at all.
"""

import contextlib
import hashlib
import os
import shutil
import stat
import time
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError
from django.conf import settings
from django.core.files.storage import storages

CHUNK = 1024**2
DRAFT_SUFFIX = ".part"
READ_ONLY = 0o440
NO_LONGER_THERE = frozenset({"NoSuchKey", "404", "NotFound", "NoSuchUpload", "PreconditionFailed", "412"})
# In this thread: the progress it reports renews the claim, on a database connection that no other thread may use.
ONE_THREAD = TransferConfig(use_threads=False)
BucketTrouble = (BotoCoreError, ClientError)


class Missing(Exception):
    """There is no dossier under this name, or something else lies there."""


def draft_path(claim):
    """The file to build in; no other claim has the same."""
    folder = _drafts_folder(claim.package_id)
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    return folder / f"{claim.package_id}.{claim.fence}{DRAFT_SUFFIX}"


def remove_drafts(claim):
    """Remove what earlier claims left; the present one's fence makes sure that they are dead."""
    for draft in _drafts_folder(claim.package_id).glob(f"{claim.package_id}.*{DRAFT_SUFFIX}"):
        with contextlib.suppress(OSError, ValueError):
            if int(draft.name.split(".")[-2]) < claim.fence:
                draft.unlink()


def storage_name(package_id, name, checksum):
    return f"{package_id}/{name}-{checksum}.eln"


def keep(draft, name, *, tick):
    """Put a finished, synced draft in its place; in a bucket, read it back too."""
    store = _store()
    if _is_bucket(store):
        with draft.open("rb") as body:
            _object(store, name).upload_fileobj(body, Callback=lambda _: tick(), Config=ONE_THREAD)
        draft.unlink(missing_ok=True)
        return
    target = Path(store.path(name))
    draft.chmod(READ_ONLY)
    draft.replace(target)
    sync_folder(target.parent)
    sync_folder(target.parent.parent)


def sync_folder(path):
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@dataclass
class StoredDossier:
    """An opened dossier. `identity` changes whenever its bytes may have changed; `file` is None for a bucket."""

    identity: tuple
    size: int
    file: object
    remote: object = None

    def chunks(self, start=0, length=None):
        """Chunks of at most 1 MiB of this very version of the file. Raises Missing when a bucket has another now."""
        length = self.size - start if length is None else length
        if length <= 0:
            return iter(())
        return self._remote(start, length) if self.file is None else self._local(start, length)

    def _local(self, start, length):
        self.file.seek(start)
        while length > 0 and (piece := self.file.read(min(CHUNK, length))):
            yield piece
            length -= len(piece)

    def _remote(self, start, length):
        key, etag = self.remote
        with _missing_when_gone():
            body = key.get(Range=f"bytes={start}-{start + length - 1}", IfMatch=etag)["Body"]
        return _closing(body)

    def unchanged(self):
        """Whether the opened file is still the one it was."""
        return self.file is None or _identity(os.fstat(self.file.fileno())) == self.identity

    def close(self):
        if self.file is not None:
            self.file.close()


def _closing(body):
    with contextlib.closing(body):
        yield from body.iter_chunks(CHUNK)


@contextlib.contextmanager
def _missing_when_gone():
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in NO_LONGER_THERE:
            raise Missing(str(error)) from error
        raise


def open_dossier(name):
    """Open a dossier for reading. Raises Missing, also for a link or a pipe put in its place."""
    store = _store()
    return _open_object(store, name) if _is_bucket(store) else _open_file(store.path(name))


def _open_file(path):
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Missing(str(error)) from error
    file, told = os.fdopen(number, "rb", buffering=0), os.fstat(number)
    if not stat.S_ISREG(told.st_mode):
        file.close()
        raise Missing("not a regular file")
    return StoredDossier(_identity(told), told.st_size, file)


def _identity(told):
    # The change time too: anybody can set a modification time back.
    return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns, told.st_ctime_ns


def _open_object(store, name):
    key = _object(store, name)
    with _missing_when_gone():
        key.load()
    identity = (name, key.e_tag, key.content_length, str(key.last_modified))
    return StoredDossier(identity, key.content_length, None, (key, key.e_tag))


def fingerprint(dossier, *, tick=lambda: None):
    """The SHA-256 of an opened dossier, read once from the start."""
    total = hashlib.sha256()
    for chunk in dossier.chunks():
        total.update(chunk)
        tick()
    return total.hexdigest()


def remove(name):
    """Remove a dossier whose retention ended; it may be gone already."""
    _store().delete(name)


def folders():
    """Identifiers of packages that have files here, or uploads that were begun."""
    store = _store()
    try:
        names = set(store.listdir("")[0])
    except FileNotFoundError:
        return []
    if _is_bucket(store):
        names |= {_own_name(store, upload.object_key).split("/")[0] for upload in _unfinished(store, "")}
    return sorted(names)


def remove_strays(package_id, *, keep_name, older_than):
    """Remove a package's files that nothing names, untouched for `older_than` (timedelta); answers how many."""
    store, removed = _store(), 0
    for name in store.listdir(package_id)[1]:
        path = f"{package_id}/{name}"
        with contextlib.suppress(FileNotFoundError, Missing), _missing_when_gone():
            if path != keep_name and _age(store.get_modified_time(path)) > older_than:
                store.delete(path)
                removed += 1
    if _is_bucket(store):
        return removed + _abort_unfinished(store, package_id, older_than)
    with contextlib.suppress(OSError):
        Path(store.path(package_id)).rmdir()
    return removed


def _abort_unfinished(store, package_id, older_than):
    """Parts that a killed worker sent are invisible, and paid for until somebody says that no more will come."""
    removed = 0
    for upload in _unfinished(store, f"{package_id}/"):
        with contextlib.suppress(Missing), _missing_when_gone():
            if _age(upload.initiated) > older_than:
                upload.abort()
                removed += 1
    return removed


def _unfinished(store, prefix):
    return store.bucket.multipart_uploads.filter(Prefix=_prefix(store) + prefix)


def _age(moment):
    return timedelta(seconds=time.time() - moment.timestamp())


def free_bytes():
    """Free space where drafts are built."""
    return shutil.disk_usage(_drafts_root()).free


def _drafts_root():
    store = _store()
    root = Path(settings.FILE_UPLOAD_TEMP_DIR) if _is_bucket(store) else Path(store.path(""))
    root.mkdir(mode=0o750, parents=True, exist_ok=True)
    return root


def _drafts_folder(package_id):
    # Beside the finished one, so that keeping is a rename on one file system.
    root = _drafts_root()
    return root if _is_bucket(_store()) else root / str(package_id)


def _store():
    return storages["dossiers"]


def _is_bucket(store):
    return hasattr(store, "bucket")


def _object(store, name):
    return store.bucket.Object(_prefix(store) + name)


def _own_name(store, key):
    return key.removeprefix(_prefix(store))


def _prefix(store):
    return f"{store.location.strip('/')}/" if store.location else ""
