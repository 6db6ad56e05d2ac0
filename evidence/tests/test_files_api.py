import hashlib
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Notification
from evidence.models import StoredFile
from evidence.storage import blob_name
from evidence.tests import factories
from evidence.tests.test_storage import files_in

URL = "/api/files"
BAD_BASE64 = (
    b'--x\r\nContent-Disposition: form-data; name="upload"; filename="a"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n!!!!\r\n--x--\r\n"
)


@pytest.fixture
def api(runner):
    return signed_in(runner)


def signed_in(user, **options):
    client = Client(raise_request_exception=True, **options)
    client.force_login(user)
    return client


def upload(name="plate3_raw.eds", data=b"raw data", content_type="application/octet-stream"):
    return SimpleUploadedFile(name, data, content_type)


def send(api, file=None, **fields):
    return api.post(URL, {"upload": file or upload(), **fields})


def test_a_file_is_stored_and_described(api, runner, execution, evidence_folder):
    response = send(api, execution_id=str(execution.pk))
    assert response.status_code == 201
    sha256 = hashlib.sha256(b"raw data").hexdigest()
    body = response.json()
    row = StoredFile.objects.get()
    assert {key: body[key] for key in ("id", "filename", "file_type", "file_size", "sha256", "execution_id")} == {
        "id": str(row.pk), "filename": "plate3_raw.eds", "file_type": "application/octet-stream", "file_size": 8,
        "sha256": sha256, "execution_id": str(execution.pk),
    }  # fmt: skip
    assert body["uploaded_by"] == {"id": str(runner.pk), "email": runner.email, "full_name": "Lea"}
    assert body["created_at"].endswith("Z")
    assert files_in(evidence_folder) == [blob_name(sha256)]
    assert api.get(f"{URL}/{row.pk}").json() == body


def test_a_file_needs_no_run_and_is_then_its_uploaders_alone(api, colleague):
    pk = send(api).json()["id"]
    assert api.get(f"{URL}/{pk}").status_code == 200
    assert signed_in(colleague).get(f"{URL}/{pk}").status_code == 404


def test_the_same_bytes_twice_are_two_files_and_one_blob(api, evidence_folder):
    send(api)
    send(api, upload(name="copy.eds"))
    assert StoredFile.objects.count() == 2
    assert len(files_in(evidence_folder)) == 1


def test_zero_bytes_are_refused_with_a_sentence(api, evidence_folder):
    response = send(api, upload(data=b""))
    assert response.status_code == 400
    assert "empty" in response.content.decode()
    assert StoredFile.objects.count() == 0
    assert files_in(evidence_folder) == []


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\boot.ini", "boot.ini"),
        ("gel\u202egpj.exe", "gelgpj.exe"),
        ("a\x00b.txt", "ab.txt"),
        ("📈 réactions.csv", "📈 réactions.csv"),
        ("x" * 400 + ".csv", "x" * 251 + ".csv"),
        ("<script>alert(1)</script>.svg", "script>.svg"),
    ],
)
def test_hostile_names_are_data(api, name, kept, evidence_folder):
    body = (
        b'--x\r\nContent-Disposition: form-data; name="upload"; filename="'
        + name.replace("\\", "\\\\").encode()
        + b'"\r\nContent-Type: image/svg+xml\r\n\r\ndata\r\n--x--\r\n'
    )
    response = api.generic("POST", URL, body, "multipart/form-data; boundary=x")
    assert response.status_code == 201
    assert response.json()["filename"] == kept
    assert len(files_in(evidence_folder)) == 1
    header = api.get(f"{URL}/{response.json()['id']}/download")["Content-Disposition"]
    assert header.startswith("attachment; filename")
    assert not set(header) & set("\r\n\x00\u202e/\\")


@pytest.mark.parametrize(
    ("declared", "kept", "served"),
    [
        ("text/csv; charset=utf-8", "text/csv", "text/csv"),
        ("TEXT/Plain", "text/plain", "text/plain"),
        ("image/svg+xml", "image/svg+xml", "application/octet-stream"),
        ("text/html", "text/html", "application/octet-stream"),
        ("nonsense", "application/octet-stream", "application/octet-stream"),
        ("a/" + "b" * 200, "application/octet-stream", "application/octet-stream"),
        ("", "application/octet-stream", "application/octet-stream"),
    ],
)
def test_a_declared_type_is_checked_and_never_runs(api, declared, kept, served):
    body = send(api, upload(content_type=declared)).json()
    assert body["file_type"] == kept
    download = api.get(f"{URL}/{body['id']}/download")
    assert download["Content-Type"] == served
    assert download["X-Content-Type-Options"] == "nosniff"
    assert download["Content-Disposition"].startswith("attachment")


