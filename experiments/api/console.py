"""The experiment console: sessions, their steps, their timeline."""

from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import idempotent
from accounts.scoping import uuid_or_404, visible_or_404
from experiments import queries, transitions
from experiments.api import serializers
from experiments.api.stock import members
from experiments.models import Execution, Protocol
from ledger.errors import Invalid
from portal.paging import CursorPaging, page_of
from portal.parsing import StrictJSONParser
from portal.text import clean_text

START_FIELDS = ("title", "parameters", "inventory_item_ids", "booking_ids", "equipment_ids")
SESSION = serializers.SessionSerializer
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="The same key, caller and body answers the first result again; another body is 409.",
)


def session_answer(request, pk, status=200):
    execution = visible_or_404(queries.runs(), request.user, pk)
    return Response(serializers.sessions_json([execution], request.user, timezone.now())[0], status=status)


class Sessions(ListAPIView):
    """Sessions the caller may see, newest first."""

    serializer_class = SESSION
    pagination_class = CursorPaging
    parser_classes = [StrictJSONParser]
    filter_backends = []
    page_order = "-created_at"

    def get_queryset(self):
        return queries.runs().visible_to(self.request.user)

    def list(self, request, *args, **kwargs):
        rows = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(serializers.sessions_json(rows, request.user, timezone.now()))

    @extend_schema(request=serializers.SessionInput, responses={201: SESSION})
    def post(self, request):
        given = members(request.data, START_FIELDS, required=("template_id",))
        with_notebook = request.data.get("auto_create_notebook", True)
        if not isinstance(with_notebook, bool):
            raise Invalid.field("auto_create_notebook", "Say true or false.")
        execution = transitions.start_execution(
            protocol_named(request.user, request.data["template_id"]),
            by=request.user,
            openings=("notebook",) if with_notebook else (),
            **given,
        )
        return session_answer(request, execution.pk, status=201)


def protocol_named(user, value):
    """The protocol a body names; foreign, unknown and malformed ones are the same validation error."""
    try:
        return visible_or_404(Protocol.objects, user, value)
    except Http404:
        raise Invalid.field("template_id", "There is no such protocol, or you may not see it.", "not_found") from None


class OneSession(APIView):
    @extend_schema(responses=SESSION)
    def get(self, request, execution_id):
        return session_answer(request, execution_id)


class StepView(APIView):
    parser_classes = [StrictJSONParser]

    def find(self, request, execution_id):
        """The run's id, seen by the caller."""
        return visible_or_404(Execution.objects, request.user, execution_id).pk


class Step(StepView):
    @extend_schema(request=serializers.StepInput, responses=SESSION)
    def post(self, request, execution_id, index):
        """Move a step; 409 `step_blocked` says what blocks it and what to do."""
        pk = self.find(request, execution_id)
        given = members(request.data, ("started_at", "completed_at"), required=("status",))
        transitions.move_step(pk, index, by=request.user, to=_status(request.data["status"]), **given)
        return session_answer(request, pk)


def _status(value):
    return clean_text(value, "status", 20)


class Advance(StepView):
    @extend_schema(request=None, responses=SESSION)
    def post(self, request, execution_id, index):
        """Move a step to what comes next: pending, in progress, completed."""
        pk = self.find(request, execution_id)
        transitions.advance_step(pk, index, by=request.user)
        return session_answer(request, pk)


class Remediate(StepView):
    @extend_schema(request=serializers.RemediationInput, responses=serializers.RemediationAnswer)
    def post(self, request, execution_id, index):
        """Carry out remedies of a step; each has its own result."""
        pk = self.find(request, execution_id)
        given = members(request.data, ("actions", "auto"))
        results = transitions.remediate_step(pk, index, by=request.user, **given)
        return Response({"results": results, "session": session_answer(request, pk).data})


class Timeline(APIView):
    @extend_schema(
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT, description="At most 200; 50 when not given."),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="The `next_cursor` of the page before."),
            OpenApiParameter("event_type", OpenApiTypes.STR, description="A type, or a family such as `qc.*`."),
        ],
        responses=serializers.TimelineAnswer,
    )
    def get(self, request, execution_id):
        """A run's events, oldest first."""
        execution = visible_or_404(Execution.objects, request.user, execution_id)
        kind = clean_text(request.GET.get("event_type"), "event_type", 100, required=False)
        page = page_of(queries.timeline(execution, kind), request, order="sequence")
        return Response(page.answer(serializers.events_json(page.items), key="events"))


class Events(APIView):
    parser_classes = [StrictJSONParser]

    @extend_schema(
        parameters=[IDEMPOTENCY_KEY],
        request=serializers.EventsInput,
        responses={201: serializers.EventsAnswer},
    )
    def post(self, request, execution_id):
        """Append 1 to 1,000 events of the families note, instrument, qc, analytics and remediation."""
        pk = visible_or_404(Execution.objects, request.user, uuid_or_404(execution_id)).pk
        batch = members(request.data, ("events",), required=("events",))["events"]
        key = request.headers.get("Idempotency-Key")
        with idempotent(user=request.user, key=key, path=request.path, body=request.data) as once:
            if once.answer is None:
                transitions.append_events(
                    pk,
                    batch,
                    by=request.user,
                    written=lambda rows: once.store(201, {"events": serializers.events_json(rows)}),
                )
        return once.response()
