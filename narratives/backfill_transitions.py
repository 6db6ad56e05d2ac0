"""Binding an export of older data to the snapshot of the template it names."""

from experiments.timeline import locked_timeline
from narratives.models import NarrativeExport
from narratives.transitions import log_binding


def bind_export(export_id, execution_id, template, snapshot, *, by):
    """Bind it unless somebody did meanwhile; answers whether this call did. What was signed stays as it is."""
    with locked_timeline(execution_id) as timeline:
        export = NarrativeExport.objects.only("execution", "version", "template_snapshot", "workflow_template").get(
            pk=export_id
        )
        if export.template_snapshot_id:
            return False
        export.template_snapshot, export.updated_at = snapshot, timeline.now
        export.workflow_template_id = export.workflow_template_id or template.pk
        export.save(update_fields=["template_snapshot", "workflow_template", "updated_at"])
        log_binding(export, snapshot, by)
    return True
