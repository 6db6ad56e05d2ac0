"""The bytes of frozen evidence, as they go into a dossier."""

from evidence.storage import open_stream

PIECE = 1024**2


def frozen_chunks(frozen):
    """Chunks of the bytes that `frozen.sha256` and `frozen.size` are of. Raises FileNotFoundError for lost files.

    Does not verify: whoever writes them elsewhere hashes them on the way.
    """
    if frozen.file_id is not None:
        return open_stream(frozen.sha256)
    return _encoded(frozen.content)


def _encoded(text):
    for start in range(0, len(text), PIECE):
        yield text[start : start + PIECE].encode("utf-8")
