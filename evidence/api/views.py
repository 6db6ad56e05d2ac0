"""Notebook, files and evidence discovery over HTTP."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView
from rest_framework.parsers import MultiPartParser
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.scoping import visible_or_404
from evidence.api.serializers import (
    EntryChange,
    EntryInput,
    EvidencePageSerializer,
    FileInput,
    NotebookEntrySerializer,
    NotebookRevisionSerializer,
    StoredFileSerializer,
)
from evidence.catalog import discover
from evidence.downloads import file_response
from evidence.enums import EvidenceType
from evidence.models import NotebookEntry, StoredFile
from evidence.transitions import create_notebook_entry, edit_notebook_entry, store_file
from evidence.uploads import check_announced_size, receive, received_file
from experiments.models import Execution
from ledger.errors import Invalid
from portal.paging import CursorPaging, limit_of

DATA_DOMAINS = (EvidenceType.ANALYTICS_SNAPSHOT, EvidenceType.QC_METRIC, EvidenceType.REMEDIATION_REPORT)
OF_RUN = OpenApiParameter("execution_id", OpenApiTypes.UUID, description="Only what belongs to this run.")
SEARCHED_RUN = OpenApiParameter("execution_id", OpenApiTypes.UUID, required=True)
PAGED = [
    OpenApiParameter("q", OpenApiTypes.STR, description="Searches names, titles, texts and payloads."),
    OpenApiParameter("limit", OpenApiTypes.INT),
    OpenApiParameter("cursor", OpenApiTypes.STR),
]


def named_execution(user, execution_id):
    """The run that a body or filter names, or None when it names none; Http404 for one the caller does not see."""
    if execution_id in (None, ""):
        return None
    return visible_or_404(Execution.objects.select_related("protocol"), user, execution_id)


def checked(serializer_class, data):
    serializer = serializer_class(data=data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


class OfRun(ListAPIView):
    """Lists what the caller sees, of one run when `execution_id` names it."""

    pagination_class = CursorPaging
    page_order = "-created_at"
    filter_backends = []

    def get_queryset(self):
        if getattr(self, "swagger_fake_view", False):
            return self.rows.none()
        rows = self.rows.visible_to(self.request.user)
        execution = named_execution(self.request.user, self.request.query_params.get("execution_id"))
        return rows if execution is None else rows.filter(execution=execution)


class Entries(OfRun):
    """Notebook entries, newest first; a new entry is Markdown, alone or of a run."""

    serializer_class = NotebookEntrySerializer
    rows = NotebookEntry.objects.select_related("created_by")

    @extend_schema(parameters=[OF_RUN])
    def get(self, request):
        return super().get(request)

    @extend_schema(request=EntryInput, responses={201: NotebookEntrySerializer})
    def post(self, request):
        given = dict(checked(EntryInput, request.data))
        execution = named_execution(request.user, given.pop("execution_id"))
        entry = create_notebook_entry(by=request.user, execution=execution, **given)
        return Response(NotebookEntrySerializer(entry).data, status=status.HTTP_201_CREATED)


class OneEntry(APIView):
    """One entry. A change writes the next revision; the ones before stay."""

    @extend_schema(responses=NotebookEntrySerializer)
    def get(self, request, pk):
        return Response(NotebookEntrySerializer(self._entry(request, pk)).data)

    @extend_schema(request=EntryChange, responses=NotebookEntrySerializer)
    def patch(self, request, pk):
        entry = self._entry(request, pk)
        given = checked(EntryChange, request.data)
        entry = edit_notebook_entry(
            entry,
            by=request.user,
            title=given.get("title", entry.title),
            content=given.get("content", entry.content),
            expected_revision=given.get("revision", entry.revision),
        )
        return Response(NotebookEntrySerializer(entry).data)

    def _entry(self, request, pk):
        return visible_or_404(NotebookEntry.objects.select_related("created_by"), request.user, pk)


class Revisions(ListAPIView):
    """Every revision of an entry, newest first, with who wrote it."""

    serializer_class = NotebookRevisionSerializer
    pagination_class = CursorPaging
    page_order = "-number"
    filter_backends = []

    def get_queryset(self):
        entry = visible_or_404(NotebookEntry.objects.all(), self.request.user, self.kwargs["pk"])
        return entry.revisions.select_related("edited_by")


class Files(OfRun):
    """Uploaded files, newest first; send one as multipart field `upload`."""

    serializer_class = StoredFileSerializer
    rows = StoredFile.objects.select_related("uploaded_by")
    parser_classes = [MultiPartParser]

    def dispatch(self, request, *args, **kwargs):
        # Before anything reads the body: the CSRF check of a session does.
        self.receiving = receive(request)
        try:
            return super().dispatch(request, *args, **kwargs)
        finally:
            self.receiving.discard()

    def initial(self, request, *args, **kwargs):
        check_announced_size(request)
        super().initial(request, *args, **kwargs)

    @extend_schema(parameters=[OF_RUN])
    def get(self, request):
        return super().get(request)

    @extend_schema(request={"multipart/form-data": FileInput}, responses={201: StoredFileSerializer})
    def post(self, request):
        upload = received_file(request.FILES, self.receiving)
        execution = named_execution(request.user, request.POST.get("execution_id"))
        file = store_file(upload, by=request.user, execution=execution)
        return Response(StoredFileSerializer(file).data, status=status.HTTP_201_CREATED)


class OneFile(APIView):
    """What is known of a file."""

    @extend_schema(responses=StoredFileSerializer)
    def get(self, request, pk):
        file = visible_or_404(StoredFile.objects.select_related("uploaded_by"), request.user, pk)
        return Response(StoredFileSerializer(file).data)


class Download(APIView):
    """The bytes, verified before the first one leaves, as an attachment; one range at a time."""

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    def get(self, request, pk):
        return file_response(request, visible_or_404(StoredFile.objects.all(), request.user, pk))


class Evidence(APIView):
    """What of a run could be attached to an export, newest first."""

    kinds = tuple(EvidenceType.values)
    parameter = "type"

    @extend_schema(
        parameters=[SEARCHED_RUN, OpenApiParameter("type", enum=EvidenceType.values), *PAGED],
        responses=EvidencePageSerializer,
    )
    def get(self, request):
        params = request.query_params
        execution = named_execution(request.user, params.get("execution_id"))
        if execution is None:
            raise Invalid.field("execution_id", "Name the run whose evidence you want.", "required")
        page = discover(
            execution,
            kinds=self.wanted(params),
            q=params.get("q", ""),
            cursor=params.get("cursor"),
            limit=limit_of(params),
        )
        return Response(page.answer(page.items))

    def wanted(self, params):
        named = [kind for kind in params.getlist(self.parameter) if kind]
        for kind in named:
            if kind not in self.kinds:
                raise Invalid.field(self.parameter, f"This must be one of {', '.join(self.kinds)}.", "unknown_type")
        return named or list(self.kinds)


class NotebookEvidence(Evidence):
    """The notebook entries of a run that could be attached."""

    kinds = (EvidenceType.NOTEBOOK_ENTRY.value,)

    @extend_schema(parameters=[SEARCHED_RUN, *PAGED], responses=EvidencePageSerializer)
    def get(self, request):
        return super().get(request)


class DataEvidence(Evidence):
    """The analytics, QC and remediation events of a run that could be attached."""

    kinds = tuple(domain.value for domain in DATA_DOMAINS)
    parameter = "domain"

    @extend_schema(
        parameters=[SEARCHED_RUN, OpenApiParameter("domain", enum=kinds), *PAGED], responses=EvidencePageSerializer
    )
    def get(self, request):
        return super().get(request)
