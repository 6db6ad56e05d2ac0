"""Hash chains: each row's canonical text names the digest of the row before it."""

import uuid
from dataclasses import dataclass

from ledger.canonical import canonical_text, loads, rfc3339, sha256_text

GENESIS_PREFIX = "biolabs-chain-v1\n"


def genesis(chain_id):
    """The digest the first row of a chain links to: SHA-256 of `biolabs-chain-v1`, LF, the chain's id."""
    return sha256_text(GENESIS_PREFIX + chain_id)


@dataclass(frozen=True)
class Link:
    """A row's canonical text and its digest."""

    body: str
    hash: str


def link(members, *, previous_hash):
    """Seal a row: `members` (JSON values) plus `prev` as canonical text, and its SHA-256."""
    body = canonical_text({**members, "prev": previous_hash})
    return Link(body=body, hash=sha256_text(body))


def sealed_columns(members, *, by, at, chain_id, count, head):
    """The columns of a record's next row: `members` of its own, with who wrote it and when, sealed.

    `count` and `head` are the chain's so far ("" for an empty one).
    """
    row_id, previous = uuid.uuid4(), head or genesis(chain_id)
    sealed = link(
        {
            **members,
            "v": 1,
            "id": str(row_id),
            "seq": count + 1,
            "actor": {"id": str(by.pk), "name": by.printed_name},
            "recorded_at": rfc3339(at),
        },
        previous_hash=previous,
    )
    return {
        "id": row_id,
        "sequence": count + 1,
        "actor": by,
        "actor_name": by.printed_name,
        "created_at": at,
        "body": sealed.body,
        "previous_hash": previous,
        "hash": sealed.hash,
    }


def actor_columns(row):
    """What the sealed text says of a row of `sealed_columns`, as its columns have it; for `Chain.mismatch`."""
    return {
        "id": str(row.pk),
        "actor": {"id": str(row.actor_id), "name": row.actor_name},
        "recorded_at": rfc3339(row.created_at),
    }


@dataclass(frozen=True)
class Fault:
    """The first row of a chain that does not fit, and why."""

    chain: str
    sequence: int
    row: str
    reason: str

    def __str__(self):
        return f"{self.chain} row {self.sequence} ({self.row}): {self.reason}"


@dataclass(frozen=True)
class Chain:
    """A family of chains that `verify_ledger` walks.

    `ids()` yields the chains' ids; `head(chain id)` answers how many rows it should have and the digest of the last,
    or None for an empty one; `rows(chain id)` yields records in order; `mismatch(row, members)` answers why a row's
    columns disagree with its sealed text, or None.
    """

    name: str
    ids: object
    head: object
    rows: object
    mismatch: object


URN = "urn:uuid:"


def chain_of(name, subjects, records, *, key, count, head, mismatch):
    """The Chain of each of `subjects` (a model): its `records` (a model of ChainedRecord) by their foreign key `key`.

    `count` and `head` are the subject's fields for the length and the last digest. A chain's id is `urn:uuid:` and the
    subject's id.
    """

    def ids():
        for pk in subjects.objects.order_by("pk").values_list("pk", flat=True).iterator():
            yield f"{URN}{pk}"

    def head_now(chain_id):
        length, digest = subjects.objects.values_list(count, head).get(pk=chain_id.removeprefix(URN))
        return length, digest or None

    def rows(chain_id):
        found = records.objects.filter(**{f"{key}_id": chain_id.removeprefix(URN)})
        return found.order_by("sequence").iterator(chunk_size=1000)

    return Chain(name=name, ids=ids, head=head_now, rows=rows, mismatch=mismatch)


def column_fault(columns, members):
    """Why a row's columns (by their name in the sealed text) disagree with it, or None."""
    differing = [name for name, value in columns.items() if members.get(name) != value]
    return f"columns differ from the sealed text: {', '.join(differing)}" if differing else None


REGISTRY = {}


def register(chain):
    """Called by an app's `ready`; registering a name again replaces it."""
    REGISTRY[chain.name] = chain


def fault_in(chain, chain_id):
    """The first Fault of one chain, or None; the portal goes on writing meanwhile."""
    count, head = chain.head(chain_id)
    return first_fault(chain, chain_id, count=count, head=head, later=chain.head)


def first_fault(chain, chain_id, *, count, head, later=None):
    """Walk one chain in bounded memory; the first Fault, or None when every row fits.

    `count` and `head` are as they stood before; where more rows are found, `later(chain_id)` is asked whether they
    were written meanwhile.
    """
    expected, position, name = genesis(chain_id), 0, f"{chain.name} {chain_id}"
    for row in chain.rows(chain_id):
        position += 1
        reason = _row_fault(chain, row, position, expected)
        if reason:
            return Fault(name, position, str(row.pk), reason)
        expected = row.hash
        if position == count and head not in (None, expected):
            return Fault(name, position, "-", f"head is {expected}, {head} expected")
    if later and count is not None and position > count:
        # A row and the head that counts it are written together, so this head is not older than the rows.
        count = min(position, later(chain_id)[0])
    if count is not None and position != count:
        return Fault(name, position + 1, "-", f"{count} rows expected, {position} found")
    if count is None and head not in (None, expected):
        return Fault(name, position, "-", f"head is {expected}, {head} expected")
    return None


def _row_fault(chain, row, position, expected):
    if row.sequence != position:
        return f"sequence is {row.sequence}, {position} expected"
    if row.previous_hash != expected:
        return "does not link to the row before"
    if sha256_text(row.body) != row.hash:
        return "the text was changed after it was sealed"
    members = loads(row.body)
    if members.get("prev") != expected or members.get("seq") != position:
        return "the sealed text names another place in the chain"
    return chain.mismatch(row, members)
