"""The same storage over S3, spoken to for real: moto answers on a port of this machine."""

import hashlib

import pytest
from django.core.files.storage import storages

from evidence.storage import Damaged, blob_name, check_bytes, exists, open_stream, store_stream
from tests.bucket import bucket_server, under

bucket_address = pytest.fixture(scope="module")(bucket_server)


@pytest.fixture
def bucket(settings, bucket_address, evidence_folder):
    settings.STORAGES = settings.STORAGES | {"evidence": under("evidence", bucket_address)}
    found = storages["evidence"].bucket
    found.create()
    return found


def test_bytes_go_to_the_bucket_and_come_back_in_parts(bucket, tmp_path):
    data = bytes(range(256)) * 12_000
    stored = store_stream([data[:100], data[100:]], limit=10**9)
    assert stored.sha256 == hashlib.sha256(data).hexdigest()
    assert [item.key for item in bucket.objects.all()] == [f"evidence/{blob_name(stored.sha256)}"]
    assert exists(stored.sha256)
    assert not exists("0" * 64)
    assert b"".join(open_stream(stored.sha256)) == data
    assert b"".join(open_stream(stored.sha256, start=5, length=10)) == data[5:15]
    assert b"".join(open_stream(stored.sha256, start=len(data) - 3)) == data[-3:]
    assert list(tmp_path.rglob("*.part")) == []


def test_damage_in_the_bucket_is_noticed_and_repaired(bucket):
    stored = store_stream([b"precious"], limit=100)
    bucket.Object(f"evidence/{blob_name(stored.sha256)}").put(Body=b"precioux")
    with pytest.raises(Damaged, match="were changed"):
        check_bytes(stored.sha256, stored.size)
    store_stream([b"precious"], limit=100)
    check_bytes(stored.sha256, stored.size)


def test_missing_objects_are_missing_at_once(bucket):
    with pytest.raises(FileNotFoundError):
        open_stream("0" * 64)
