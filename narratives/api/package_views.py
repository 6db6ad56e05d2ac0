"""The artifact, the legal hold and the queue's telemetry over HTTP (api.md, "Narrative exports")."""

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from narratives.api.serializers import ExportSerializer, StrictSerializer
from narratives.api.views import export_json
from narratives.artifact import MEDIA_TYPE, artifact_response
from narratives.enums import PackageStatus
from narratives.models import NarrativeExport
from narratives.package_queries import SHOWN, packages_for, telemetry
from narratives.package_transitions import set_legal_hold
from narratives.queries import export_or_404

TAGS = ["Narrative exports"]
RANGE = OpenApiParameter("Range", str, OpenApiParameter.HEADER, description="One range of bytes.")


class LegalHoldSerializer(StrictSerializer):
    held = serializers.BooleanField()
    reason = serializers.CharField(max_length=2000)


class ArtifactView(APIView):
    """The dossier."""

    @extend_schema(
        tags=TAGS,
        parameters=[RANGE],
        responses={(200, MEDIA_TYPE): OpenApiTypes.BINARY, (206, MEDIA_TYPE): OpenApiTypes.BINARY},
    )
    def get(self, request, execution_id, export_id):
        exports = NarrativeExport.objects.defer("content").prefetch_related("packages")
        return artifact_response(
            export_or_404(request.user, export_id, execution_id=execution_id, queryset=exports), request
        )


class LegalHoldView(APIView):
    """A held export never expires."""

    @extend_schema(tags=TAGS, request=LegalHoldSerializer, responses=ExportSerializer)
    def post(self, request, execution_id, export_id):
        export = export_or_404(
            request.user, export_id, execution_id=execution_id, queryset=NarrativeExport.objects.defer("content")
        )
        body = LegalHoldSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        set_legal_hold(export.pk, by=request.user, **body.validated_data)
        return Response(export_json(export.pk))


class JobsView(APIView):
    """How the packaging queue stands; operators see all of it, others the runs they see."""

    @extend_schema(
        tags=TAGS,
        responses=inline_serializer(
            "PackagingTelemetry",
            {
                "queue": inline_serializer(
                    "PackagingQueue",
                    {name: serializers.IntegerField() for name in ("active", "scheduled", "reserved")},
                ),
                "status_counts": inline_serializer(
                    "PackagingStatusCounts", {PackageStatus(name).value: serializers.IntegerField() for name in SHOWN}
                ),
                "oldest_queued_seconds": serializers.IntegerField(allow_null=True),
                "last_failure_at": serializers.DateTimeField(allow_null=True),
            },
        ),
    )
    def get(self, request):
        told = telemetry(packages_for(request.user), now=timezone.now())
        failed_at = told["last_failure_at"]
        told["last_failure_at"] = serializers.DateTimeField().to_representation(failed_at) if failed_at else None
        return Response(told)
