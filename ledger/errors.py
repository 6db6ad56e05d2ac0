"""Refusals: every one is a sentence its reader can act on, with a stable code."""


class Refusal(Exception):
    """A request that was understood and is not carried out.

    `sentence` is shown to people as it stands; `code` is stable and documented; `details` are further
    JSON-ready members of the problem document (for example `blocked_reason`).
    """

    status = 400
    default_code = "refused"

    def __init__(self, sentence, *, code=None, details=None):
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.default_code
        self.details = dict(details or {})

    def __str__(self):
        return self.sentence


class Invalid(Refusal):
    """Input that does not fit. `errors` is a list of `{"field", "code", "detail"}`."""

    status = 400
    default_code = "invalid"

    def __init__(self, sentence, *, code=None, errors=None, details=None):
        super().__init__(sentence, code=code, details=details)
        self.errors = list(errors or [])

    @classmethod
    def field(cls, field, sentence, code="invalid"):
        """One wrong field."""
        return cls(sentence, code=code, errors=[{"field": field, "code": code, "detail": sentence}])


class NotAllowed(Refusal):
    """Seen, but this person may not do it."""

    status = 403
    default_code = "not_allowed"


class TransitionDenied(Refusal):
    """Wrong state, or somebody else was faster."""

    status = 409
    default_code = "conflict"


class Gone(Refusal):
    """Was there, removed by retention."""

    status = 410
    default_code = "gone"


class TooLarge(Refusal):
    """More bytes than the limit the sentence names."""

    status = 413
    default_code = "too_large"


class TooMany(Refusal):
    """Too many attempts; `retry_after` is in seconds."""

    status = 429
    default_code = "too_many"

    def __init__(self, sentence, *, retry_after, code=None, details=None):
        super().__init__(sentence, code=code, details=details)
        self.retry_after = retry_after


class Busy(Refusal):
    """The database could not serve this now; `retry_after` is in seconds."""

    status = 503
    default_code = "busy"

    def __init__(self, sentence, *, retry_after=2, code=None, details=None):
        super().__init__(sentence, code=code, details=details)
        self.retry_after = retry_after
