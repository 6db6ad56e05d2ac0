"""A BagIt bag (RFC 8493) streamed into a ZIP whose bytes depend on nothing but its content.

Entries are STORED (deflate gives other bytes with another zlib), in the order they are written, with one date and
mode 0644; ZIP64 only where an entry may need it.
"""

import hashlib
import struct
import zipfile
import zlib
from dataclasses import dataclass
from datetime import UTC

CHUNK = 1024**2
ZIP64_FROM = 2**31 - 1
MODE = 0o100644 << 16
UNIX = 3
LOCAL_HEADER = 30


class Mismatch(Exception):
    """Bytes that are not what was frozen; the sentence says which."""


@dataclass(frozen=True)
class Entry:
    """A file of the dossier. `chunks()` gives its bytes; `size` and `sha256` are what they must be, when known.

    `at_most` bounds the size where it is not known; `title` is how a person knows the file.
    """

    path: str
    chunks: object
    size: int | None = None
    sha256: str | None = None
    at_most: int = 0
    title: str = ""


def text_entry(path, text):
    """An entry with the UTF-8 bytes of a text, encoded piece by piece."""
    return Entry(path, lambda: encoded(text), at_most=4 * len(text))


def encoded(text):
    for start in range(0, len(text), CHUNK):
        yield text[start : start + CHUNK].encode("utf-8")


class BagWriter:
    """Writes entries below one folder and remembers their digests. `tick(bytes)` is called after every chunk."""

    def __init__(self, file, *, name, moment, tick):
        self.digests = {}
        self.payload_bytes = 0
        self._name = name
        self._tick = tick
        # Two-second steps, as the format has them; local time would differ from host to host.
        self._date = (*moment.astimezone(UTC).timetuple()[:5], moment.second // 2 * 2)
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=True)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._zip.close()

    def write(self, entry):
        """Copy one entry, hashing it on the way. Raises Mismatch when it is not what was frozen."""
        info = zipfile.ZipInfo(f"{self._name}/{entry.path}", self._date)
        info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_STORED, UNIX, MODE
        total, size = hashlib.sha256(), 0
        large = max(entry.size or 0, entry.at_most) >= ZIP64_FROM
        with self._zip.open(info, "w", force_zip64=large) as target:
            for chunk in entry.chunks():
                total.update(chunk)
                size += len(chunk)
                if entry.size is not None and size > entry.size:
                    raise Mismatch(f"{entry.title} is longer than the {entry.size} bytes that were frozen.")
                target.write(chunk)
                self._tick(len(chunk))
        found = total.hexdigest()
        if entry.size is not None and size != entry.size:
            raise Mismatch(f"{entry.title} has {size} bytes; {entry.size} were frozen.")
        if entry.sha256 is not None and found != entry.sha256:
            raise Mismatch(f"{entry.title} was changed: its SHA-256 is {found}, {entry.sha256} was frozen.")
        self.digests[entry.path] = found
        if entry.path.startswith("data/"):
            self.payload_bytes += size
        return found

    def manifest(self):
        """Text of `manifest-sha256.txt` for the payload so far."""
        return self._lines(path for path in self.digests if path.startswith("data/"))

    def tag_manifest(self):
        """Text of `tagmanifest-sha256.txt` for the tag files so far."""
        return self._lines(path for path in self.digests if not path.startswith(("data/", "proof/")))

    def payload_oxum(self):
        return f"{self.payload_bytes}.{sum(path.startswith('data/') for path in self.digests)}"

    def _lines(self, paths):
        return "".join(f"{self.digests[path]}  {path}\n" for path in sorted(paths))

    def close(self):
        """Write the directory; answers the entries as `read_back` wants them."""
        self._zip.close()
        return self._zip.infolist()


def read_back(path, infos, *, tick):
    """Read a finished ZIP once; answers its SHA-256 and size. Raises Mismatch for an entry that reads otherwise."""
    total, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:

        def take(count):
            nonlocal size
            piece = file.read(count)
            total.update(piece)
            size += len(piece)
            return piece

        for info in infos:
            header = take(LOCAL_HEADER)
            if size != info.header_offset + LOCAL_HEADER or len(header) != LOCAL_HEADER:
                raise Mismatch(f"{info.filename} does not read back where it was written.")
            take(sum(struct.unpack("<HH", header[26:30])))
            left, crc = info.file_size, 0
            while left:
                piece = take(min(CHUNK, left))
                if not piece:
                    break
                crc, left = zlib.crc32(piece, crc), left - len(piece)
                tick()
            if left or crc != info.CRC:
                raise Mismatch(f"{info.filename} does not read back as it was written.")
        while take(CHUNK):
            pass
    return total.hexdigest(), size
