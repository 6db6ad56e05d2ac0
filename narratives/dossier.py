"""What is in a dossier, in which order (design: one folder that is a BagIt bag). Only frozen content is read.

A part is a function from a Frozen export to entries. RO-Crate, PDF and time stamp get their places in the lists below.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from django.db.models import Sum
from django.db.models.functions import Length

from approvals import keys
from evidence.enums import EvidenceType
from evidence.reading import frozen_chunks
from experiments.models import ExecutionEvent
from experiments.timeline import chain_id
from ledger.canonical import canonical_text, loads, sha256_text
from ledger.chain import genesis
from narratives.bag import Entry, Mismatch, text_entry
from narratives.digest import statement_of
from narratives.dossier_approvals import approvals_json, earlier_keys
from narratives.dossier_narrative import narrative_html, narrative_markdown
from portal.text import one_line, safe_filename

HEADING = "# Execution Narrative — "
VERIFIER = Path(__file__).parent / "dossier_files" / "verify_dossier.py"
FOLDERS = {EvidenceType.FILE: "files", EvidenceType.NOTEBOOK_ENTRY: "notebook"}
EVENT_CHUNK = 2000


@dataclass(frozen=True)
class Frozen:
    """An approved export as it goes into the dossier; `moment` is when its ladder closed."""

    export: object
    ladder: object
    stages: list
    attachments: list
    name: str
    moment: object
    statement: str
    timeline_bytes: int
    key: keys.SigningKey

    @property
    def payload_bytes(self):
        """About how many bytes will be copied, for the progress."""
        return sum(each.evidence.size for each in self.attachments) + self.timeline_bytes + len(self.export.content)


def freeze_point(export):
    """Collect what a dossier needs and check what can be checked before copying. Raises Mismatch."""
    ladder = export.ladder
    attachments = list(export.attachments.select_related("evidence").order_by("position"))
    statement = statement_of(export)
    if sha256_text(export.content) != export.content_sha256:
        raise Mismatch("The narrative was changed after it was frozen.")
    if sha256_text(statement) != export.content_digest:
        raise Mismatch("What was signed and what is stored differ: the content digest does not fit.")
    lengths = events_of(export).aggregate(total=Sum(Length("body")))["total"] or 0
    return Frozen(
        export=export,
        ladder=ladder,
        stages=list(ladder.stages.order_by("sequence_index")),
        attachments=attachments,
        name=dossier_name(export),
        moment=ladder.closed_at,
        statement=statement,
        timeline_bytes=lengths,
        key=keys.current(),
    )


def dossier_name(export):
    """`title-vN-id`, of `[A-Za-z0-9._-]` only, from the frozen narrative's own heading."""
    title = export.content[:400].split("\n", 1)[0].removeprefix(HEADING).replace("\\", "")
    slug = safe_filename(title.replace(".", "_").replace("/", "_"), default="run", max_length=60)
    return f"{slug.lower()}-v{export.version}-{str(export.pk)[:8]}"


def events_of(export):
    return ExecutionEvent.objects.filter(execution_id=export.execution_id, sequence__lte=export.event_count)


# --- data/ ----------------------------------------------------------------------------------------------------------


def export_json(frozen):
    export = frozen.export
    yield text_entry(
        "data/export.json",
        canonical_text(
            {
                "schema": "biolabs-export/1",
                "id": str(export.pk),
                "execution": chain_id(export.execution_id),
                "version": export.version,
                "format": export.format,
                "generated_at": export.generated_at,
                "event_count": export.event_count,
                "timeline_head": export.timeline_head,
                "content_sha256": export.content_sha256,
                "content_digest": export.content_digest,
                "content_statement": frozen.statement,
                "requested_by": {"id": str(export.requested_by_id), "name": export.requested_by_name},
                "notes": export.notes,
                "metadata": export.metadata,
                "approved_at": frozen.moment,
                "cycle": frozen.ladder.cycle,
            }
        ),
    )


def ladder_json(frozen):
    """The ladder that applied, exactly as it was frozen."""
    yield text_entry("data/ladder.json", frozen.ladder.blueprint_text)


def timeline(frozen):
    """The events as they were sealed, one a line, and how to check the chain."""
    export = frozen.export
    yield Entry(
        "data/timeline/events.jsonl", lambda: _lines(export), at_most=4 * frozen.timeline_bytes, title="The timeline"
    )
    yield text_entry(
        "data/timeline/chain.json",
        canonical_text(
            {
                "alg": "sha256 over a line's bytes without its line end; prev of a line names the line before",
                "execution": chain_id(export.execution_id),
                "genesis": genesis(chain_id(export.execution_id)),
                "genesis_rule": "sha256 of biolabs-chain-v1, LF, execution",
                "count": export.event_count,
                "head": export.timeline_head,
            }
        ),
    )


def _lines(export):
    head, count, batch = genesis(chain_id(export.execution_id)), 0, []
    rows = events_of(export).order_by("sequence").values_list("sequence", "previous_hash", "hash", "body")
    for sequence, previous, digest, body in rows.iterator(chunk_size=EVENT_CHUNK):
        line, count = body.encode("utf-8"), count + 1
        if sequence != count or previous != head or hashlib.sha256(line).hexdigest() != digest:
            raise Mismatch(f"Event {count} of the timeline does not fit its chain.")
        head = digest
        batch.append(line + b"\n")
        if len(batch) == EVENT_CHUNK:
            yield b"".join(batch)
            batch = []
    yield b"".join(batch)
    if count != export.event_count or head != export.timeline_head:
        raise Mismatch("The timeline ends elsewhere than it did when the export was requested.")


