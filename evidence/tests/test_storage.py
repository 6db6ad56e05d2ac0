import hashlib
import os
import stat
import subprocess
import sys

import pytest

from evidence import storage
from evidence.storage import Damaged, Draft, blob_name, check_bytes, exists, open_stream, store_stream
from ledger.errors import TooLarge


def digest(data):
    return hashlib.sha256(data).hexdigest()


def store(data, limit=10**9):
    return store_stream([data], limit=limit)


def files_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_bytes_lie_under_their_digest_and_come_back(evidence_folder):
    stored = store_stream([b"one ", b"", b"two"], limit=100)
    assert (stored.sha256, stored.size) == (digest(b"one two"), 7)
    assert files_in(evidence_folder) == [f"{stored.sha256[:2]}/{stored.sha256}"]
    assert b"".join(open_stream(stored.sha256)) == b"one two"
    assert exists(stored.sha256)
    assert not exists(digest(b"other"))


def test_a_blob_is_readable_and_not_writable(evidence_folder):
    stored = store(b"data")
    assert stat.S_IMODE((evidence_folder / blob_name(stored.sha256)).stat().st_mode) == 0o440


def test_the_same_bytes_are_stored_once(evidence_folder):
    first = store(b"twice")
    inode = (evidence_folder / blob_name(first.sha256)).stat().st_ino
    assert store(b"twice") == first
    assert files_in(evidence_folder) == [blob_name(first.sha256)]
    assert (evidence_folder / blob_name(first.sha256)).stat().st_ino == inode


def test_damaged_bytes_are_named_and_repaired_by_the_next_upload(evidence_folder):
    stored = store(b"precious")
    path = evidence_folder / blob_name(stored.sha256)
    path.chmod(0o600)
    path.write_bytes(b"precioux")
    with pytest.raises(Damaged, match="were changed"):
        check_bytes(stored.sha256, stored.size)
    store(b"precious")
    check_bytes(stored.sha256, stored.size)


@pytest.mark.parametrize("damage", ["truncated", "longer", "missing", "link", "pipe"])
def test_every_damage_is_noticed(evidence_folder, tmp_path, damage):
    stored = store(b"precious")
    path = evidence_folder / blob_name(stored.sha256)
    path.chmod(0o600)
    if damage == "truncated":
        path.write_bytes(b"prec")
    elif damage == "longer":
        path.write_bytes(b"precious!")
    else:
        path.unlink()
    if damage == "link":
        (tmp_path / "elsewhere").write_bytes(b"precious")
        path.symlink_to(tmp_path / "elsewhere")
    if damage == "pipe":
        os.mkfifo(path)
    with pytest.raises(Damaged):
        check_bytes(stored.sha256, stored.size)


def test_too_many_bytes_are_refused_and_leave_nothing(evidence_folder):
    with pytest.raises(TooLarge) as refusal:
        store_stream([b"12345", b"6"], limit=5)
    assert refusal.value.details == {"limit": 5}
    assert files_in(evidence_folder) == []
    assert store_stream([b"12345"], limit=5).size == 5


def test_a_source_that_breaks_off_leaves_nothing(evidence_folder):
    def source():
        yield b"half"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        store_stream(source(), limit=100)
    assert files_in(evidence_folder) == []


def test_a_draft_is_invisible_until_it_is_kept(evidence_folder):
    draft = Draft(limit=100)
    draft.write(b"secret")
    assert not exists(digest(b"secret"))
    draft.keep()
    assert exists(digest(b"secret"))


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, None, b"0123456789"), (3, 4, b"3456"), (8, 99, b"89"), (10, None, b""), (0, 0, b"")],
)
def test_a_part_can_be_read(start, length, expected):
    stored = store(b"0123456789")
    assert b"".join(open_stream(stored.sha256, start=start, length=length)) == expected


@pytest.mark.parametrize("name", ["../../etc/passwd", "", "A" * 64, "a" * 63, "a" * 64 + "\n"])
def test_only_a_digest_is_a_name(name):
    with pytest.raises(ValueError, match="not a SHA-256"):
        open_stream(name)


def test_missing_bytes_are_missing_at_once():
    with pytest.raises(FileNotFoundError):
        open_stream(digest(b"never stored"))


def test_drafts_of_killed_uploads_are_cleaned_and_running_ones_stay(evidence_folder):
    killed, running = Draft(limit=9), Draft(limit=9)
    os.utime(killed._path, (1, 1))
    assert storage.clean_drafts() == 1
    assert not killed._path.exists()
    assert running._path.exists()
    running.close()


def test_a_killed_process_leaves_no_visible_file(evidence_folder):
    script = (
        "import django, os, sys; django.setup()\n"
        "from django.conf import settings\n"
        "settings.STORAGES['evidence']['OPTIONS']['location'] = sys.argv[1]\n"
        "from evidence.storage import store_stream\n"
        "def source():\n    yield b'half'\n    os.kill(os.getpid(), 9)\n"
        "store_stream(source(), limit=100)\n"
    )
    assert run_python(script, str(evidence_folder)).returncode == -9
    assert all(name.startswith("incoming/") and name.endswith(".part") for name in files_in(evidence_folder))
    assert storage.clean_drafts(older_than=-1) == 1


def test_memory_does_not_grow_with_the_file(evidence_folder):
    script = (
        "import django, resource, sys; django.setup()\n"
        "from django.conf import settings\n"
        "settings.STORAGES['evidence']['OPTIONS']['location'] = sys.argv[1]\n"
        "from evidence.storage import store_stream, open_stream\n"
        "store_stream([b'warm'], limit=100)\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "stored = store_stream((bytes(1024 * 1024) for _ in range(200)), limit=2**30)\n"
        "assert sum(map(len, open_stream(stored.sha256))) == 200 * 1024 * 1024\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    answer = run_python(script, str(evidence_folder))
    assert answer.returncode == 0, answer.stderr
    assert int(answer.stdout) < 40 * 1024  # KiB, for 200 MiB


def run_python(script, *arguments):
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "biolabs.settings"}
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, check=False
    )
