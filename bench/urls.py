"""The portal's addresses and the yardstick of the downloads."""

import os
from pathlib import Path

from django.http import FileResponse
from django.urls import include, path


def bare(request):
    return FileResponse(Path(os.environ["BENCH_FILE"]).open("rb"))


urlpatterns = [path("bare", bare), path("", include("biolabs.urls"))]
