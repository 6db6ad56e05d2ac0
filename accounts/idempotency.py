"""`Idempotency-Key`: the same key, caller and body answers the first result again.

    with idempotent(user=request.user, key=key, path=request.path, body=request.data) as once:
        if once.answer is None:
            verb(..., written=lambda row: once.store(201, serialized(row)))
    return once.response()

`once.store` must run inside the transaction of the change, so that both are there or neither. Of two requests
that race, the second's transaction is rolled back by the unique constraint and it answers the first's result.
"""

import json
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256

from django.db import IntegrityError, transaction
from django.http import HttpResponse
from rest_framework.utils.encoders import JSONEncoder

from accounts.models import IdempotencyKey
from ledger.errors import Invalid, TransitionDenied

HEADER = "Idempotency-Key"
KEY_LENGTH = IdempotencyKey._meta.get_field("key").max_length


@dataclass(frozen=True)
class Answer:
    """A status and the JSON text that went with it."""

    status: int
    body: str


class _SomebodyWasFaster(Exception):
    """The key was stored by another request meanwhile; undoes the caller's transaction."""


class Once:
    """What `idempotent` yields. `answer` is None until there is a result."""

    def __init__(self, user, key, path, body):
        self.user, self.key, self.path = user, key, path
        self.body_digest = digest_of(body)
        self.answer = None
        self.replayed = False

    def recall(self):
        """Take the first result, if this key has one; another body is a conflict."""
        first = IdempotencyKey.objects.filter(user=self.user, path=self.path, key=self.key).first()
        if first is None:
            return
        if first.body_digest != self.body_digest:
            raise TransitionDenied(
                "This Idempotency-Key was used for another request. Send a new key.", code="idempotency_key_reused"
            )
        self.answer = Answer(first.response_status, first.response_body)
        self.replayed = True

    def store(self, status, body):
        """Keep the result; `body` is JSON-ready data. Inside the transaction of the change."""
        answer = Answer(status, json.dumps(body, cls=JSONEncoder, ensure_ascii=False, separators=(",", ":")))
        if self.key is not None:
            self._keep(answer)
        self.answer = answer

    def _keep(self, answer):
        if not transaction.get_connection().in_atomic_block:
            raise RuntimeError("store() belongs into the transaction of the change.")
        try:
            with transaction.atomic():
                IdempotencyKey.objects.create(
                    user=self.user,
                    key=self.key,
                    path=self.path,
                    body_digest=self.body_digest,
                    response_status=answer.status,
                    response_body=answer.body,
                )
        except IntegrityError as error:
            raise _SomebodyWasFaster from error

    def response(self):
        response = HttpResponse(self.answer.body, status=self.answer.status, content_type="application/json")
        if self.replayed:
            response["Idempotency-Replayed"] = "true"
        return response


@contextmanager
def idempotent(*, user, key, path, body):
    """Yields a Once; without a key (None) nothing is remembered.

    Raises Invalid for a malformed key, TransitionDenied `idempotency_key_reused` for another body.
    """
    once = Once(user, checked_key(key), path, body)
    if once.key is not None:
        once.recall()
    try:
        yield once
    except _SomebodyWasFaster:
        once.answer = None
        once.recall()
        if once.answer is None:
            raise TransitionDenied("The same request is being carried out right now. Try again.") from None
    except TransitionDenied:
        # The second of two equal requests may already see what the first did ("already decided").
        if once.key is None or once.answer is not None:
            raise
        once.recall()
        if once.answer is None:
            raise


def checked_key(key):
    """The header's value, or None when it was not sent."""
    if key is None:
        return None
    if not (key.isascii() and key.isprintable() and 0 < len(key.strip()) <= len(key) <= KEY_LENGTH):
        raise Invalid(
            f"{HEADER} must be 1 to {KEY_LENGTH} printable ASCII characters.", code="idempotency_key_malformed"
        )
    return key.strip()


def digest_of(body):
    """SHA-256 over the request's bytes, or over parsed JSON whatever the order of its members."""
    if not isinstance(body, bytes):
        body = json.dumps(body, cls=JSONEncoder, sort_keys=True).encode("utf-8", "surrogatepass")
    return sha256(body).hexdigest()
