import uuid

import pytest
from structlog.testing import capture_logs


@pytest.mark.parametrize("offered", ["0b9f7c3e-6a1d-4b1e-9a53-0a8a4d4a2a11", "trace.42_abcdefgh"])
def test_a_safe_name_is_kept(client, offered):
    assert client.get("/healthz", headers={"X-Request-ID": offered}).headers["X-Request-ID"] == offered


@pytest.mark.parametrize(
    "offered", ["", "short", "x" * 65, "two words here", "line\nbreak-1", "<script>1234", "naïve-12345"]
)
def test_an_unsafe_name_is_replaced(client, offered):
    answer = client.get("/healthz", headers={"X-Request-ID": offered})
    assert str(uuid.UUID(answer.headers["X-Request-ID"])) == answer.headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/nowhere/", "/static/nothing.css", "/api/schema/", "/admin/"])
def test_every_answer_has_one(client, db, path):
    assert uuid.UUID(client.get(path).headers["X-Request-ID"])


def test_two_requests_have_two(client):
    assert client.get("/healthz").headers["X-Request-ID"] != client.get("/healthz").headers["X-Request-ID"]


def test_the_log_line_of_a_request_carries_its_id_and_its_address(client):
    import structlog

    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines:
        answer = client.get("/healthz", REMOTE_ADDR="198.51.100.7", headers={"X-Forwarded-For": "203.0.113.9"})
    finished = next(line for line in lines if line["event"] == "request_finished")
    assert finished["request_id"] == answer.headers["X-Request-ID"]
    assert finished["ip"] == "198.51.100.7"
