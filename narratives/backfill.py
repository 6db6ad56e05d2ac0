"""Exports of older data that name a template and no snapshot: which they are, what they name, what they get."""

import json
from dataclasses import dataclass
from uuid import UUID

from django.db.models import Q

from governance.models import TemplateSnapshot, WorkflowTemplate
from governance.queries import newest_snapshot
from narratives.backfill_transitions import bind_export
from narratives.models import NarrativeExport

BATCH = 200
MISSING_TEMPLATE, MISSING_SNAPSHOT = "missing_template", "missing_snapshot"
# The names that a template goes by in metadata and in blueprints.
ID_KEYS = ("workflow_template_id", "template_id")
KEY_KEYS = ("workflow_template_key", "template_key")
VERSION_KEYS = ("workflow_template_version", "template_version")
SNAPSHOT_KEYS = ("workflow_template_snapshot_id", "template_snapshot_id", "snapshot_id")


@dataclass(frozen=True)
class Named:
    """What an export says about its template; texts as found, `""` for what it does not say."""

    template_id: str = ""
    key: str = ""
    version: str = ""
    snapshot_id: str = ""

    def __bool__(self):
        return bool(self.template_id or self.key or self.snapshot_id)


@dataclass(frozen=True)
class Finding:
    """One export of the backfill: bound, or the anomaly that stands in the way."""

    export_id: UUID
    execution_id: UUID
    named: Named
    bound: bool = False
    anomaly: str = ""


def unbound_exports():
    """Exports without a snapshot that may name a template; `what_it_names` decides."""
    texts = (f'"{key}":{space}"' for key in ("template_key", "template_id") for space in ("", " "))
    names = Q(workflow_template__isnull=False) | Q(metadata__has_any_keys=[*ID_KEYS, *KEY_KEYS, *SNAPSHOT_KEYS])
    for text in texts:
        names |= Q(ladder__blueprint_text__contains=text)
    return NarrativeExport.objects.filter(names, template_snapshot__isnull=True)


def backfill(*, by, dry_run=False):
    """Bind every export that can be bound, one short transaction each; yields lists of Findings, batch by batch."""
    last = None
    while batch := list(_after(last)):
        yield [finding for row in batch if (finding := _treat(*row, by=by, dry_run=dry_run))]
        last = batch[-1][0]


def _after(last):
    rows = unbound_exports() if last is None else unbound_exports().filter(pk__gt=last)
    return rows.order_by("pk").values_list("pk", "execution_id", "workflow_template_id")[:BATCH]


def _treat(export_id, execution_id, template_id, *, by, dry_run):
    named = Named(template_id=str(template_id)) if template_id else what_it_names(export_id)
    if not named:
        return None
    template, snapshot = resolve(named)
    anomaly = "" if snapshot else MISSING_SNAPSHOT if template else MISSING_TEMPLATE
    bound = bool(snapshot) and (dry_run or bind_export(export_id, execution_id, template, snapshot, by=by))
    return Finding(export_id, execution_id, named, bound, anomaly)


def what_it_names(export_id):
    """From the ladder's blueprint; metadata counts only where the blueprint does not tell its source.

    A blueprint that tells its source is ours: beside an ad-hoc ladder, metadata is a requester's note and no binding.
    """
    found = NarrativeExport.objects.values_list("metadata", "ladder__blueprint_text").get(pk=export_id)
    metadata, blueprint = found[0], _members(found[1])
    named = _named(blueprint)
    return named if named or blueprint.get("source") else _named(metadata)


def _named(members):
    members = members if isinstance(members, dict) else {}
    return Named(*(_first(members, keys) for keys in (ID_KEYS, KEY_KEYS, VERSION_KEYS, SNAPSHOT_KEYS)))


def _first(members, keys):
    return next((str(members[key]) for key in keys if isinstance(members.get(key), str | int) and members[key]), "")


def _members(text):
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def resolve(named):
    """(template, snapshot): the template's own snapshot, else its family's newest; None for what is not there."""
    snapshots = TemplateSnapshot.objects.select_related("template__family")
    snapshot = _by_id(snapshots, named.snapshot_id)
    template = snapshot.template if snapshot else _template(named)
    if template is None:
        return None, None
    snapshot = snapshot or snapshots.filter(template=template).first() or newest_snapshot(template.family_id)
    if snapshot is None:  # every published version was archived since
        snapshot = snapshots.filter(template__family=template.family_id).order_by("-template__version").first()
    return template, snapshot


def _template(named):
    templates = WorkflowTemplate.objects.select_related("family")
    found = _by_id(templates, named.template_id)
    if found or not named.key or "\x00" in named.key:
        return found
    versions = templates.filter(family__template_key=named.key).order_by("-version")
    if named.version.isascii() and named.version.isdigit() and len(named.version) < 10:
        return versions.filter(version=int(named.version)).first()
    newest = versions.first()
    current = newest_snapshot(newest.family_id) if newest else None
    return current.template if current else newest


def _by_id(rows, given):
    try:
        return rows.filter(pk=UUID(given)).first()
    except ValueError:
        return None