def test_a_body_announced_too_large_is_refused_unread(api, settings, evidence_folder):
    settings.UPLOAD_MAX_BYTES = 1000
    response = api.post(URL, {"upload": upload(data=b"x" * 100_000)})
    assert response.status_code == 413
    assert StoredFile.objects.count() == 0
    assert not evidence_folder.exists()


def test_a_file_one_byte_too_large_is_refused_while_it_streams(api, settings, evidence_folder):
    settings.UPLOAD_MAX_BYTES = 1000
    assert send(api, upload(data=b"x" * 1001)).status_code == 413
    assert files_in(evidence_folder) == []
    assert send(api, upload(data=b"x" * 1000)).status_code == 201


def test_an_upload_that_broke_off_leaves_nothing(api, evidence_folder):
    body = b'--x\r\nContent-Disposition: form-data; name="upload"; filename="a.bin"\r\n\r\n' + b"y" * 200_000
    response = api.generic("POST", URL, body, "multipart/form-data; boundary=x")
    assert response.status_code == 400
    assert "broke off" in response.content.decode()
    assert StoredFile.objects.count() == 0
    assert files_in(evidence_folder) == []


def test_two_files_at_once_are_refused(api, evidence_folder):
    response = api.post(URL, {"upload": [upload(), upload(name="other")]})
    assert response.status_code == 400
    assert files_in(evidence_folder) == []


@pytest.mark.parametrize("fields", [{}, {"upload": "text"}, {"other": upload()}])
def test_without_a_file_nothing_is_stored(api, fields, evidence_folder):
    response = api.post(URL, fields)
    assert response.status_code == 400
    assert "Choose a file" in response.content.decode()
    assert StoredFile.objects.count() == 0


def test_a_further_file_under_another_name_is_read_past(api, evidence_folder):
    assert api.post(URL, {"upload": upload(), "other": upload(data=b"other")}).status_code == 201
    assert len(files_in(evidence_folder)) == 1


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data"),
        (b"", "multipart/form-data; boundary=x"),
        (BAD_BASE64, "multipart/form-data; boundary=x"),
        (b"{}", "application/json"),
    ],
)  # fmt: skip
def test_a_malformed_body_is_the_clients_fault(api, body, content_type, evidence_folder):
    assert 400 <= api.generic("POST", URL, body, content_type).status_code < 500
    assert StoredFile.objects.count() == 0


@pytest.mark.parametrize("reference", ["foreign", "unknown", "nonsense", "\x00"])
def test_another_teams_run_is_not_there(api, stranger, reference, evidence_folder):
    foreign = factories.run(stranger, team=stranger.teams.get())
    execution_id = {"foreign": str(foreign.pk), "unknown": str(uuid.uuid4())}.get(reference, reference)
    assert send(api, execution_id=execution_id).status_code == 404
    assert StoredFile.objects.count() == 0
    assert files_in(evidence_folder) == []


def test_who_only_sees_a_run_adds_nothing_to_it(execution, stranger, evidence_folder):
    execution.access.create(user=stranger, reason="may sign")
    api = signed_in(stranger)
    assert send(api, execution_id=str(execution.pk)).status_code == 403
    assert files_in(evidence_folder) == []


def test_a_stranger_finds_no_file(api, execution, stranger, colleague):
    pk = send(api, execution_id=str(execution.pk)).json()["id"]
    for path in (f"{URL}/{pk}", f"{URL}/{pk}/download", f"{URL}/{uuid.uuid4()}", f"{URL}/nonsense"):
        assert signed_in(stranger).get(path).status_code == 404
    assert signed_in(colleague).get(f"{URL}/{pk}/download").status_code == 200


def test_nobody_uploads_without_signing_in(db, evidence_folder):
    assert Client().post(URL, {"upload": upload()}).status_code == 401
    assert not evidence_folder.exists()


