"""The deployment's Ed25519 keys (RFC 8032): the one that signs, and the public ones of those before it (ADR 0017).

The signing key is PKCS 8 PEM in `SIGNING_KEY_FILE`, made with mode 0600 at first use. Retired keys are public keys
(SubjectPublicKeyInfo PEM) in `SIGNING_KEYS_RETIRED`, each in a file named by the hex digits of its fingerprint.
"""

import fcntl
import os
import re
import secrets
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

FINGERPRINT = re.compile(r"sha256:([0-9a-f]{64})")
OWNER_ONLY, EVERYBODY_READS = 0o600, 0o644


class UnknownKey(Exception):
    """No public key here belongs to a fingerprint; the sentence says why."""


@dataclass(frozen=True)
class SigningKey:
    """`fingerprint` is `sha256:` and the hex digest over the DER public key; published apart from the dossiers."""

    private: Ed25519PrivateKey
    fingerprint: str
    public_pem: str

    def sign(self, data):
        """The raw signature (64 bytes) over `data`."""
        return self.private.sign(data)


def current():
    """The key that signs now, made at first use. A process that runs on notices a new one by its file.

    Raises ImproperlyConfigured for a file that holds no such key, or is lost.
    """
    file = _file()
    if not file.exists():
        if is_lost():
            raise ImproperlyConfigured(
                f"SIGNING_KEY_FILE {file} is missing although people have signed. Put it back from the backup, "
                "or make another with manage.py rotate_signing_key."
            )
        _make(file)
    return _read(file)


def is_lost():
    """Whether people have signed and the key file is not there."""
    return apps.get_model("approvals", "Signature").objects.exists() and not _file().exists()


def current_if_any():
    """As `current`, but None where there is no key file."""
    return _read(_file()) if _file().exists() else None


def public_key(fingerprint):
    """The public key of a fingerprint: the current one or a retired one. Raises UnknownKey."""
    now = current_if_any()
    if now and fingerprint == now.fingerprint:
        return now.private.public_key()
    return _load_public(_retired_pem(fingerprint))


def public_pem(fingerprint):
    """The PEM text of the same key."""
    now = current_if_any()
    return now.public_pem if now and fingerprint == now.fingerprint else _retired_pem(fingerprint).decode("ascii")


def hex_of(fingerprint):
    """The name of a key's file. Raises UnknownKey for what is no fingerprint, so that no path can be smuggled in."""
    digits = FINGERPRINT.fullmatch(fingerprint)
    if not digits:
        raise UnknownKey(f"it names no key ({fingerprint})")
    return digits[1]


def retired_file(fingerprint):
    return Path(settings.SIGNING_KEYS_RETIRED) / f"{hex_of(fingerprint)}.pem"


def _retired_pem(fingerprint):
    file = retired_file(fingerprint)
    try:
        pem = file.read_bytes()
        found = _fingerprint(_load_public(pem))
    except FileNotFoundError:
        raise UnknownKey(f"it is sealed with a key that is not known here ({fingerprint})") from None
    except (OSError, ValueError, UnsupportedAlgorithm) as error:
        raise UnknownKey(f"the file of its key, {file.name}, cannot be read as a public key ({error})") from None
    if found != fingerprint:
        raise UnknownKey(f"the file of its key, {file.name}, holds another key ({found})")
    return pem


# --- Changing the key: `approvals.transitions_key` goes through these under `held` -----------------------------------


@contextmanager
def held():
    """One process at a time changes the key; the lock ends with the process."""
    file = _file()
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def retire(key):
    """Keep the public half where signatures made with it are verified from now on."""
    _write(retired_file(key.fingerprint), key.public_pem.encode("ascii"), EVERYBODY_READS)


def prepare():
    """The key that comes next: a new one, or that of a change which was cut short."""
    if not _next().exists():
        _make(_next())
    return _read(_next())


def install():
    """Put the prepared key in its place, in one step. Raises OSError where its owner could not be kept."""
    if _file().exists():
        owner = _file().stat()
        # Run by root, this must not take the key away from the web process.
        os.chown(_next(), owner.st_uid, owner.st_gid)
    _next().replace(_file())
    _sync_folder(_file().parent)


# --- Files ----------------------------------------------------------------------------------------------------------


def _file():
    return Path(settings.SIGNING_KEY_FILE)


def _next():
    return _file().with_name(f"{_file().name}.next")


def _read(file):
    try:
        seen = file.stat()
        return _load(str(file), (seen.st_ino, seen.st_mtime_ns, seen.st_size))
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise ImproperlyConfigured(f"SIGNING_KEY_FILE {file} cannot be read as a private key: {error}") from error


@lru_cache(maxsize=4)
def _load(path, stamp):
    """`stamp` is what tells a file from the one that replaced it."""
    private = serialization.load_pem_private_key(Path(path).read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"SIGNING_KEY_FILE {path} holds another kind of key; it must be Ed25519.")
    public = private.public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return SigningKey(private, _fingerprint(public), pem.decode("ascii"))


def _load_public(pem):
    return serialization.load_pem_public_key(pem)


def _fingerprint(public):
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{sha256(der).hexdigest()}"


def _make(file):
    """A new key under a name that is free; of two makers the first one's key stays."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(file, pem, OWNER_ONLY, replace=False)


def _write(file, content, mode, *, replace=True):
    """Write beside the place, sync, then rename or link there: complete or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        try:
            draft.replace(file) if replace else os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(file.parent)


def _sync_folder(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
