import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import RequestFactory

from accounts.models import Team, User
from ledger.errors import Invalid
from portal.paging import CursorPaging, Page, limit_of, page_after, page_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def asked(**params):
    return RequestFactory().get("/", params)


def walk(queryset, order, limit):
    """Every row, page by page, and how many pages it took."""
    found, cursor, pages = [], "", 0
    while cursor is not None:
        page = page_after(queryset, order=order, cursor=cursor, limit=limit)
        found += page.items
        cursor, pages = page.next_cursor, pages + 1
    return found, pages


@pytest.fixture
def teams():
    # Ties in what is ordered by: three teams share each moment.
    return [
        Team.objects.create(name=f"Team {number:02}", created_at=NOW + timedelta(microseconds=number // 3))
        for number in range(10)
    ]


@pytest.mark.parametrize("order", ["created_at", "-created_at", "name", "-name", "pk", "-pk"])
@pytest.mark.parametrize("limit", [1, 3, 4, 10, 11])
def test_every_row_comes_once_and_in_order(teams, order, limit):
    found, pages = walk(Team.objects.all(), order, limit)
    sign, name = ("-", order[1:]) if order[0] == "-" else ("", order)
    assert found == list(Team.objects.order_by(order, f"{sign}pk"))
    assert len(found) == 10
    assert pages == -(-10 // limit)
    assert name  # the same in both directions


def test_rows_that_come_or_go_between_pages_move_no_other(teams):
    first = page_after(Team.objects.all(), order="-created_at", limit=4)
    Team.objects.create(name="Newest", created_at=NOW + timedelta(days=1))
    first.items[0].delete()
    second = page_after(Team.objects.all(), order="-created_at", limit=10, cursor=first.next_cursor)
    expected = [team for team in Team.objects.order_by("-created_at", "-pk") if team not in first.items]
    assert second.items == [team for team in expected if team.name != "Newest"]


@pytest.mark.parametrize("rows", [1, 30])
def test_a_page_is_one_query_however_many_rows(rows, django_assert_num_queries):
    Team.objects.bulk_create(Team(name=f"T{number}", created_at=NOW) for number in range(rows))
    with django_assert_num_queries(1):
        page_after(Team.objects.all(), order="-created_at", limit=50)
    cursor = page_after(Team.objects.all(), order="-created_at", limit=1).next_cursor
    with django_assert_num_queries(1):
        page_after(Team.objects.all(), order="-created_at", limit=50, cursor=cursor or "")


def test_paging_follows_a_relation():
    team = Team.objects.create(name="Assay")
    for number in range(3):
        user = User.objects.create(email=f"u{number}@example.org", full_name=f"User {number}")
        team.memberships.create(user=user)
    memberships = team.memberships.select_related("user")
    found, _ = walk(memberships, "-user__full_name", 2)
    assert [membership.user.full_name for membership in found] == ["User 2", "User 1", "User 0"]


@pytest.mark.parametrize(
    ("limit", "size"), [(None, 50), ("", 50), ("1", 1), ("200", 200), ("201", 200), ("999999999", 200)]
)
def test_a_limit_is_50_and_at_most_200(limit, size):
    assert limit_of({} if limit is None else {"limit": limit}) == size


@pytest.mark.parametrize("limit", ["0", "-1", "1.5", "x", "1e3", "٣", "9" * 5000, "\x00", " 1"])
def test_a_limit_that_is_no_whole_number_is_refused(limit):
    with pytest.raises(Invalid) as caught:
        limit_of({"limit": limit})
    assert caught.value.errors[0]["field"] == "limit"


def made_of(*parts):
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


KEY = "7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90"
MALFORMED = [
    "x",
    "====",
    "é",
    "\x00",
    "\ud800",
    "a" * 5000,
    base64.urlsafe_b64encode(b"\xff\xfe").decode(),
    base64.urlsafe_b64encode(b"null").decode(),
    base64.urlsafe_b64encode(b"[" * 1000).decode(),
    made_of(),
    made_of("-created_at"),
    made_of("-created_at", NOW.isoformat()),
    made_of("-created_at", NOW.isoformat(), KEY, "more"),
    made_of("created_at", NOW.isoformat(), KEY),
    made_of("-name", "x", KEY),
    made_of("-created_at", "yesterday", KEY),
    made_of("-created_at", "", KEY),
    made_of("-created_at", "2026-11-23T12:00:00", KEY),
    made_of("-created_at", "0001-01-01T00:00:00+23:59", KEY),
    made_of("-created_at", "9999-12-31T23:59:59-23:59", KEY),
    made_of("-created_at", NOW.isoformat(), "not-a-uuid"),
    made_of("-created_at", 5, KEY),
    made_of("-created_at", None, None),
    made_of("-created_at", {}, []),
]


@pytest.mark.parametrize("cursor", MALFORMED)
def test_a_cursor_that_was_not_made_here_is_refused(cursor):
    with pytest.raises(Invalid) as caught:
        page_after(Team.objects.all(), order="-created_at", cursor=cursor)
    assert (caught.value.status, caught.value.errors[0]["field"]) == (400, "cursor")


@pytest.mark.parametrize("name", ["a\x00b", "\ud800"])
def test_a_cursor_cannot_carry_text_the_database_refuses(name):
    with pytest.raises(Invalid):
        page_after(Team.objects.all(), order="name", cursor=made_of("name", name, KEY))


def test_a_cursor_cannot_carry_a_number_the_database_refuses():
    rows = User.objects.all().model.groups.through.objects.all()  # a model with an integer key
    for number in (2**63, -(2**63) - 1, 10**400):
        with pytest.raises(Invalid):
            page_after(rows, order="pk", cursor=made_of("pk", str(number), "1"))


def test_a_request_says_how_many_and_from_where(teams):
    page = page_of(Team.objects.all(), asked(limit="4"), order="name")
    assert [team.name for team in page] == ["Team 00", "Team 01", "Team 02", "Team 03"]
    rest = page_of(Team.objects.all(), asked(limit="100", cursor=page.next_cursor), order="name")
    assert (len(rest), rest.next_cursor, rest.cursor) == (6, None, page.next_cursor)


def test_an_answer_has_the_key_that_the_contract_names():
    assert Page(["row"], "next").answer([{"id": 1}]) == {"items": [{"id": 1}], "next_cursor": "next"}
    assert Page(["row"]).answer([{"id": 1}], "events") == {"events": [{"id": 1}], "next_cursor": None}


def test_the_paging_of_api_views_uses_the_view_order_and_its_own_key(teams):
    class EventsPaging(CursorPaging):
        items_key = "events"

    class View:
        page_order = "-name"

    class ApiRequest:
        _request = asked(limit="2")

    paging = EventsPaging()
    rows = paging.paginate_queryset(Team.objects.all(), ApiRequest(), View())
    answer = paging.get_paginated_response([row.name for row in rows]).data
    assert answer["events"] == ["Team 09", "Team 08"]
    assert set(answer) == {"events", "next_cursor"}
    assert paging.get_paginated_response_schema({})["required"] == ["events", "next_cursor"]
    assert [one["name"] for one in paging.get_schema_operation_parameters(View())] == ["limit", "cursor"]
