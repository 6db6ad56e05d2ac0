"""Out of office over the API: one's own, those one stands in for, and everybody's for administrators."""

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.absences import stand_in_warning, state_of, with_people
from accounts.api.serializers import StrictSerializer, UserBriefSerializer
from accounts.api.views import checked
from accounts.models import Absence
from accounts.scoping import visible_or_404
from accounts.transitions_absence import cancel_absence, set_absence
from portal.paging import CursorPaging

STATES = ("cancelled", "past", "present", "coming")


class ZonedDateTimeField(serializers.DateTimeField):
    """A moment with its time zone; without one it is refused, because nobody knows whose nine o'clock it is."""

    default_error_messages = {"no_time_zone": "Give the time with its time zone, for example 2026-05-12T08:00:00Z."}

    def enforce_timezone(self, value):
        if timezone.is_naive(value):
            self.fail("no_time_zone")
        return super().enforce_timezone(value)


class AbsenceSerializer(serializers.ModelSerializer):
    user = UserBriefSerializer()
    stand_in = UserBriefSerializer(allow_null=True)
    team_id = serializers.UUIDField(allow_null=True)
    created_by = UserBriefSerializer()
    cancelled_by = UserBriefSerializer(allow_null=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = Absence
        fields = [
            "id", "user", "stand_in", "starts_at", "ends_at", "role", "team_id", "note", "state",
            "created_at", "created_by", "cancelled_at", "cancelled_by",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(STATES))
    def get_state(self, absence):
        return state_of(absence, self.context.get("now") or timezone.now())


class NewAbsenceSerializer(AbsenceSerializer):
    """`warnings` are sentences, for example that the stand-in is away too."""

    warnings = serializers.SerializerMethodField()

    class Meta(AbsenceSerializer.Meta):
        fields = [*AbsenceSerializer.Meta.fields, "warnings"]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_warnings(self, absence):
        return [warning for warning in [stand_in_warning(absence)] if warning]


class AbsenceInput(StrictSerializer):
    user_id = serializers.UUIDField(required=False, help_text="Administrators only; without it, the caller.")
    starts_at = ZonedDateTimeField()
    ends_at = ZonedDateTimeField()
    stand_in_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    role = serializers.CharField(max_length=50, required=False, allow_blank=True, default="")
    team_id = serializers.UUIDField(required=False, allow_null=True, default=None)
    note = serializers.CharField(max_length=200, required=False, allow_blank=True, default="")


class Absences(ListAPIView):
    """Absences the caller may see, the latest first; POST enters one."""

    serializer_class = AbsenceSerializer
    pagination_class = CursorPaging
    page_order = "-starts_at"
    filter_backends = []

    def get_queryset(self):
        return with_people(Absence.objects.visible_to(self.request.user))

    @extend_schema(request=AbsenceInput, responses={201: NewAbsenceSerializer})
    def post(self, request):
        given = dict(checked(AbsenceInput, request))
        absence = set_absence(given.pop("user_id", request.user.pk), by=request.user, **given)
        return Response(NewAbsenceSerializer(absence).data, status=status.HTTP_201_CREATED)


class OneAbsence(APIView):
    """One absence; DELETE cancels it, or ends it early. The row stays."""

    @extend_schema(responses=AbsenceSerializer)
    def get(self, request, pk):
        return Response(AbsenceSerializer(self._absence(request, pk)).data)

    @extend_schema(responses={204: None})
    def delete(self, request, pk):
        cancel_absence(self._absence(request, pk).pk, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _absence(self, request, pk):
        return visible_or_404(with_people(Absence.objects.all()), request.user, pk)
