"""An export that people approved, ready to be packaged, and what tests ask about it."""

import json
import zipfile
from datetime import timedelta

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts.models import User
from accounts.passwords import Authentication
from approvals.transitions import approve_stage, reset_stage
from evidence.transitions import create_notebook_entry, store_file
from experiments.models import ExecutionEvent
from narratives import packaging
from narratives.models import NarrativeExport, Package
from narratives.tests.conftest import record
from narratives.transitions import request_export


def file_of(lab, content=b"well;od\nA1;0.61\n", name="plate 3.csv"):
    return store_file(SimpleUploadedFile(name, content, "text/csv"), by=lab.jonas, execution=lab.execution)


def requested_export(lab, *, files=None):
    """An export with a piece of evidence of every kind; `files` are stored files."""
    record(lab, "analytics.snapshot", {"label": "Curve", "metrics": {"r2": "0.998"}})
    record(lab, "remediation.note", {"text": "Re-pipetted", "actions": ["repeat"]})
    entry = create_notebook_entry(
        by=lab.jonas, title="Master mix", content="# Mix\n\n96 reactions", execution=lab.execution
    )
    files = [file_of(lab)] if files is None else files
    events = {event.event_type: str(event.pk) for event in lab.execution.events.all()}
    attachments = [
        {"event_id": events["note.observation"], "label": "What was seen"},
        {"qc_event_id": events["qc.plate_read"]},
        {"analytics_event_id": events["analytics.snapshot"], "context": {"plate": 3}},
        {"remediation_event_id": events["remediation.note"]},
        {"notebook_entry_id": str(entry.pk)},
        *({"file_id": str(file.pk), "label": f"Plate ü {n}"} for n, file in enumerate(files)),
    ]
    return request_export(lab.execution.pk, by=lab.jonas, attachments=attachments, notes="For the audit")


def approve(export, *, by):
    stage = export.ladder.stages.get(status="in_progress")
    approve_stage(
        stage.pk,
        by=by,
        authentication=Authentication(method="password", at=timezone.now()),
        meaning="approved",
        expected_digest=export.content_digest,
    )


def approved_export(lab, **options):
    export = requested_export(lab, **options)
    approve(export, by=lab.lea)
    return NarrativeExport.objects.select_related("ladder").get(pk=export.pk)


def reset(export, *, by):
    reset_stage(export.ladder.stages.get().pk, by=by, notes="Once more")


def package_of(export):
    return Package.objects.filter(export=export).order_by("-cycle").first()


def packaged_export(lab, **options):
    export = approved_export(lab, **options)
    answer = packaging.package(str(package_of(export).pk))
    assert answer.startswith("ready"), answer
    return export


def dossier_path(export):
    return settings.STORAGES["dossiers"]["OPTIONS"]["location"] / package_of(export).storage_name


def unpacked(export, folder):
    """The dossier's folder, unpacked."""
    with zipfile.ZipFile(dossier_path(export)) as archive:
        archive.extractall(folder)
        return folder / archive.namelist()[0].split("/")[0]


def packaging_events(export):
    """Types of the packaging events, in sequence, without their common beginning."""
    prefix = "narrative_export.packaging."
    events = ExecutionEvent.objects.filter(execution_id=export.execution_id, event_type__startswith=prefix)
    return [event.event_type.removeprefix(prefix) for event in events.order_by("sequence")]


def last_event(export, event_type):
    return ExecutionEvent.objects.filter(execution_id=export.execution_id, event_type=event_type).last()


def let_time_pass(export, **columns):
    """Make the package's lease or next attempt lie in the past."""
    Package.objects.filter(export=export).update(**{name: timezone.now() - timedelta(seconds=1) for name in columns})


def system():
    return User.objects.system()


def golden(event, folder):
    """Compare an event's payload, its changing values named, with the golden file."""
    payload = {
        name: value if name in ("attempt", "version", "cycle", "reason", "found") else f"<{name}>"
        for name, value in event.payload.items()
    }
    text = json.dumps(payload, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    file = folder / f"{event.event_type}.json"
    if not file.exists():
        file.write_text(text, encoding="utf-8")
        raise AssertionError(f"{file.name} was missing; look at it and run again")
    assert text == file.read_text(encoding="utf-8")
