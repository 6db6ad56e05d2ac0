"""The files of a run: upload and list; download of one."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.scoping import visible_or_404
from evidence.downloads import file_response
from evidence.forms import UploadForm
from evidence.models import StoredFile
from evidence.policies import check_can_add, why_not_add
from evidence.transitions import store_file
from evidence.uploads import check_announced_size, receive, received_file
from evidence.views import seen_execution
from ledger.errors import Refusal
from portal.paging import page_of
from portal.problems import problem_for, show_refusal, wants_fragment

FILES_PER_PAGE = 50


@csrf_exempt  # the check reads the body, so it runs once the upload handler is in place
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def execution_files(request, execution_id):
    execution = seen_execution(request.user, execution_id)
    if request.method != "POST":
        return _files(request, execution, UploadForm())
    check_can_add(request.user, execution)
    check_announced_size(request)
    receiving = receive(request)
    try:
        return _upload(request, execution, receiving)
    finally:
        receiving.discard()


@csrf_protect
def _upload(request, execution, receiving):
    try:
        file = store_file(received_file(request.FILES, receiving), by=request.user, execution=execution)
    except Refusal as refusal:
        if wants_fragment(request):
            return render(request, "portal/_problem.html", {"problem": problem_for(refusal)}, status=refusal.status)
        form = UploadForm({})
        return _files(request, execution, form, status=show_refusal(form, refusal))
    if wants_fragment(request):
        return render(request, "evidence/_file.html", {"file": file, "fresh": True}, status=201)
    messages.success(request, "The file is stored.")
    return redirect("execution_files", execution_id=execution.pk)


def _files(request, execution, form, status=200):
    files = StoredFile.objects.filter(execution=execution)
    context = {
        "execution": execution,
        "tab": "files",
        "form": form,
        "limit": settings.UPLOAD_MAX_BYTES,
        "page": page_of(files, request, order="-created_at", limit=FILES_PER_PAGE),
        "why_not_add": why_not_add(request.user, execution),
    }
    return render(request, "evidence/execution_files.html", context, status=status)


@login_required
@require_safe
def file_download(request, pk):
    return file_response(request, visible_or_404(StoredFile.objects.all(), request.user, pk))
