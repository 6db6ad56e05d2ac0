"""What every problem document has."""

import json

from portal.problems import MEDIA_TYPE

MEMBERS = {"type", "title", "status", "detail", "code", "errors"}


def document(response):
    """The problem document, checked for its shape."""
    assert response["Content-Type"] == MEDIA_TYPE
    found = json.loads(response.content)
    assert set(found) >= MEMBERS
    assert found["status"] == response.status_code
    assert all(set(error) == {"field", "code", "detail"} for error in found["errors"])
    response.content.decode("ascii")
    return found
