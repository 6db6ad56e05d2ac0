"""Names and types as uploaders gave them: kept as data, cleaned before anybody reads or opens them."""

import re
import unicodedata

LONGEST_NAME = 255
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,48}/[a-z0-9][a-z0-9!#$&^_.+-]{0,48}\Z")
UNKNOWN_TYPE = "application/octet-stream"
# A browser would run these; they are handed out as plain bytes whatever the uploader called them.
ACTIVE = re.compile(r"html|xml|svg|script|java|flash|pdf|mhtml|multipart|message")


def given_name(name):
    """A file's name as data: what no database can store is replaced, and it fits its column."""
    text = str(name or "").replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8").strip()
    if len(text) > LONGEST_NAME:
        stem, dot, ending = text.rpartition(".")
        ending = dot + ending if stem and len(ending) <= 20 else ""
        text = text[: LONGEST_NAME - len(ending)] + ending
    return text or "unnamed"


def safe_name(name):
    """The last part of a name without path, control or bidirectional characters: fit for a download."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join("_" if _is_hidden(char) else char for char in last).strip(" .")
    return kept or "unnamed"


def _is_hidden(char):
    return unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or char in '<>:"|?*'


def media_type(declared):
    """A declared content type without parameters, or application/octet-stream when it is no such thing."""
    plain = str(declared or "").split(";")[0].strip().lower()
    return plain if MEDIA_TYPE.match(plain) else UNKNOWN_TYPE


def served_type(file_type):
    """The type a file is handed out with: never one a browser would run."""
    return UNKNOWN_TYPE if ACTIVE.search(file_type) else media_type(file_type)
