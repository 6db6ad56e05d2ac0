"""What a load balancer asks: is the process alive, and may it get work?"""

import os
import tempfile
from pathlib import Path

from django.conf import settings
from django.core.files.storage import storages
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from approvals import keys
from biolabs import heartbeat
from ledger import triggers


@require_safe
@never_cache
def alive(request):
    return JsonResponse({"status": "alive"})


@require_safe
@never_cache
def ready(request):
    """200 when requests can be served, else 503, with a sentence per check. Queue and signing never make it 503."""
    checks = {}
    for name, check in CHECKS.items():
        try:
            checks[name] = check() or "ok"
        except Exception as error:
            # The reason stays in the log: a driver's message may name hosts and accounts.
            checks[name] = f"failed ({type(error).__name__})"
    healthy = all(answer == "ok" for answer in checks.values())
    body = {"status": "ready" if healthy else "not ready", "checks": checks}
    body |= {"queue": _queue(), "signing": _signing()}
    return JsonResponse(body, status=200 if healthy else 503)


def _database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations():
    executor = MigrationExecutor(connection)
    waiting = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return f"{len(waiting)} waiting: run manage.py migrate" if waiting else None


def _append_only():
    absent = triggers.missing(connection)
    return f"triggers missing: {', '.join(sorted(absent))}" if absent else None


def _storage():
    if settings.S3_BUCKET:
        for name in ("evidence", "dossiers"):
            storages[name].bucket.meta.client.head_bucket(Bucket=settings.S3_BUCKET)
        return
    for name in ("evidence", "dossiers"):
        folder = Path(storages[name].location)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".readyz-") as probe:
            probe.write(b"ready")
            probe.flush()
            os.fsync(probe.fileno())


def _queue():
    """The worker's last sign of life. Web servers stay in service without it: jobs wait, nothing is lost."""
    try:
        beat = heartbeat.last_beat()
    except Exception as error:
        return {"status": f"unknown ({type(error).__name__})", "last_heartbeat": None}
    if beat is None:
        return {"status": "never seen", "last_heartbeat": None}
    age = (timezone.now() - beat).total_seconds()
    status = "ok" if age < heartbeat.STALE_AFTER_SECONDS else "stale"
    return {"status": status, "last_heartbeat": beat.isoformat(timespec="seconds").replace("+00:00", "Z")}


def _signing():
    """Whether people can sign here, and the key's public fingerprint. Everybody reads on without it."""
    try:
        key = keys.current_if_any()
        status = "ok" if key else "the key file is missing" if keys.is_lost() else "no key yet"
    except Exception as error:
        return {"status": f"failed ({type(error).__name__})", "key": None}
    return {"status": status, "key": key.fingerprint if key else None}


CHECKS = {"database": _database, "migrations": _migrations, "append_only": _append_only, "storage": _storage}
