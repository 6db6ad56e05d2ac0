"""Exports over HTTP: request, read, compare, sign, delegate, reset (api.md, "Narrative exports")."""

from functools import partial

from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.idempotency import idempotent
from accounts.passwords import check_password_again
from approvals.api.serializers import ActionSerializer
from approvals.enums import Meaning
from approvals.transitions import approve_stage, delegate_stage, reject_stage, reset_stage
from approvals.transitions_claim import claim_stage, release_stage
from governance.blueprint import DEFAULT_LADDER, ad_hoc_ladder
from ledger.errors import Invalid, TransitionDenied
from narratives.api.serializers import (
    AttachmentSerializer,
    ClaimSerializer,
    DecisionSerializer,
    DelegationSerializer,
    ExportRequestSerializer,
    ExportSerializer,
    ResetSerializer,
)
from narratives.differences import evidence_diff, narrative_diff
from narratives.models import NarrativeExport
from narratives.queries import current_stage, execution_or_404, export_or_404, stage_or_404, with_details
from narratives.since_signed import SIGNED, happened_since, ladder_differences, last_signed, signed_version
from narratives.transitions import create_export, draft_export
from portal.paging import page_of

TAGS = ["Narrative exports"]
IDEMPOTENCY = OpenApiParameter("Idempotency-Key", str, OpenApiParameter.HEADER, description="Answers a repeat alike.")


def export_json(pk):
    return ExportSerializer(with_details(NarrativeExport.objects.all()).get(pk=pk)).data


def ladder_asked_for(body):
    """The members of a request that say which ladder, as `draft_export` takes them."""
    stages = body.get("approval_stages")
    return {
        "blueprint": DEFAULT_LADDER if stages is None else ad_hoc_ladder(stages),
        "snapshot_id": body.get("workflow_template_snapshot_id"),
        "template_id": body.get("workflow_template_id"),
    }


class ExportsView(APIView):
    """A run's exports."""

    @extend_schema(
        operation_id="narrative_exports_list",
        tags=TAGS,
        parameters=[OpenApiParameter("summary", bool, description="Leave `content` and `actions` out.")],
        responses=inline_serializer(
            "NarrativeExports",
            {"exports": ExportSerializer(many=True), "next_cursor": serializers.CharField(allow_null=True)},
        ),
    )
    def get(self, request, execution_id):
        execution = execution_or_404(request.user, execution_id)
        summary = request.query_params.get("summary", "").lower() in ("true", "1", "yes")
        exports = with_details(NarrativeExport.objects.filter(execution=execution))
        if summary:
            exports = exports.defer("content")
        page = page_of(exports, request, order="-version")
        rows = ExportSerializer(page.items, many=True, context={"summary": summary}).data
        return Response(page.answer(rows, key="exports"))

    @extend_schema(
        tags=TAGS, parameters=[IDEMPOTENCY], request=ExportRequestSerializer, responses={201: ExportSerializer}
    )
    def post(self, request, execution_id):
        execution = execution_or_404(request.user, execution_id)
        key = request.headers.get("Idempotency-Key")
        with idempotent(user=request.user, key=key, path=request.path, body=request.data) as once:
            if once.answer is None:
                body = ExportRequestSerializer(data=request.data)
                body.is_valid(raise_exception=True)
                # Rendering happens before the lock is taken; only the writing is in the transaction.
                draft = draft_export(
                    execution.pk,
                    by=request.user,
                    attachments=body.validated_data["attachments"],
                    notes=body.validated_data["notes"],
                    metadata=body.validated_data.get("metadata"),
                    **ladder_asked_for(body.validated_data),
                )
                create_export(draft, by=request.user, written=lambda export: once.store(201, export_json(export.pk)))
        return once.response()


class ExportView(APIView):
    @extend_schema(tags=TAGS, responses=ExportSerializer)
    def get(self, request, execution_id, export_id):
        exports = with_details(NarrativeExport.objects.all())
        export = export_or_404(request.user, export_id, execution_id=execution_id, queryset=exports)
        return Response(ExportSerializer(export).data)


class ExportDiffView(APIView):
    @extend_schema(
        tags=TAGS,
        parameters=[
            OpenApiParameter(
                "against",
                str,
                required=True,
                description="The other export of the same run, or `signed`: the version the caller signed last.",
            )
        ],
        responses=inline_serializer(
            "NarrativeDiff",
            {
                "export_id": serializers.UUIDField(),
                "against": serializers.UUIDField(),
                "version": serializers.IntegerField(),
                "against_version": serializers.IntegerField(),
                "diff": serializers.CharField(help_text="Unified diff of the narratives."),
                "evidence": serializers.DictField(),
                "ladder": serializers.ListField(child=serializers.CharField(), help_text="What differs, in words."),
                "signed_at": serializers.DateTimeField(allow_null=True, help_text="With `against=signed`."),
                "actions_since": ActionSerializer(many=True, help_text="With `against=signed`: acts on the ladder."),
            },
        ),
    )
    def get(self, request, execution_id, export_id):
        exports = NarrativeExport.objects.select_related("ladder")
        export = export_or_404(request.user, export_id, execution_id=execution_id, queryset=exports)
        against = request.query_params.get("against")
        if not against:
            raise Invalid.field("against", "Name the export to compare with.", "required")
        if against == SIGNED:
            return Response(since_signed_json(request.user, export))
        other = export_or_404(request.user, against, execution_id=execution_id, queryset=exports)
        return Response(diff_json(other, export))


