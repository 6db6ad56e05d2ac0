"""Exports as an older version left them: rows made by hand in SQL, past models and transitions."""

import json
import uuid

from django.db import connection

from narratives.models import NarrativeExport
from narratives.transitions import request_export

OLD_BLUEPRINT = '{"stages": [{"required_role": "approver"}]}'


def older_export(lab, *, template_id=None, metadata=None, blueprint=OLD_BLUEPRINT):
    """The id of an export without a snapshot; its ladder is a copy of a real one's with `blueprint`."""
    pattern = NarrativeExport.objects.order_by("version").first() or request_export(lab.execution.pk, by=lab.jonas)
    version = NarrativeExport.objects.order_by("-version").values_list("version", flat=True)[0] + 1
    ladder = _copy("approvals_approvalladder", pattern.ladder_id, blueprint_text=blueprint)
    return _copy(
        "narratives_narrativeexport",
        pattern.pk,
        version=version,
        ladder_id=_value(ladder),
        workflow_template_id=_value(template_id),
        metadata=json.dumps({} if metadata is None else metadata),
    )


def _copy(table, pk, **changes):
    made = uuid.uuid4()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} WHERE id = %s", [_value(pk)])
        names = [column[0] for column in cursor.description]
        row = dict(zip(names, cursor.fetchone(), strict=True)) | {"id": _value(made)} | changes
        marks = ", ".join(["%s"] * len(row))
        cursor.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", list(row.values()))
    return made


def _value(given):
    if given is None or connection.vendor == "postgresql":
        return given
    return given.hex


def name_template(export_id, template_id):
    with connection.cursor() as cursor:
        values = [_value(template_id), _value(export_id)]
        cursor.execute("UPDATE narratives_narrativeexport SET workflow_template_id = %s WHERE id = %s", values)
