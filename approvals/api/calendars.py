"""Working calendars of teams over HTTP: read by who sees the team, changed by compliance administrators."""

from datetime import UTC

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api.serializers import StrictSerializer, UserBriefSerializer
from accounts.api.views import checked
from accounts.scoping import not_there, uuid_or_404
from approvals import sla
from approvals.calendars import (
    DAYS,
    FIRST,
    LATEST_START,
    MOST_DAYS_OFF,
    MOST_WINDOWS,
    NAME_LENGTH,
    TOO_FAR,
    calendar_of,
    teams_seen,
)
from approvals.ics import MOST_BYTES, days_off_in
from approvals.models import WorkingCalendar
from approvals.transitions_calendar import (
    NEW,
    add_days_off,
    check_can_manage_calendars,
    set_calendar,
    switch_off_calendar,
)
from governance.blueprint import MAX_SLA_HOURS
from ledger.errors import Invalid
from portal.parsing import ShortListField


class WindowField(ShortListField):
    """`["09:00", "17:30"]`."""

    child = serializers.CharField(max_length=5)

    def __init__(self, **options):
        super().__init__(**{"max_length": 10, **options})


class HoursSerializer(StrictSerializer):
    """Windows of each day of the week; a day left out is one on which nobody works."""

    def get_fields(self):
        return {day: ShortListField(child=WindowField(), max_length=MOST_WINDOWS, required=False) for day in DAYS}


class DayOffSerializer(StrictSerializer):
    date = serializers.CharField(max_length=10, help_text="2026-12-24")
    name = serializers.CharField(max_length=NAME_LENGTH, allow_blank=True, required=False, default="")


class CalendarInput(StrictSerializer):
    time_zone = serializers.CharField(max_length=64, help_text="An IANA name, for example Europe/Berlin.")
    hours = HoursSerializer(help_text="In the team's time zone.")
    country = serializers.CharField(
        max_length=2, allow_blank=True, required=False, default="", help_text="Its public holidays are days off."
    )
    subdivision = serializers.CharField(max_length=10, allow_blank=True, required=False, default="")
    days_off = DayOffSerializer(many=True, required=False, max_length=MOST_DAYS_OFF)
    is_active = serializers.BooleanField(required=False, default=True)
    updated_at = serializers.DateTimeField(
        required=False, allow_null=True, help_text="The one you read; a calendar changed meanwhile is 409 `stale`."
    )


class CalendarSerializer(serializers.ModelSerializer):
    team_id = serializers.UUIDField(read_only=True)
    hours = HoursSerializer(read_only=True)
    days_off = DayOffSerializer(many=True, read_only=True)
    updated_by = UserBriefSerializer(read_only=True, allow_null=True)

    class Meta:
        model = WorkingCalendar
        fields = ["team_id", "is_active", "time_zone", "hours", "country", "subdivision", "days_off"]
        fields += ["updated_at", "updated_by"]
        read_only_fields = fields


class DaysOffInput(serializers.Serializer):
    upload = serializers.FileField(help_text=f"An iCalendar file of whole days, {MOST_BYTES // 1024} KiB at most.")


class DueInput(StrictSerializer):
    hours = serializers.IntegerField(min_value=1, max_value=MAX_SLA_HOURS)
    starts_at = serializers.DateTimeField(required=False)

    def validate_starts_at(self, moment):
        if not FIRST <= moment.date() <= LATEST_START:
            raise serializers.ValidationError(TOO_FAR, code="range")
        return moment


class DueSerializer(serializers.Serializer):
    hours = serializers.IntegerField()
    starts_at = serializers.DateTimeField()
    due_at = serializers.DateTimeField()
    words = serializers.CharField(help_text="The arithmetic; empty where hours of the clock count.")


def team_or_404(request, team_id):
    team = teams_seen(request.user).filter(pk=uuid_or_404(team_id)).first()
    if team is None:
        raise not_there()
    return team


def calendar_or_404(team):
    row = WorkingCalendar.objects.select_related("updated_by").filter(team=team).first()
    if row is None:
        raise not_there()
    return row


class TeamCalendar(APIView):
    """When a team works. A team without a calendar is 404; hours of the clock count for it."""

    @extend_schema(responses=CalendarSerializer)
    def get(self, request, team_id):
        return Response(CalendarSerializer(calendar_or_404(team_or_404(request, team_id))).data)

    @extend_schema(request=CalendarInput, responses={200: CalendarSerializer, 201: CalendarSerializer})
    def put(self, request, team_id):
        """Make the calendar, or replace it; stages that start from now on count it."""
        team = team_or_404(request, team_id)
        check_can_manage_calendars(request.user)
        given = dict(checked(CalendarInput, request))
        is_new = not WorkingCalendar.objects.filter(team=team).exists()
        seen = NEW if is_new else given.pop("updated_at", None)
        given.pop("updated_at", None)
        row = set_calendar(team.pk, by=request.user, **given, expected_updated_at=seen)
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(CalendarSerializer(row).data, status=code)

    @extend_schema(responses={204: None})
    def delete(self, request, team_id):
        """Switch the calendar off: hours of the clock count. It stays, and `PUT` switches it on again."""
        team = team_or_404(request, team_id)
        check_can_manage_calendars(request.user)
        switch_off_calendar(calendar_or_404(team).team_id, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)


class TeamDaysOff(APIView):
    """Add the whole days of an iCalendar file to the days off of a team that has a calendar."""

    parser_classes = [MultiPartParser]

    @extend_schema(request={"multipart/form-data": DaysOffInput}, responses=CalendarSerializer)
    def post(self, request, team_id):
        team = team_or_404(request, team_id)
        check_can_manage_calendars(request.user)
        calendar_or_404(team)
        days_off = _days_off(checked(DaysOffInput, request)["upload"])
        return Response(CalendarSerializer(add_days_off(team.pk, by=request.user, days_off=days_off)).data)


def _days_off(file):
    try:
        return days_off_in(file.read(MOST_BYTES + 1), today=timezone.now().date())
    except Invalid as refusal:
        raise Invalid.field("upload", refusal.sentence, refusal.code) from refusal


class TeamDueDate(APIView):
    """When a stage of so many hours would be due, by the team's calendar or by the clock."""

    @extend_schema(
        parameters=[
            OpenApiParameter("hours", int, required=True, description=f"1 to {MAX_SLA_HOURS}."),
            OpenApiParameter("starts_at", {"type": "string", "format": "date-time"}, description="Now by default."),
        ],
        responses=DueSerializer,
    )
    def get(self, request, team_id):
        team = team_or_404(request, team_id)
        serializer = DueInput(data=request.query_params.dict())
        serializer.is_valid(raise_exception=True)
        hours = serializer.validated_data["hours"]
        starts_at = serializer.validated_data.get("starts_at", timezone.now()).astimezone(UTC)
        found = sla.deadline(starts_at, hours, calendar_of(team.pk))
        answer = {"hours": hours, "starts_at": starts_at, "due_at": found.due_at, "words": found.words}
        return Response(DueSerializer(answer).data)
