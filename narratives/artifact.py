"""Handing out a dossier: verified before the first byte, streamed, in ranges; the page and the API share it.

The SHA-256 of a file is worked out once per process and version of the file: the answer is remembered under device,
inode, size, modification and change time (in a bucket: ETag and modification time), so that a small range of a
large dossier costs a look, not a read. Any write to the file changes them, and the next request reads it again.
"""

import base64
from collections import OrderedDict
from threading import Lock

from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header

from evidence.downloads import wanted_range
from ledger.errors import Busy, Gone, TransitionDenied
from narratives.dossier_storage import BucketTrouble, Missing, fingerprint, open_dossier
from narratives.enums import PackageStatus
from narratives.package_transitions import clear_integrity_failure, report_integrity_failure
from narratives.queries import current_package

MEDIA_TYPE = "application/vnd.eln+zip"
MOST_REMEMBERED = 512

_remembered = OrderedDict()
_lock = Lock()


def artifact_response(export, request):
    """The dossier as a response; honours `Range`, `If-Range` and HEAD.

    Raises TransitionDenied (409) before it is ready or while it is damaged, Gone (410) after retention, Busy (503)
    while the bucket does not answer.
    """
    package = ready_package(export)
    try:
        return _handed_out(package, request)
    except BucketTrouble as error:
        sentence = "The storage of the dossiers does not answer. Try again in a minute."
        raise Busy(sentence, retry_after=60, code="storage_unavailable") from error


def _handed_out(package, request):
    dossier = verified_dossier(package)
    try:
        return _answer(package, dossier, request)
    except Missing:
        raise TransitionDenied("The dossier was replaced while it was read. Try again.", code="conflict") from None
    except BaseException:
        dossier.close()
        raise


def ready_package(export):
    package = current_package(export)
    if package is None:
        raise TransitionDenied("There is no dossier yet: not every stage has approved.", code="artifact_not_ready")
    if package.status == PackageStatus.EXPIRED:
        raise Gone("The dossier was removed when its retention ended.", code="artifact_expired")
    if package.status == PackageStatus.FAILED:
        raise TransitionDenied("Packaging failed; an operator can try it again.", code="artifact_failed")
    if package.status != PackageStatus.READY:
        raise TransitionDenied("The dossier is still being packaged.", code="artifact_not_ready")
    return package


def verified_dossier(package):
    """The opened file of a package, its SHA-256 checked. Raises TransitionDenied when it is not what was packaged."""
    try:
        dossier = open_dossier(package.storage_name)
    except Missing:
        found = "missing"
    else:
        found = _checksum(dossier)
        if found == package.checksum:
            if package.integrity_failed_at is not None:
                clear_integrity_failure(package.pk)
            return dossier
        dossier.close()
    report_integrity_failure(package.pk, found=found)
    raise TransitionDenied(
        "The stored dossier is not the one that was packaged, so it is not handed out. Operators were told.",
        code="integrity_failed",
    )


def _checksum(dossier):
    with _lock:
        if dossier.identity in _remembered:
            _remembered.move_to_end(dossier.identity)
            return _remembered[dossier.identity]
    try:
        found = fingerprint(dossier)
    except Missing:  # a bucket gives only the version that was opened
        found = None
    if found is None or not dossier.unchanged():
        return "changed while it was read"
    with _lock:
        _remembered[dossier.identity] = found
        while len(_remembered) > MOST_REMEMBERED:
            _remembered.popitem(last=False)
    return found


def _answer(package, dossier, request):
    etag = f'"{package.checksum}"'
    wanted = wanted_range(request, dossier.size, etag)
    if wanted is None:
        dossier.close()
        response = HttpResponse(status=416, content_type="text/plain")
        response["Content-Range"] = f"bytes */{package.size}"
        return _described(response, package, etag)
    start, length, partial = wanted
    response = _body(dossier, start, length, head=request.method == "HEAD")
    response.status_code = 206 if partial else 200
    response["Content-Length"] = length
    if partial:
        response["Content-Range"] = f"bytes {start}-{start + length - 1}/{dossier.size}"
    return _described(response, package, etag)


def _described(response, package, etag):
    digest = base64.b64encode(bytes.fromhex(package.checksum)).decode()
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Digest"] = f"sha-256={digest}"
    response["Repr-Digest"] = f"sha-256=:{digest}:"
    response["Cache-Control"] = "private, no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Disposition"] = content_disposition_header(True, download_name(package))  # noqa: FBT003
    return response


def download_name(package):
    """The name people save it under: without the digest that the storage's name carries."""
    return package.storage_name.rsplit("/", 1)[-1].replace(f"-{package.checksum}", "")


def _body(dossier, start, length, *, head):
    if head:
        dossier.close()
        return HttpResponse(content_type=MEDIA_TYPE)
    if dossier.file is None:
        return StreamingHttpResponse(dossier.chunks(start, length), content_type=MEDIA_TYPE)
    if length == dossier.size:
        # The whole file: the server may hand it to the kernel (sendfile).
        dossier.file.seek(0)
        return FileResponse(dossier.file, content_type=MEDIA_TYPE)
    response = StreamingHttpResponse(dossier.chunks(start, length), content_type=MEDIA_TYPE)
    response._resource_closers.append(dossier.close)
    return response
