"""Handing out stored files: verified first, streamed, with ranges (RFC 9110, section 14; RFC 9530)."""

import base64
import re

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from evidence.names import safe_name, served_type
from evidence.storage import Damaged, check_bytes, open_stream
from evidence.transitions import report_damage
from ledger.errors import TransitionDenied

ONE_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*\Z")


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
    wanted = wanted_range(request, file.file_size, etag)
    if wanted is None:
        headers["Content-Range"] = f"bytes */{file.file_size}"
        return HttpResponse(status=416, content_type="text/plain", headers=headers)
    start, length, partial = wanted
    try:
        check_bytes(file.sha256, file.file_size)
    except Damaged as damage:
        report_damage(file, str(damage))
        sentence = (
            "The stored bytes are not the ones that were uploaded, so they are not handed out. Operators were told."
        )
        raise TransitionDenied(sentence, code="file_damaged") from damage
    headers["Content-Length"] = str(length)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{file.file_size}"
    chunks = [] if request.method == "HEAD" else open_stream(file.sha256, start=start, length=length)
    return StreamingHttpResponse(
        chunks, status=206 if partial else 200, content_type=served_type(file.file_type), headers=headers
    )


def wanted_range(request, size, etag):
    """`(start, length, partial)` in bytes, or None for a range that cannot be served (RFC 9110, 14.2: then 416)."""
    header = request.headers.get("Range", "")
    condition = request.headers.get("If-Range")
    # Another unit, several ranges or an outdated condition: the whole file is a right answer.
    if not header.startswith("bytes=") or "," in header or condition not in (None, etag):
        return 0, size, False
    found = ONE_RANGE.match(header)
    first, last = found.groups() if found else ("", "")
    if first:
        start, end = int(first), min(int(last or size), size - 1)
        return (start, end - start + 1, True) if start <= end else None
    length = min(int(last or 0), size)
    return (size - length, length, True) if length else None
