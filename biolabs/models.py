import uuid

from django.db import models


class Worker(models.Model):
    """A `manage.py worker`, as it tells of itself every few seconds (`biolabs.workers`); gone when it stops."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    beat_at = models.DateTimeField(null=True, blank=True)
    restarts = models.PositiveIntegerField(default=0)
    restarted_because = models.CharField(max_length=200, blank=True)
    jobs = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ["host", "started_at", "id"]

    def __str__(self):
        return f"{self.host}, process {self.pid}"
