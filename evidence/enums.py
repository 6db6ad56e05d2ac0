from django.db import models


class EvidenceType(models.TextChoices):
    """The six kinds (api.md)."""

    TIMELINE_EVENT = "timeline_event", "Timeline event"
    FILE = "file", "File"
    NOTEBOOK_ENTRY = "notebook_entry", "Notebook entry"
    ANALYTICS_SNAPSHOT = "analytics_snapshot", "Analytics snapshot"
    QC_METRIC = "qc_metric", "QC metric"
    REMEDIATION_REPORT = "remediation_report", "Remediation report"
