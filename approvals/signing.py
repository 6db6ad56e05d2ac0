"""The signed statement and its seal (21 CFR 11.50 and 11.70); the keys are in `approvals.keys`."""

import base64

from cryptography.exceptions import InvalidSignature
from django.conf import settings

from approvals import keys
from approvals.enums import Meaning
from ledger.canonical import canonical_text, loads, rfc3339, sha256_text

SCHEMA = "biolabs-signature/1"


def statement(*, key, stage, by, decision, meaning, acting_as, authentication, signed_at, notes, signed_as, previous):
    """The canonical JSON text that is sealed: only strings, whole numbers, booleans and null.

    `key` is what seals it, `acting_as` is `{"capacity", "of"}` (`approvals.policies.acting_as`), `authentication` has
    `method` and `at`, `previous` is the digest of the ladder's signature before ("" for the first).
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
            "key": key.fingerprint,
        }
    )


def _authentication(authentication):
    """How and when the signer proved who they are; in a series of signings also the number of this one."""
    told = {"method": authentication.method, "at": rfc3339(authentication.at) if authentication.at else None}
    return told | ({"series": authentication.series} if authentication.series else {})


def seal(text, key):
    """The base64 Ed25519 signature over a text's UTF-8 bytes."""
    return base64.b64encode(key.sign(text.encode("utf-8"))).decode("ascii")


def verify(signature):
    """Why a Signature does not hold, as a sentence; None when text, seal and columns agree."""
    if sha256_text(signature.statement) != signature.digest:
        return "the statement was changed after it was signed"
    try:
        raw = base64.b64decode(signature.seal, validate=True)
        keys.public_key(signature.key_fingerprint).verify(raw, signature.statement.encode("utf-8"))
    except keys.UnknownKey as error:
        return str(error)
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
