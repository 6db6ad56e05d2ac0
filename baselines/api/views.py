"""Baselines over HTTP (api.md, "Governance")."""

import uuid

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import idempotent
from accounts.scoping import visible_or_404
from baselines.api.serializers import (
    BaselineSerializer,
    PublishInput,
    ResubmissionInput,
    ReviewInput,
    RollbackInput,
    SubmissionInput,
)
from baselines.enums import BaselineStatus
from baselines.models import Baseline
from baselines.queries import baseline_or_404, with_details
from baselines.transitions import (
    publish_baseline,
    resubmit_baseline,
    review_baseline,
    roll_back_baseline,
    submit_baseline,
)
from experiments.models import Execution
from ledger.errors import Invalid
from portal.paging import CursorPaging

TAGS = ["Baselines"]
IDEMPOTENCY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="Answers a repeat alike.")


def members(request, serializer):
    """The body as an object with known members only."""
    body = {} if request.data in (None, "") else request.data
    if not isinstance(body, dict):
        raise Invalid("The body is a JSON object.", code="not_an_object")
    for key in sorted(map(str, set(body) - set(serializer().fields))):
        raise Invalid.field(key[:60], f"{key[:60]} is not a member of this request.", "unknown_field")
    return dict(body)


def baseline_json(pk):
    return BaselineSerializer(with_details(Baseline.objects.all()).get(pk=pk)).data


def visible(request, pk):
    """The id of a baseline the caller sees. Raises Http404."""
    return visible_or_404(Baseline.objects.only("pk"), request.user, pk).pk


class Baselines(ListAPIView):
    """Baselines the caller sees, newest first."""

    serializer_class = BaselineSerializer
    pagination_class = CursorPaging
    page_order = "-created_at"
    filter_backends = []

    @extend_schema(
        tags=TAGS,
        parameters=[
            OpenApiParameter("execution_id", OpenApiTypes.UUID, description="Only of this run."),
            OpenApiParameter("template_id", OpenApiTypes.UUID, description="Only of this protocol."),
            OpenApiParameter("status", str, enum=BaselineStatus.values),
        ],
    )
    def get(self, request):
        return super().get(request)

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return Baseline.objects.none()
        rows = Baseline.objects.visible_to(self.request.user)
        for field, column in (("execution_id", "execution"), ("template_id", "protocol")):
            if wanted := self.request.query_params.get(field):
                rows = rows.filter(**{column: _identifier(wanted, field)})
        if status := self.request.query_params.get("status"):
            if status not in BaselineStatus.values:
                raise Invalid.field("status", f"A status is {', '.join(BaselineStatus.values)}.", "invalid_choice")
            rows = rows.filter(status=status)
        return with_details(rows)


def _identifier(value, field):
    try:
        return uuid.UUID(value)
    except ValueError:
        raise Invalid.field(field, "This is no identifier.") from None


class Submissions(APIView):
    """Put a run forward as its protocol's standard; who sees the run may."""

    @extend_schema(tags=TAGS, parameters=[IDEMPOTENCY], request=SubmissionInput, responses={201: BaselineSerializer})
    def post(self, request):
        key = request.headers.get("Idempotency-Key")
        with idempotent(user=request.user, key=key, path=request.path, body=request.data) as once:
            if once.answer is None:
                given = members(request, SubmissionInput)
                execution_id = given.pop("execution_id", None)
                if not execution_id:
                    raise Invalid.field("execution_id", "Name the run.", "required")
                execution = visible_or_404(Execution.objects.all(), request.user, execution_id)
                submit_baseline(
                    execution.pk,
                    by=request.user,
                    written=lambda baseline: once.store(201, baseline_json(baseline.pk)),
                    **{"name": None, **given},
                )
        return once.response()


class OneBaseline(APIView):
    @extend_schema(tags=TAGS, responses=BaselineSerializer)
    def get(self, request, pk):
        return Response(BaselineSerializer(baseline_or_404(request.user, pk)).data)


class Review(APIView):
    """Approve or reject; for its reviewers and administrators, never who submitted it."""

    @extend_schema(tags=TAGS, request=ReviewInput, responses=BaselineSerializer)
    def post(self, request, pk):
        pk, given = visible(request, pk), members(request, ReviewInput)
        review_baseline(pk, by=request.user, **{"decision": None, **given})
        return Response(baseline_json(pk))


class Publish(APIView):
    """Make an approved baseline the protocol's next version and its current one; reviewers and administrators."""

    @extend_schema(tags=TAGS, request=PublishInput, responses=BaselineSerializer)
    def post(self, request, pk):
        pk, given = visible(request, pk), members(request, PublishInput)
        publish_baseline(pk, by=request.user, notes=given.get("notes"))
        return Response(baseline_json(pk))


class Rollback(APIView):
    """Take a published version back; administrators. Answers the version that was rolled back."""

    @extend_schema(tags=TAGS, request=RollbackInput, responses=BaselineSerializer)
    def post(self, request, pk):
        pk, given = visible(request, pk), members(request, RollbackInput)
        target = given.get("target_version_id")
        roll_back_baseline(pk, by=request.user, reason=given.get("reason"), target_id=target)
        return Response(baseline_json(pk))


class Resubmit(APIView):
    """Submit a rejected baseline again; who submitted it. What is left out stays as it is."""

    @extend_schema(tags=TAGS, request=ResubmissionInput, responses=BaselineSerializer)
    def post(self, request, pk):
        pk, given = visible(request, pk), members(request, ResubmissionInput)
        resubmit_baseline(pk, by=request.user, **given)
        return Response(baseline_json(pk))
