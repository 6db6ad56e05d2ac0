"""Handing out stored files: verified first, streamed, with ranges (RFC 9110, section 14; RFC 9530)."""

import base64
import re

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from evidence.names import safe_name, served_type
from evidence.storage import Damaged, check_bytes, open_stream
from evidence.transitions import report_damage
from ledger.errors import TransitionDenied

ONE_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})\Z")


def file_response(request, file):
    """A StoredFile as an attachment. Raises TransitionDenied when its bytes are not the ones uploaded."""
    etag = f'"{file.sha256}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:",
        "Content-Disposition": content_disposition_header(as_attachment=True, filename=safe_name(file.filename)),
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }
    if etag in request.headers.get("If-None-Match", ""):
        return HttpResponse(status=304, headers=headers)
    part = _part(request, file.file_size, etag)
    if part == ():
        headers["Content-Range"] = f"bytes */{file.file_size}"
        return HttpResponse(status=416, content_type="text/plain", headers=headers)
    try:
        check_bytes(file.sha256, file.file_size)
    except Damaged as damage:
        report_damage(file, str(damage))
        sentence = (
            "The stored bytes are not the ones that were uploaded, so they are not handed out. Operators were told."
        )
        raise TransitionDenied(sentence, code="file_damaged") from damage
    start, end = part or (0, file.file_size - 1)
    headers["Content-Length"] = str(end - start + 1)
    if part:
        headers["Content-Range"] = f"bytes {start}-{end}/{file.file_size}"
    chunks = [] if request.method == "HEAD" else open_stream(file.sha256, start=start, length=end - start + 1)
    return StreamingHttpResponse(
        chunks, status=206 if part else 200, content_type=served_type(file.file_type), headers=headers
    )


def _part(request, size, etag):
    """First and last byte asked for; None for everything, `()` for a range that lies outside."""
    found = ONE_RANGE.match(request.headers.get("Range", "").replace(" ", ""))
    if not found or request.headers.get("If-Range", etag) != etag or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        start, end = max(0, size - int(last)), size - 1
    else:
        start, end = int(first), min(int(last or size), size - 1)
        if last and int(last) < start:
            return None
    return (start, end) if start <= end else ()
