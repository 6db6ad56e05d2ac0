from django.db import models


class TemplateStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    PUBLISHED = "published", "Published"
    ARCHIVED = "archived", "Archived"


TEMPLATE_MOVES = {
    TemplateStatus.DRAFT: {TemplateStatus.PUBLISHED, TemplateStatus.ARCHIVED},
    TemplateStatus.PUBLISHED: {TemplateStatus.ARCHIVED},
    TemplateStatus.ARCHIVED: set(),
}


class AuditAction(models.TextChoices):
    """What the audit log of a template family names (api.md, "Timeline event types")."""

    CREATED = "template.created"
    UPDATED = "template.updated"
    PUBLISHED = "template.published"
    ARCHIVED = "template.archived"
    SNAPSHOT_CREATED = "template.snapshot.created"
    ASSIGNED = "template.assigned"
    UNASSIGNED = "template.unassigned"
    PREVIEW_GENERATED = "template.preview.generated"
    SNAPSHOT_BOUND = "export.snapshot.bound"


AUDIT_DETAILS = {
    AuditAction.CREATED: {"template_id", "version", "name", "forked_from_id", "stage_count"},
    AuditAction.UPDATED: {"template_id", "version", "changed"},
    AuditAction.PUBLISHED: {"template_id", "version", "snapshot_id", "digest"},
    AuditAction.ARCHIVED: {"template_id", "version", "from_status"},
    AuditAction.SNAPSHOT_CREATED: {"template_id", "version", "snapshot_id", "digest"},
    AuditAction.ASSIGNED: {"template_id", "version", "assignment_id", "team_id", "protocol_template_id"},
    AuditAction.UNASSIGNED: {"template_id", "version", "assignment_id", "team_id", "protocol_template_id"},
    AuditAction.PREVIEW_GENERATED: {"template_id", "snapshot_id", "execution_id", "stage_count", "override_count"},
    AuditAction.SNAPSHOT_BOUND: {"template_id", "snapshot_id", "execution_id", "export_id", "export_version"},
}
