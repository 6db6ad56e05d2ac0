import re

import pytest

pytestmark = pytest.mark.django_db


def test_the_viewer_keeps_to_the_content_security_policy(client):
    answer = client.get("/api/docs/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "<style" not in page
    assert re.findall(r"<script(?![^>]*src=)", page) == []


def test_the_viewer_loads_nothing_from_elsewhere(client):
    page = client.get("/api/docs/").content.decode()
    addresses = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert len(addresses) >= 5
    assert [address for address in addresses if not address.startswith("/")] == []


def test_the_schema_describes_the_api_in_openapi_3_1(client):
    schema = client.get("/api/schema/", headers={"Accept": "application/json"}).json()
    assert schema["openapi"].startswith("3.1")
    assert "/api/experiment-console/sessions" in schema["paths"]
