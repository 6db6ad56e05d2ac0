from django.db.models import Prefetch
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.scoping import NOT_THERE, uuid_or_404
from governance.api.serializers import (
    AssignmentInput,
    AssignmentSerializer,
    AuditSerializer,
    SnapshotSerializer,
    TemplateChange,
    TemplateInput,
    TemplateSerializer,
    WrittenTemplateSerializer,
)
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.differences import differences
from governance.enums import TemplateStatus
from governance.models import TemplateAssignment, TemplateAuditLog, TemplateSnapshot, TemplateStage, WorkflowTemplate
from governance.policies import check_can_manage_ladders
from governance.queries import names_in
from governance.scoping import visible_snapshots
from governance.transitions import (
    archive_template,
    change_template,
    create_template,
    ladder_definition,
    publish_template,
    stages_of,
)
from ledger.errors import Invalid
from portal.paging import CursorPaging

CREATE_FIELDS = {*TemplateInput().fields}
CHANGE_FIELDS = {*TemplateChange().fields}


def templates():
    return WorkflowTemplate.objects.select_related("family", "created_by", "published_by", "snapshot").prefetch_related(
        Prefetch("stages", TemplateStage.objects.order_by("position", "id"))
    )


def one_template(request, pk):
    """The template for who manages ladders. Http404 for unknown ids; NotAllowed for everybody else."""
    check_can_manage_ladders(request.user)
    template = templates().filter(pk=uuid_or_404(pk)).first()
    if template is None:
        raise Http404(NOT_THERE)
    return template


def written(template, code=status.HTTP_200_OK):
    """The answer to a write: the template as it is now, with its warnings."""
    return Response(WrittenTemplateSerializer(templates().get(pk=template.pk)).data, status=code)


def members(request, known):
    """The body as an object with known members only."""
    body = request.data
    if not isinstance(body, dict):
        raise Invalid("The body is a JSON object.", code="not_an_object")
    for key in sorted(map(str, set(body) - known)):
        raise Invalid.field(key[:60], f"{key[:60]} is not a member of this request.", "unknown_field")
    return dict(body)


class Templates(APIView):
    """Ladder templates: the latest of each key that is not archived, or all with `include_all=true`."""

    @extend_schema(
        responses=TemplateSerializer(many=True), parameters=[OpenApiParameter("include_all", bool, required=False)]
    )
    def get(self, request):
        check_can_manage_ladders(request.user)
        rows = templates()
        if request.query_params.get("include_all", "").lower() not in {"1", "true", "yes"}:
            rows = rows.filter(is_latest=True).exclude(status=TemplateStatus.ARCHIVED)
        return Response(TemplateSerializer(rows, many=True).data)

    @extend_schema(request=TemplateInput, responses={201: WrittenTemplateSerializer})
    def post(self, request):
        check_can_manage_ladders(request.user)
        given = members(request, CREATE_FIELDS)
        if not given.get("name"):
            raise Invalid.field("name", "A ladder needs a name.", "required")
        if not isinstance(given.get("publish", False), bool):
            raise Invalid.field("publish", "publish is true or false.")
        template = create_template(by=request.user, **given)
        return written(template, status.HTTP_201_CREATED)


class OneTemplate(APIView):
    """A template version; only a draft can change."""

    @extend_schema(responses=TemplateSerializer)
    def get(self, request, pk):
        return Response(TemplateSerializer(one_template(request, pk)).data)

    @extend_schema(request=TemplateChange, responses=WrittenTemplateSerializer)
    def patch(self, request, pk):
        template = one_template(request, pk)
        change_template(template, by=request.user, **members(request, CHANGE_FIELDS))
        return written(template)


class Publish(APIView):
    """Publish and freeze as a snapshot; idempotent."""

    @extend_schema(request=None, responses=WrittenTemplateSerializer)
    def post(self, request, pk):
        template = one_template(request, pk)
        publish_template(template, by=request.user)
        return written(template)


class Archive(APIView):
    @extend_schema(request=None, responses=TemplateSerializer)
    def post(self, request, pk):
        template = one_template(request, pk)
        archive_template(template, by=request.user)
        return Response(TemplateSerializer(templates().get(pk=template.pk)).data)


class Snapshots(ListAPIView):
    """Published snapshots of the template's family that the caller may see."""

    serializer_class = SnapshotSerializer
    pagination_class = CursorPaging
    page_order = "-captured_at"
    filter_backends = []

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return TemplateSnapshot.objects.none()
        visible = visible_snapshots(self.request.user)
        family = visible.filter(template_id=uuid_or_404(self.kwargs["pk"])).values("template__family_id")
        rows = visible.filter(template__family_id__in=family)
        if not rows.exists():
            one_template(self.request, self.kwargs["pk"])
        return rows.select_related("captured_by", "template")


class Audit(ListAPIView):
    """The audit log of the template's family, oldest first."""

    serializer_class = AuditSerializer
    pagination_class = CursorPaging
    page_order = "sequence"
    filter_backends = []

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return TemplateAuditLog.objects.none()
        template = one_template(self.request, self.kwargs["pk"])
        return TemplateAuditLog.objects.filter(family=template.family).select_related("actor")


class Diff(APIView):
    """What changed from the version `against` to this one, in words."""

    @extend_schema(
        parameters=[OpenApiParameter("against", str, required=True)],
        responses=OpenApiTypes.OBJECT,
    )
    def get(self, request, pk):
        after = one_template(request, pk)
        against = request.query_params.get("against")
        if not against:
            raise Invalid.field("against", "Name the version to compare with.", "required")
        before = one_template(request, against)
        old, new = (ladder_definition(row, stages_of(row)) for row in (before, after))
        found = differences(old, new, names_in([*old["stages"], *new["stages"]]))
        return Response({"template_id": str(after.pk), "against": str(before.pk), "differences": found})


class Assignments(APIView):
    """Where the template's family applies now: an assignment made with an earlier version follows the newest."""

    @extend_schema(responses=AssignmentSerializer(many=True))
    def get(self, request, pk):
        template = one_template(request, pk)
        rows = TemplateAssignment.objects.filter(template__family=template.family, revoked_at__isnull=True)
        rows = rows.select_related("assigned_by")
        return Response(AssignmentSerializer(rows, many=True).data)

    @extend_schema(request=AssignmentInput, responses={201: AssignmentSerializer})
    def post(self, request, pk):
        template = one_template(request, pk)
        given = members(request, {"team_id", "protocol_template_id", "metadata"})
        assignment = assign_template(
            template,
            by=request.user,
            team_id=given.get("team_id"),
            protocol_id=given.get("protocol_template_id"),
            metadata=given.get("metadata"),
        )
        return Response(AssignmentSerializer(assignment).data, status=status.HTTP_201_CREATED)


class OneAssignment(APIView):
    @extend_schema(responses={204: None})
    def delete(self, request, pk):
        check_can_manage_ladders(request.user)
        assignment = TemplateAssignment.objects.select_related("template").filter(pk=uuid_or_404(pk)).first()
        if assignment is None:
            raise Http404(NOT_THERE)
        revoke_assignment(assignment, by=request.user)
        return Response(status=status.HTTP_204_NO_CONTENT)