def attachments(frozen):
    """The frozen bytes of every piece of evidence, then their index."""
    index, paths = [], attachment_paths(frozen.attachments)
    for attachment, path in zip(frozen.attachments, paths, strict=True):
        evidence = attachment.evidence
        yield Entry(
            f"data/attachments/{path}",
            lambda evidence=evidence: _evidence_chunks(evidence),
            size=evidence.size,
            sha256=evidence.sha256,
            title=f"Attachment {attachment.position} ({one_line(attachment.label, 80)})",
        )
        index.append(_index_members(attachment, path))
    listing = {"schema": "biolabs-attachments/1", "attachments": index}
    yield text_entry("data/attachments/index.json", canonical_text(listing))


def _evidence_chunks(evidence):
    try:
        yield from frozen_chunks(evidence)
    except FileNotFoundError as error:
        raise Mismatch(f"The stored bytes of {one_line(evidence.filename, 80)} are missing.") from error


def attachment_paths(attachments):
    """Names of our own, in order; what people called them is in the index."""
    digits = max(2, len(str(len(attachments))))
    return [_attachment_path(f"{each.position:0{digits}}", each) for each in attachments]


def _attachment_path(number, attachment):
    evidence = attachment.evidence
    folder = FOLDERS.get(evidence.evidence_type, "events")
    if folder == "files":
        return f"files/{number}-{safe_filename(evidence.filename, max_length=80)}"
    slug = safe_filename(attachment.label.replace(".", "-"), default="entry", max_length=50).lower()
    return f"notebook/{number}-{slug}/entry.md" if folder == "notebook" else f"events/{number}-{slug}.json"


def _index_members(attachment, path):
    evidence = attachment.evidence
    return {
        "position": attachment.position,
        "path": f"data/attachments/{path}",
        "type": evidence.evidence_type,
        "reference_id": str(evidence.reference_id),
        "label": attachment.label,
        "filename": evidence.filename,
        "media_type": evidence.media_type,
        "size": evidence.size,
        "sha256": evidence.sha256,
        "snapshot": evidence.snapshot,
        "snapshot_text": evidence.snapshot_text,
        "context": loads(attachment.context_text),
        "context_text": attachment.context_text,
    }


PAYLOAD = (
    narrative_markdown,
    narrative_html,
    # the PDF with its signature page goes here
    export_json,
    approvals_json,
    earlier_keys,
    ladder_json,
    timeline,
    attachments,
)


# --- tag files and proof --------------------------------------------------------------------------------------------


def bag_declaration(frozen, bag):
    yield text_entry("bagit.txt", "BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")


def bag_info(frozen, bag):
    export = frozen.export
    yield text_entry(
        "bag-info.txt",
        f"Bagging-Date: {frozen.moment:%Y-%m-%d}\n"
        "Bag-Software-Agent: BioLabs\n"
        "External-Description: Approved execution dossier\n"
        f"External-Identifier: urn:uuid:{export.pk}\n"
        f"Payload-Oxum: {bag.payload_oxum()}\n"
        f"BioLabs-Execution: {chain_id(export.execution_id)}\n"
        f"BioLabs-Chain-Head: {export.timeline_head}\n"
        f"BioLabs-Content-Digest: {export.content_digest}\n"
        f"BioLabs-Signing-Key: {frozen.key.fingerprint}\n",
    )


def payload_manifest(frozen, bag):
    yield text_entry("manifest-sha256.txt", bag.manifest())


def verifier(frozen, bag):
    yield text_entry("verify_dossier.py", VERIFIER.read_text(encoding="utf-8"))


def tag_manifest(frozen, bag):
    yield text_entry("tagmanifest-sha256.txt", bag.tag_manifest())


TAG_FILES = (
    # the RO-Crate's metadata and preview go here
    bag_declaration,
    bag_info,
    payload_manifest,
    verifier,
    tag_manifest,  # last: it covers the others
)


def signature(frozen, root_of_trust):
    seal = frozen.key.sign(root_of_trust.encode("utf-8"))
    yield Entry("proof/tagmanifest-sha256.txt.sig", lambda: [seal], size=len(seal))


def public_key(frozen, root_of_trust):
    yield text_entry("proof/signing-key.pub.pem", frozen.key.public_pem)


PROOFS = (
    signature,
    public_key,
    # the in-toto statement and the time stamp go here
)


def payload_entries(frozen):
    return [entry for part in PAYLOAD for entry in part(frozen)]


def write_dossier(bag, frozen, payload, *, done):
    """Write a dossier into a BagWriter; `done(entry)` after each. Answers the tag manifest's SHA-256."""
    for entry in payload:
        bag.write(entry)
        done(entry)
    for part in TAG_FILES:
        for entry in part(frozen, bag):
            root_of_trust, manifest_digest = bag.tag_manifest(), bag.write(entry)
            done(entry)
    # The last tag file is the tag manifest; its text was taken before it was added to the digests.
    for part in PROOFS:
        for entry in part(frozen, root_of_trust):
            bag.write(entry)
            done(entry)
    return manifest_digest
