"""Uploads go from the socket into storage: hashed on the way, written once, never whole in memory."""

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopUpload

from evidence.storage import Draft
from ledger.errors import Invalid, Refusal, TooLarge
from portal.text import file_size

FIELD = "upload"
# Boundaries, part headers and the other fields of the form.
OVERHEAD = 64 * 1024


class ReceivedFile(UploadedFile):
    """An upload that lies in a Draft; `keep` it, or it is gone when the request ends."""

    def __init__(self, draft, name, content_type):
        super().__init__(file=None, name=name, content_type=content_type, size=draft.size)
        self._draft = draft

    def keep(self):
        return self._draft.keep()

    def close(self):
        self._draft.close()


class ReceiveIntoStorage(FileUploadHandler):
    """Takes the one file of the field `upload`; others are read past and not kept."""

    def __init__(self, request=None):
        super().__init__(request)
        self._draft = None
        self._complete = False
        self.refusal = None

    def new_file(self, field_name, *args, **kwargs):
        super().new_file(field_name, *args, **kwargs)
        if field_name != FIELD:
            raise SkipFile
        if self._draft is not None:
            self.refusal = Invalid.field(FIELD, "Send one file at a time.", "one_at_a_time")
            raise StopUpload(connection_reset=True)
        self._draft = Draft(limit=settings.UPLOAD_MAX_BYTES)

    def receive_data_chunk(self, raw_data, start):
        try:
            self._draft.write(raw_data)
        except Refusal as refusal:
            self.refusal = refusal
            raise StopUpload(connection_reset=True) from refusal

    def file_complete(self, file_size):
        self._complete = True
        return ReceivedFile(self._draft, self.file_name, self.content_type)

    def upload_interrupted(self):
        if self._draft is not None and not self._complete:
            self.refusal = Invalid.field(
                FIELD, "The upload broke off before its end. Send the file again.", "interrupted"
            )

    def discard(self):
        """Throw away what was received and not kept."""
        if self._draft is not None:
            self._draft.close()


def check_announced_size(request):
    """Raises TooLarge by Content-Length alone, before a byte of the body is read."""
    announced = str(request.META.get("CONTENT_LENGTH") or "0")
    if announced.isdigit() and int(announced) > settings.UPLOAD_MAX_BYTES + OVERHEAD:
        raise too_large()


def too_large():
    limit = settings.UPLOAD_MAX_BYTES
    return TooLarge(f"A file may have {file_size(limit)} at most.", details={"limit": limit})


def receive(request):
    """Send the request's upload into storage; call before anything looks at the body, and `discard` at the end."""
    handler = ReceiveIntoStorage(request)
    request.upload_handlers = [handler]
    return handler


def received_file(files, handler):
    """The one complete upload. Raises Invalid or TooLarge when there is none."""
    if handler.refusal is not None:
        raise too_large() if isinstance(handler.refusal, TooLarge) else handler.refusal
    upload = files.get(FIELD)
    if not isinstance(upload, ReceivedFile):
        raise Invalid.field(FIELD, "Choose a file to upload.", "required")
    return upload
