"""The signed statement and its seal (21 CFR 11.50 and 11.70).

Key: Ed25519 (RFC 8032) as PKCS 8 PEM in `SIGNING_KEY_FILE`, made with mode 0600 at first use and never replaced.
"""

import base64
import os
import secrets
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from approvals.enums import Meaning
from ledger.canonical import canonical_text, loads, rfc3339, sha256_text

SCHEMA = "biolabs-signature/1"


def statement(*, stage, by, decision, meaning, acting_as, authentication, signed_at, notes, signed_as, previous):
    """The canonical JSON text that is sealed: only strings, whole numbers, booleans and null.

    `acting_as` is `{"capacity", "of"}` (`approvals.policies.acting_as`), `authentication` has `method` and `at`,
    `previous` is the digest of the ladder's signature before ("" for the first).
    """
    ladder = stage.ladder
    return canonical_text(
        {
            "schema": SCHEMA,
            "subject": ladder.subject,
            "content_digest": ladder.content_digest,
            "ladder": {"id": str(ladder.pk), "name": ladder.name, "blueprint_digest": ladder.blueprint_digest},
            "cycle": ladder.cycle,
            "stage": {
                "id": str(stage.pk),
                "index": stage.sequence_index,
                "name": stage.name,
                "required_role": stage.required_role,
            },
            "decision": str(decision),
            "meaning": {"code": str(meaning), "sentence": Meaning(meaning).label},
            "signer": {"id": str(by.pk), "name": by.printed_name, "email": by.email},
            "signed_as": signed_as,
            "acting_as": acting_as,
            "authentication": _authentication(authentication),
            "separation_of_duties": settings.SEPARATION_OF_DUTIES,
            "signed_at": rfc3339(signed_at),
            "notes": notes,
            "notes_sha256": sha256_text(notes),
            "previous": previous,
            "key": fingerprint(),
        }
    )


def _authentication(authentication):
    """How and when the signer proved who they are; in a series of signings also the number of this one."""
    told = {"method": authentication.method, "at": rfc3339(authentication.at) if authentication.at else None}
    return told | ({"series": authentication.series} if authentication.series else {})


def seal(text):
    """The base64 Ed25519 signature over a text's UTF-8 bytes, and the key's fingerprint."""
    return base64.b64encode(sign_bytes(text.encode("utf-8"))).decode("ascii"), fingerprint()


def sign_bytes(data):
    """The raw Ed25519 signature (64 bytes) of the deployment over `data`."""
    return _key().sign(data)


def public_key_pem():
    """The deployment's public key as SubjectPublicKeyInfo PEM text."""
    return (
        _key()
        .public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode("ascii")
    )


def fingerprint():
    """`sha256:` and the hex digest over the DER public key; published apart from the dossiers."""
    der = _key().public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{sha256(der).hexdigest()}"


def verify(signature):
    """Why a Signature does not hold, as a sentence; None when text, seal and columns agree."""
    if sha256_text(signature.statement) != signature.digest:
        return "the statement was changed after it was signed"
    if signature.key_fingerprint != fingerprint():
        return f"it is sealed with another key ({signature.key_fingerprint})"
    try:
        raw = base64.b64decode(signature.seal, validate=True)
        _key().public_key().verify(raw, signature.statement.encode("utf-8"))
    except (InvalidSignature, ValueError):
        return "the seal does not fit the statement"
    return _differing(signature)


def _differing(signature):
    """Which columns disagree with the sealed text."""
    members, action = loads(signature.statement), signature.action
    stage, ladder = action.stage, signature.ladder
    sealed_and_stored = {
        "schema": (members.get("schema"), SCHEMA),
        "ladder": (members["ladder"]["id"], str(signature.ladder_id)),
        "ladder of the stage": (stage.ladder_id, signature.ladder_id),
        "ladder blueprint": (members["ladder"]["blueprint_digest"], ladder.blueprint_digest),
        "subject": (members["subject"], ladder.subject),
        "content digest": (members["content_digest"], ladder.content_digest),
        "content digest of the action": (members["content_digest"], action.content_digest),
        "cycle": (members["cycle"], action.cycle),
        "stage": (members["stage"]["id"], str(action.stage_id)),
        "stage index": (members["stage"]["index"], stage.sequence_index),
        "stage role": (members["stage"]["required_role"], stage.required_role),
        "decision": (members["decision"], action.action_type),
        "meaning": (members["meaning"]["code"], signature.meaning),
        "signer": (members["signer"]["id"], str(signature.signer_id)),
        "actor": (action.actor_id, signature.signer_id),
        "printed name": (members["signer"]["name"], signature.signer_name),
        "notes": (members["notes"], action.notes),
        "time": (members["signed_at"], rfc3339(signature.created_at)),
        "previous signature": (members["previous"], signature.previous_digest),
        "key": (members["key"], signature.key_fingerprint),
    }
    differing = [name for name, (sealed, stored) in sealed_and_stored.items() if sealed != stored]
    return f"columns differ from the sealed text: {', '.join(differing)}" if differing else None


def ready():
    """Load or make the key, so that no file is touched while a lock is held."""
    _key()


def _key():
    return _load(str(settings.SIGNING_KEY_FILE))


@lru_cache(maxsize=4)
def _load(path):
    file = Path(path)
    if not file.exists():
        _make(file)
    try:
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"SIGNING_KEY_FILE {path} cannot be read as a private key: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ImproperlyConfigured(f"SIGNING_KEY_FILE {path} holds another kind of key; it must be Ed25519.")
    return key


def _make(file):
    """Write a new key beside its place and link it there; of two makers the first one's key stays."""
    pem = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as output:
            output.write(pem)
            output.flush()
            os.fsync(output.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            return
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
