"""A small laboratory with a run to put forward, who may review it, and who may not."""

from accounts.models import Membership, RoleGrant, Team, User
from baselines.history import BASELINE_EVENTS, chain_id
from baselines.models import Baseline, BaselineEvent
from baselines.transitions import publish_baseline, review_baseline, submit_baseline
from baselines.verification import verify_protocol
from experiments.events import Event
from experiments.models import Protocol
from experiments.timeline import locked_timeline
from experiments.transitions import append_events, start_execution
from ledger.chain import fault_in

EXPORT_ID = "7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90"
LABELS = [{"key": "assay", "value": "N1"}, {"key": "instrument", "value": "QuantStudio 5"}]


class Lab:
    """`sam` ran and submits, `rita` of another team reviews, `mate` is a colleague, `stan` a stranger."""

    def __init__(self):
        self.team = Team.objects.create(name="Assay")
        self.other_team = Team.objects.create(name="Elsewhere")
        self.sam = self.person("Sam Submitter")
        self.mate = self.person("Mate Colleague")
        self.rita = self.person("Rita Reviewer", team=self.other_team)
        self.stan = self.person("Stan Stranger", team=self.other_team)
        self.ada = self.person("Ada Admin", team=None, is_admin=True, is_staff=True, is_superuser=True)
        self.protocol = self.make_protocol("RT-qPCR N1")
        self.run = self.make_run("Plate 3")

    def person(self, name, *, team="own", **fields):
        email = f"{name.lower().replace(' ', '.')}@example.org"
        user = User.objects.create_user(email, "Correct-horse-1", full_name=name, **fields)
        if team is not None:
            Membership.objects.create(team=self.team if team == "own" else team, user=user)
        return user

    def grant(self, user, role, team=None):
        return RoleGrant.objects.create(user=user, role=role, team=team)

    def make_protocol(self, name):
        return Protocol.objects.create(
            name=name, content="Thaw\nDispense\nRead", version="2.1", team=self.team, created_by=self.sam
        )

    def make_run(self, title, protocol=None, by=None):
        return start_execution(protocol or self.protocol, by=by or self.sam, title=title)

    def add_qc(self, run=None, count=1):
        payload = {"title": "Plate read", "metrics": {"efficiency": 0.97}, "readings": [{"value": 27.6}]}
        events = [{"event_type": "qc.plate_read", "payload": payload}] * count
        return append_events((run or self.run).pk, events, by=self.sam)

    def add_export(self, export_id=EXPORT_ID, version=1, run=None):
        with locked_timeline((run or self.run).pk) as timeline:
            return timeline.record(
                Event.EXPORT_CREATED,
                by=self.sam,
                export_id=export_id,
                version=version,
                content_digest="9c1f" + "0" * 60,
                event_count=1,
                attachment_count=2,
                stage_count=1,
                notes="",
            )

    def submitted(self, run=None, **fields):
        given = {"by": self.sam, "name": "N1 standard", "reviewer_ids": [self.rita.pk], **fields}
        return submit_baseline((run or self.run).pk, **given)

    def approved(self, **fields):
        baseline = self.submitted(**fields)
        return review_baseline(baseline.pk, by=self.rita, decision="approve", notes="Sound")

    def rejected(self, **fields):
        baseline = self.submitted(**fields)
        return review_baseline(baseline.pk, by=self.rita, decision="reject", notes="No NTC")

    def published(self, **fields):
        return publish_baseline(self.approved(**fields).pk, by=self.rita, notes="For all plates")


def kinds(baseline):
    return list(BaselineEvent.objects.filter(baseline=baseline.pk).values_list("event_type", flat=True))


def last_event(baseline):
    return BaselineEvent.objects.filter(baseline=baseline.pk).order_by("-sequence").first()


def assert_sound(protocol):
    """One current baseline at most, version numbers 1 to n, rows as their history left them, every chain whole."""
    assert list(verify_protocol(protocol.pk)) == []
    rows = list(Baseline.objects.filter(protocol=protocol.pk))
    assert sum(row.is_current for row in rows) <= 1
    numbers = sorted(row.version_number for row in rows if row.version_number)
    assert numbers == list(range(1, len(numbers) + 1))
    for row in rows:
        fault = fault_in(BASELINE_EVENTS, chain_id(row.pk))
        assert fault is None, str(fault)


def everything():
    """What a refused verb must leave as it was."""
    return [list(Baseline.objects.order_by("pk").values()), BaselineEvent.objects.count()]
