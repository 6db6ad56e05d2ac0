"""A small laboratory: one run, its requester, and people who hold roles."""

from datetime import timedelta

from django.utils import timezone

from accounts.models import Membership, RoleGrant, Team, User
from accounts.passwords import Authentication
from approvals.models import ApprovalLadder, ApprovalStage
from approvals.transitions import approve_stage, open_ladder, reject_stage
from experiments.models import Execution, Protocol
from experiments.timeline import chain_id, locked_timeline
from governance.blueprint import ad_hoc_ladder

DIGEST = "9c1f" + "0" * 56 + "e07a"
EXPORT_ID = "7f3a5c1e-9b44-4f0e-8a53-2f0e6a6f1d90"


class Lab:
    def __init__(self):
        self.team = Team.objects.create(name="Assay team")
        self.other_team = Team.objects.create(name="Other team")
        self.admin = self.user("Ada Admin", is_admin=True, is_staff=True)
        self.requester = self.user("Jonas Ortega")
        self.lea = self.user("Lea Novak", "scientist")
        self.mira = self.user("Mira Kessler", "qa_lead")
        self.ravi = self.user("Ravi Adeyemi", "qa_lead")
        self.cleo = self.user("Cleo Park", "compliance")
        self.stranger = self.user("Sam Stranger", team=self.other_team)
        protocol = Protocol.objects.create(
            name="RT-qPCR N1", content="Mix\nRead", version="2.1", team=self.team, created_by=self.requester
        )
        self.execution = Execution.objects.create(
            protocol=protocol,
            protocol_name=protocol.name,
            protocol_version=protocol.version,
            title="SARS-CoV-2 N1 assay validation",
            run_by=self.requester,
            run_by_name=self.requester.printed_name,
        )

    def user(self, name, *roles, team=None, **fields):
        email = f"{name.lower().replace(' ', '.')}@example.org"
        user = User.objects.create_user(email, "correct horse battery", full_name=name, **fields)
        Membership.objects.create(team=team or self.team, user=user)
        for role in roles:
            self.grant(user, role)
        return user

    def grant(self, user, role, team="own", **fields):
        return RoleGrant.objects.create(user=user, role=role, team=self.team if team == "own" else team, **fields)

    def revoke(self, user, role):
        RoleGrant.objects.filter(user=user, role=role).update(revoked_at=timezone.now(), revoked_by=self.admin)

    def ladder(self, *stages, requester=None):
        """Open a ladder; a stage is a role or an `approval_stages` entry."""
        entries = [{"required_role": each} if isinstance(each, str) else each for each in stages]
        entries = entries or [{"name": "Scientist review", "required_role": "scientist"}, THREE[1], THREE[2]]
        by = requester or self.requester
        with locked_timeline(self.execution.pk) as timeline:
            return open_ladder(
                timeline,
                blueprint=ad_hoc_ladder(entries),
                subject={
                    "kind": "narrative_export",
                    "id": EXPORT_ID,
                    "version": 3,
                    "execution": chain_id(self.execution.pk),
                },
                title="SARS-CoV-2 N1 assay validation · v3",
                content_digest=DIGEST,
                by=by,
            )

    def stage(self, ladder, index):
        return ApprovalStage.objects.select_related("ladder__execution__protocol").get(
            ladder=ladder, sequence_index=index
        )

    def statuses(self, ladder):
        ladder = ApprovalLadder.objects.get(pk=ladder.pk)
        return ladder.status, ladder.cycle, list(ladder.stages.values_list("status", flat=True))

    def events(self):
        return [event.event_type.rpartition(".")[2] for event in self.execution.events.all()]


THREE = [
    {"name": "Scientist review", "required_role": "scientist"},
    {"name": "QA review", "required_role": "qa_lead", "sla_hours": 24},
    {"name": "Compliance release", "required_role": "compliance"},
]


def password():
    """What `check_password_again` answers after the right password."""
    return Authentication(method="password", at=timezone.now())


def stale_password():
    return Authentication(method="password", at=timezone.now() - timedelta(minutes=6))


def approve(lab, ladder, index, by, **changes):
    arguments = {"authentication": password(), "meaning": "approved", "expected_digest": DIGEST, **changes}
    return approve_stage(lab.stage(ladder, index).pk, by=by, **arguments)


def reject(lab, ladder, index, by, **changes):
    arguments = {"authentication": password(), "expected_digest": DIGEST, **changes}
    return reject_stage(lab.stage(ladder, index).pk, by=by, **arguments)