def test_a_session_needs_the_csrf_token(runner, evidence_folder):
    api = signed_in(runner, enforce_csrf_checks=True)
    assert send(api).status_code == 403
    assert files_in(evidence_folder) == []


def test_a_download_is_the_bytes_with_their_digest(api):
    pk = send(api).json()["id"]
    response = api.get(f"{URL}/{pk}/download")
    assert b"".join(response.streaming_content) == b"raw data"
    assert response["Content-Length"] == "8"
    assert response["ETag"] == f'"{hashlib.sha256(b"raw data").hexdigest()}"'
    assert response["Repr-Digest"].startswith("sha-256=:")


@pytest.mark.parametrize(
    ("asked", "status", "content", "content_range"),
    [
        ("bytes=0-3", 206, b"raw ", "bytes 0-3/8"),
        ("bytes=4-", 206, b"data", "bytes 4-7/8"),
        ("bytes=-2", 206, b"ta", "bytes 6-7/8"),
        ("bytes=-99", 206, b"raw data", "bytes 0-7/8"),
        ("bytes=6-99", 206, b"ta", "bytes 6-7/8"),
        ("bytes=8-", 416, b"", "bytes */8"),
        ("bytes=-0", 416, b"", "bytes */8"),
        ("bytes=3-1", 416, b"", "bytes */8"),
        ("bytes=0-1,3-4", 200, b"raw data", None),
        ("items=0-1", 200, b"raw data", None),
        ("bytes=-", 416, b"", "bytes */8"),
        ("bytes=" + "9" * 5000 + "-", 416, b"", "bytes */8"),
    ],
)
def test_ranges(api, asked, status, content, content_range):
    pk = send(api).json()["id"]
    response = api.get(f"{URL}/{pk}/download", headers={"Range": asked})
    assert response.status_code == status
    assert response.get("Content-Range") == content_range
    assert (b"".join(response.streaming_content) if response.streaming else response.content) == content


def test_a_range_of_another_version_answers_everything(api):
    pk = send(api).json()["id"]
    response = api.get(f"{URL}/{pk}/download", headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert response.status_code == 200


def test_a_known_version_is_not_sent_again(api):
    pk = send(api).json()["id"]
    etag = api.get(f"{URL}/{pk}/download")["ETag"]
    assert api.get(f"{URL}/{pk}/download", headers={"If-None-Match": etag}).status_code == 304


def test_a_head_request_carries_no_body(api):
    pk = send(api).json()["id"]
    response = api.head(f"{URL}/{pk}/download")
    assert (response.status_code, response["Content-Length"]) == (200, "8")


@pytest.mark.parametrize("damage", [b"RAW DATA", b"raw", None])
def test_damaged_bytes_are_never_served_and_operators_hear_once(api, evidence_folder, damage):
    operator = factories.person("Omar", is_admin=True)
    body = send(api).json()
    path = evidence_folder / blob_name(body["sha256"])
    path.chmod(0o600)
    path.unlink() if damage is None else path.write_bytes(damage)
    for _ in range(2):
        response = api.get(f"{URL}/{body['id']}/download")
        assert response.status_code == 409
        assert "not the ones that were uploaded" in response.content.decode()
    assert [notification.user for notification in Notification.objects.all()] == [operator]


def test_files_page_and_narrow_to_a_run(api, execution):
    for number in range(3):
        send(api, upload(name=f"{number}.csv"), execution_id=str(execution.pk))
    send(api, upload(name="loose.csv"))
    first = api.get(URL, {"limit": 2}).json()
    second = api.get(URL, {"limit": 2, "cursor": first["next_cursor"]}).json()
    assert [item["filename"] for item in first["items"] + second["items"]] == ["loose.csv", "2.csv", "1.csv", "0.csv"]
    assert second["next_cursor"] is None
    assert len(api.get(URL, {"execution_id": str(execution.pk)}).json()["items"]) == 3
    assert api.get(URL, {"execution_id": str(uuid.uuid4())}).status_code == 404


def test_thirty_files_take_as_many_queries_as_one(api, execution):
    counts = []
    for number in (1, 29):
        for each in range(number):
            send(api, upload(data=f"{number} {each}".encode()), execution_id=str(execution.pk))
        with CaptureQueriesContext(connection) as queries:
            assert len(api.get(URL).json()["items"]) in (1, 30)
        counts.append(len(queries))
    assert counts[0] == counts[1]
