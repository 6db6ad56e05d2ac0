"""What people did: every stage, action and signature of a dossier, and the keys that verify them."""

from approvals import keys, signing
from approvals.models import ApprovalAction, Signature
from ledger.canonical import canonical_text
from narratives.bag import Mismatch, text_entry


def approvals_json(frozen):
    """Every stage, action and signature statement with its seal, earlier cycles included."""
    ladder = frozen.ladder
    actions = ApprovalAction.objects.filter(stage__ladder=ladder, created_at__lte=frozen.moment)
    by_stage = {}
    for action in actions.select_related("signature").order_by("created_at", "id"):
        by_stage.setdefault(action.stage_id, []).append(_action_members(action))
    yield text_entry(
        "data/approvals.json",
        canonical_text(
            {
                "schema": "biolabs-approvals/1",
                "ladder": {
                    "id": str(ladder.pk),
                    "name": ladder.name,
                    "subject": ladder.subject,
                    "status": ladder.status,
                    "cycle": ladder.cycle,
                    "closed_at": ladder.closed_at,
                    "content_digest": ladder.content_digest,
                    "blueprint_digest": ladder.blueprint_digest,
                },
                "stages": [_stage_members(stage, by_stage.get(stage.pk, [])) for stage in frozen.stages],
            }
        ),
    )


def earlier_keys(frozen):
    """The public keys of signatures that this dossier's own key did not make; its seal vouches for them."""
    named = Signature.objects.filter(ladder=frozen.ladder, created_at__lte=frozen.moment)
    for fingerprint in sorted(set(named.values_list("key_fingerprint", flat=True)) - {frozen.key.fingerprint}):
        try:
            yield text_entry(f"data/signing-keys/{keys.hex_of(fingerprint)}.pem", keys.public_pem(fingerprint))
        except keys.UnknownKey as error:
            raise Mismatch(f"A signature cannot be verified: {error}.") from error


def _stage_members(stage, actions):
    return {
        "id": str(stage.pk),
        "sequence_index": stage.sequence_index,
        "name": stage.name,
        "required_role": stage.required_role,
        "status": stage.status,
        "sla_hours": stage.sla_hours,
        "started_at": stage.started_at,
        "due_at": stage.due_at,
        "completed_at": stage.completed_at,
        "assignee_id": stage.assignee_id,
        "delegated_to_id": stage.delegated_to_id,
        "actions": actions,
    }


def _action_members(action):
    signature = getattr(action, "signature", None)
    return {
        "id": str(action.pk),
        "cycle": action.cycle,
        "action": action.action_type,
        "actor": {"id": str(action.actor_id), "name": action.actor_name},
        "signed_as": action.signature_text,
        "notes": action.notes,
        "delegation_target_id": action.delegation_target_id,
        "metadata": action.metadata,
        "content_digest": action.content_digest,
        "created_at": action.created_at,
        "signature": _signature_members(signature) if signature else None,
    }


def _signature_members(signature):
    if fault := signing.verify(signature):
        raise Mismatch(f"The signature of {signature.signer_name} does not hold: {fault}.")
    return {
        "sequence": signature.sequence,
        "signer_name": signature.signer_name,
        "meaning": signature.meaning,
        "statement": signature.statement,
        "digest": signature.digest,
        "previous_digest": signature.previous_digest,
        "seal": signature.seal,
        "key_fingerprint": signature.key_fingerprint,
    }