def since_signed_json(user, export):
    """From what the caller signed last. Raises TransitionDenied where they signed nothing before."""
    signature = last_signed(user, export)
    if signature is None:
        raise TransitionDenied(
            "You have not signed an earlier version or cycle of this run's narrative.", code="nothing_signed"
        )
    since = happened_since(signature, export).select_related("actor", "signature")
    return {
        **diff_json(signed_version(signature), export),
        "signed_at": signature.created_at,
        "actions_since": ActionSerializer(since, many=True).data,
    }


def diff_json(old, new):
    """From `old` to `new`."""
    lines = narrative_diff(
        old.content, new.content, old_name=f"version {old.version}", new_name=f"version {new.version}"
    )
    evidence = evidence_diff(*(export.attachments.select_related("evidence") for export in (old, new)))
    return {
        "export_id": str(new.pk),
        "against": str(old.pk),
        "version": new.version,
        "against_version": old.version,
        "diff": "\n".join(lines) + "\n" if lines else "",
        "evidence": {
            "added": AttachmentSerializer(evidence["added"], many=True).data,
            "removed": AttachmentSerializer(evidence["removed"], many=True).data,
            "changed": [
                {"before": AttachmentSerializer(before).data, "after": AttachmentSerializer(after).data}
                for before, after in evidence["changed"]
            ],
        },
        "ladder": ladder_differences(old, new),
        "signed_at": None,
        "actions_since": [],
    }


class ApproveView(APIView):
    """Sign or reject a stage. The password travels in the body: a token or a session alone never signs.

    Who has a second factor also sends its `code`; without it the answer is 403 `second_factor_required`.
    """

    @extend_schema(tags=TAGS, request=DecisionSerializer, responses=ExportSerializer)
    def post(self, request, execution_id, export_id):
        export = export_or_404(request.user, export_id, execution_id=execution_id, queryset=_for_signing())
        body = DecisionSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        decision = body.validated_data
        stage_id = stage_to_decide(export, decision["stage_id"])
        rejected = decision["status"] == "rejected"
        authentication = check_password_again(
            request.user, decision["password"], request_meta=request.META, code=decision["code"]
        )
        verb = reject_stage if rejected else approve_stage
        verb(
            stage_id,
            by=request.user,
            authentication=authentication,
            meaning=Meaning.REJECTED if rejected else decision["meaning"],
            expected_digest=decision["content_digest"] or export.content_digest,
            notes=decision["notes"],
            signature_text=decision["signature"],
            metadata=decision["metadata"],
            expected_cycle=decision["cycle"],
        )
        return Response(export_json(export.pk))


def _for_signing():
    return NarrativeExport.objects.select_related("ladder").defer("content").prefetch_related("ladder__stages")


def stage_to_decide(export, stage_id):
    """The stage named, of this ladder, else the one in progress. Raises TransitionDenied, Http404."""
    if stage_id is not None:
        return stage_or_404(export, stage_id)
    stage = current_stage(export.ladder.stages.all())
    if stage is None:
        raise TransitionDenied(
            f"No stage of this export is in progress: it is {export.ladder.get_status_display().lower()}.",
            code="stage_not_in_progress",
        )
    return stage.pk


class DelegateView(APIView):
    @extend_schema(tags=TAGS, request=DelegationSerializer, responses=ExportSerializer)
    def post(self, request, execution_id, export_id, stage_id):
        export = export_or_404(request.user, export_id, execution_id=execution_id, queryset=_for_signing())
        stage_id = stage_or_404(export, stage_id)
        body = DelegationSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        delegate_stage(
            stage_id,
            by=request.user,
            delegate_id=body.validated_data["delegate_id"],
            notes=body.validated_data["notes"],
            due_at=body.validated_data["due_at"],
            metadata=body.validated_data["metadata"],
        )
        return Response(export_json(export.pk))


class ResetView(APIView):
    @extend_schema(tags=TAGS, request=ResetSerializer, responses=ExportSerializer)
    def post(self, request, execution_id, export_id, stage_id):
        export = export_or_404(request.user, export_id, execution_id=execution_id, queryset=_for_signing())
        stage_id = stage_or_404(export, stage_id)
        body = ResetSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        reset_stage(
            stage_id,
            by=request.user,
            notes=body.validated_data["notes"],
            metadata=body.validated_data["metadata"],
        )
        return Response(export_json(export.pk))


class ClaimView(APIView):
    """Claim a stage that names nobody, or take it over; `DELETE` gives it back."""

    @extend_schema(tags=TAGS, request=ClaimSerializer, responses=ExportSerializer)
    def post(self, request, execution_id, export_id, stage_id):
        body = ClaimSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        verb = partial(claim_stage, **body.validated_data)
        return self._turn(request, execution_id, export_id, stage_id, verb)

    @extend_schema(tags=TAGS, request=None, responses={200: ExportSerializer})
    def delete(self, request, execution_id, export_id, stage_id):
        return self._turn(request, execution_id, export_id, stage_id, release_stage)

    def _turn(self, request, execution_id, export_id, stage_id, verb):
        export = export_or_404(request.user, export_id, execution_id=execution_id, queryset=_for_signing())
        verb(stage_or_404(export, stage_id), by=request.user)
        return Response(export_json(export.pk))
