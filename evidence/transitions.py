"""Every write of the evidence app: files and notebook. Freezing is in `kinds`, under the execution's lock."""

import logging

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import Notification
from accounts.notify import notify, operators
from evidence.models import NotebookEntry, NotebookRevision, StoredFile
from evidence.names import given_name, media_type
from evidence.policies import check_can_add, check_can_edit
from evidence.storage import store_stream
from ledger.canonical import sha256_text
from ledger.errors import Invalid, TransitionDenied
from portal.text import moment, one_line

logger = logging.getLogger(__name__)

LONGEST_CONTENT = 1_000_000
DAMAGED = "file_damaged"


def store_file(upload, *, by, execution=None):
    """Keep an uploaded file's bytes under their SHA-256 and describe them in a StoredFile.

    `upload` has `name`, `content_type`, `size` and `chunks()`; one that was received into a Draft (`uploads`) is
    kept as it lies. Raises Invalid for zero bytes, TooLarge past UPLOAD_MAX_BYTES, NotAllowed.
    """
    check_can_add(by, execution)
    if upload.size == 0:
        raise Invalid.field("upload", "This file is empty. Choose one with at least one byte.", "empty")
    stored = (
        upload.keep() if hasattr(upload, "keep") else store_stream(upload.chunks(), limit=settings.UPLOAD_MAX_BYTES)
    )
    if stored.size == 0:
        raise Invalid.field("upload", "This file is empty. Choose one with at least one byte.", "empty")
    return StoredFile.objects.create(
        execution=execution,
        filename=given_name(upload.name),
        file_type=media_type(upload.content_type),
        file_size=stored.size,
        sha256=stored.sha256,
        uploaded_by=by,
        uploaded_by_name=by.printed_name,
    )


def create_notebook_entry(*, by, title, content="", execution=None):
    """Write a new entry with its first revision."""
    check_can_add(by, execution)
    title, content = _checked(title, content)
    entry = NotebookEntry(execution=execution, title=title, content=content, created_by=by)
    with transaction.atomic():
        entry.save(force_insert=True)
        _write_revision(entry, by)
    return entry


def edit_notebook_entry(entry, *, by, title, content, expected_revision):
    """Write the next revision; the ones before stay. Without a change nothing is written.

    Raises TransitionDenied when the entry is not at `expected_revision` any more, NotAllowed, Invalid.
    """
    title, content = _checked(title, content)
    with transaction.atomic():
        entry = (
            NotebookEntry.objects.select_for_update(of=("self",)).select_related("execution__protocol").get(pk=entry.pk)
        )
        check_can_edit(by, entry)
        if entry.revision != expected_revision:
            raise TransitionDenied(_overtaken(entry), code="stale_revision", details={"revision": entry.revision})
        if (entry.title, entry.content) == (title, content):
            return entry
        entry.title, entry.content = title, content
        entry.revision += 1
        entry.updated_at = timezone.now()
        entry.save(update_fields=["title", "content", "revision", "updated_at"])
        _write_revision(entry, by)
    return entry


def _write_revision(entry, by):
    NotebookRevision.objects.create(
        entry=entry,
        number=entry.revision,
        title=entry.title,
        content=entry.content,
        sha256=sha256_text(entry.content),
        edited_by=by,
        edited_by_name=by.printed_name,
        created_at=entry.updated_at,
    )


def _overtaken(entry):
    newest = entry.revisions.get(number=entry.revision)
    who, when = newest.edited_by_name, moment(newest.created_at)
    return f"{who} saved revision {entry.revision} on {when}; look at it before you save yours."


def _checked(title, content):
    """Title and content fit to be stored. Raises Invalid."""
    title = " ".join(_text(title, "title").split())
    content = _text(content, "content")
    if len(content) > LONGEST_CONTENT:
        raise Invalid.field("content", f"An entry may have {LONGEST_CONTENT:,} characters at most.", "too_long")
    try:
        NotebookEntry._meta.get_field("title").clean(title, None)
    except ValidationError as error:
        raise Invalid.field("title", error.messages[0], error.error_list[0].code) from None
    return title, content


def _text(value, field):
    if not isinstance(value, str):
        raise Invalid.field(field, "This must be text.", "not_text")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise Invalid.field(field, "This text has characters that cannot be stored.", "not_storable") from None
    if "\x00" in value:
        raise Invalid.field(field, "This text must not contain the NUL character.", "nul_character")
    return value


def report_damage(file, reason):
    """Tell the operators, once a file, that its stored bytes are damaged; answers whether they were told now."""
    logger.error("stored bytes are damaged", extra={"file": str(file.pk), "reason": reason})
    url = reverse("file_download", args=[file.pk])
    with transaction.atomic():
        if Notification.objects.filter(kind=DAMAGED, url=url).exists():
            return False
        title = f"The stored bytes of “{one_line(file.filename)}” are damaged"
        notify(operators(), kind=DAMAGED, title=title, body=reason, url=url)
    return True
