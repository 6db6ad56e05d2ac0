"""`/metrics` for Prometheus: what the database knows, so that every web process of every host gives the same answer.

There is no such page until `METRICS_TOKEN` is set; whoever asks sends it as a bearer token.
"""

from django.conf import settings
from django.http import Http404, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from django_q.models import OrmQ
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from accounts.scoping import NOT_THERE
from approvals.enums import StageStatus
from approvals.models import ApprovalStage
from biolabs import schedules, workers
from narratives.models import Package
from narratives.package_queries import damaged, telemetry


@require_safe
@never_cache
def metrics(request):
    """The figures as text. 404 while there is no token, 401 for a wrong one."""
    if not settings.METRICS_TOKEN:
        raise Http404(NOT_THERE)
    if not constant_time_compare(request.headers.get("Authorization", ""), f"Bearer {settings.METRICS_TOKEN}"):
        refused = "Send the METRICS_TOKEN of this portal as a bearer token.\n"
        headers = {"WWW-Authenticate": 'Bearer realm="BioLabs metrics"'}
        return HttpResponse(refused, status=401, content_type="text/plain", headers=headers)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Figures(timezone.now()))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class Figures:
    """Collects every figure, in a constant number of queries."""

    def __init__(self, now):
        self.now = now

    def collect(self):
        """The families Prometheus reads."""
        yield from self._packaging()
        yield from self._queue()
        open_stages = ApprovalStage.objects.filter(status=StageStatus.IN_PROGRESS)
        yield _one("stages_open", "Approval stages that wait for a signature", open_stages.count())
        late = open_stages.filter(due_at__lt=self.now).count()
        yield _one("stages_overdue", "Approval stages past their due time", late)

    def _packaging(self):
        told = telemetry(Package.objects.all(), now=self.now)
        yield _each("packages", "Packages of exports", "status", told["status_counts"])
        oldest = told["oldest_queued_seconds"] or 0
        yield _one("package_oldest_queued_seconds", "How long the oldest package has waited", oldest)
        yield _one("dossiers_damaged", "Stored dossiers that are not what was packaged", damaged().count())

    def _queue(self):
        seen, unheld = workers.seen_by_operators(names={}, now=self.now)
        states = {state: sum(worker.state == state for worker in seen) for state in workers.STATES}
        yield _each("workers", "Workers seen within a day", "state", states)
        yield _one("claims_left_behind", "Packages claimed by a worker that is not there", len(unheld))
        yield _one("jobs_queued", "Jobs in the queue, those in hand included", OrmQ.objects.count())
        by_the_clock = schedules.by_the_clock(now=self.now)
        yield _one("schedules_late", "Schedules nobody carries out", sum(each.is_late for each in by_the_clock))


def _one(name, meaning, value):
    return GaugeMetricFamily(f"biolabs_{name}", meaning, value=value)


def _each(name, meaning, label, values):
    family = GaugeMetricFamily(f"biolabs_{name}", meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
