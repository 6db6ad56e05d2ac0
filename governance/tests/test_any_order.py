"""Random people do random things to ladders, lawful or not; after each step the invariants hold."""

import random

import pytest

from accounts.models import RoleGrant, Team, User
from experiments.models import Protocol
from governance.assignment_transitions import assign_template, revoke_assignment
from governance.audit import AUDIT_LOGS
from governance.models import TemplateAssignment, TemplateFamily, TemplateSnapshot, WorkflowTemplate
from governance.transitions import archive_template, change_template, create_template, publish_template, stages_of
from ledger.canonical import sha256_text
from ledger.chain import fault_in
from ledger.errors import NotAllowed, Refusal

pytestmark = pytest.mark.django_db
KEYS = ("biosafety", "release", "stability")
STEPS = 40
STAGE = {"name": "QA", "required_role": "qa"}


class Office:
    """Two administrators, a compliance administrator and a scientist; `seen` holds every snapshot's first bytes."""

    def __init__(self, seed):
        self.dice, self.seen = random.Random(seed), {}
        self.team = Team.objects.create(name="Assay")
        people = [("ada", True), ("olga", True), ("jonas", False)]
        self.people = [
            User.objects.create_user(f"{name}@example.org", full_name=name.title(), is_admin=admin)
            for name, admin in people
        ]
        RoleGrant.objects.create(user=self.people[0], role="qa")
        self.protocols = [
            Protocol.objects.create(name=f"P{n}", content="x", team=self.team, created_by=self.people[0])
            for n in range(2)
        ]
        self.refused, self.done = 0, 0
        create_template(by=self.people[0], template_key=KEYS[0], name="First", stage_blueprint=[STAGE], publish=True)

    def step(self):
        verbs = [self.create, self.fork, self.change, self.publish, self.archive, self.assign, self.revoke]
        verb, by, before = self.dice.choice(verbs), self.dice.choice(self.people), self.state()
        refusal = self.refusal_of(verb, by)
        if refusal is None:
            self.done += self.state() != before
        else:
            self.refused += 1
            assert refusal.sentence.endswith("."), refusal.sentence
            assert isinstance(refusal, NotAllowed) != by.is_admin
        if refusal or not by.is_admin:
            assert self.state() == before, f"{verb.__name__} by {by} wrote"

    def refusal_of(self, verb, by):
        try:
            verb(by)
        except Refusal as refusal:
            return refusal
        return None

    def state(self):
        return (
            list(TemplateFamily.objects.order_by("pk").values_list("version_count", "audit_count", "audit_head")),
            list(WorkflowTemplate.objects.order_by("pk").values_list("pk", "status", "is_latest", "updated_at")),
            list(TemplateAssignment.objects.order_by("pk").values_list("pk", "revoked_at")),
        )

    def stages(self):
        metadata = self.dice.choice([{}, {"reminder_hours": self.dice.randint(0, 9)}])
        names = self.dice.choices(["QA", "Release", "Second", "Last"], k=self.dice.randint(0, 3))  # repeats are refused
        return [{"name": name, "required_role": "qa", "metadata": metadata} for name in names]

    def some(self, rows):
        """By the order in which they were made: ids are random, and a seed is to tell the same story twice."""
        by_age = "assigned_at" if rows.model is TemplateAssignment else "created_at"
        return self.dice.choice(list(rows.order_by(by_age)) or [None])

    def create(self, by):
        fields = {"template_key": self.dice.choice(KEYS), "name": "Ladder", "stage_blueprint": self.stages()}
        create_template(by=by, **fields, publish=bool(fields["stage_blueprint"]) and self.dice.random() < 0.5)

    def fork(self, by):
        if source := self.some(WorkflowTemplate.objects.all()):
            create_template(by=by, name="Fork", forked_from_id=source.pk, template_key=self.dice.choice([None, *KEYS]))

    def change(self, by):
        if template := self.some(WorkflowTemplate.objects.all()):
            change_template(template, by=by, description=str(self.dice.random()), stage_blueprint=self.stages())

    def publish(self, by):
        if template := self.some(WorkflowTemplate.objects.all()):
            publish_template(template, by=by)

    def archive(self, by):
        if template := self.some(WorkflowTemplate.objects.all()):
            archive_template(template, by=by)

    def assign(self, by):
        if template := self.some(WorkflowTemplate.objects.all()):
            target = self.dice.choice([{"team_id": self.team.pk}, *({"protocol_id": p.pk} for p in self.protocols)])
            assign_template(template, by=by, **target)

    def revoke(self, by):
        if assignment := self.some(TemplateAssignment.objects.all()):
            revoke_assignment(assignment, by=by)

    def check(self):
        for family in TemplateFamily.objects.all():
            versions = list(family.versions.order_by("version"))
            assert [each.version for each in versions] == list(range(1, family.version_count + 1))
            assert [each.version for each in versions if each.is_latest] == [family.version_count]
        for snapshot in TemplateSnapshot.objects.select_related("template"):
            assert self.seen.setdefault(snapshot.pk, (snapshot.body, snapshot.digest)) == (
                snapshot.body,
                snapshot.digest,
            )
            assert sha256_text(snapshot.body) == snapshot.digest
            assert snapshot.members["stages"] == stages_of(snapshot.template)
        assert set(TemplateSnapshot.objects.values_list("pk", flat=True)) == set(self.seen)
        drafts = WorkflowTemplate.objects.filter(status="draft")
        assert not drafts.filter(snapshot__isnull=False).exists()
        assert not WorkflowTemplate.objects.filter(status="published", snapshot__isnull=True).exists()
        self.check_assignments()

    def check_assignments(self):
        in_force = TemplateAssignment.objects.filter(revoked_at__isnull=True)
        targets = list(in_force.values_list("team", "protocol"))
        assert len(targets) == len(set(targets))
        for assignment in in_force.select_related("template__family"):
            published = assignment.template.family.versions.filter(status="published")
            assert published.exists(), f"{assignment} applies nothing"


@pytest.mark.parametrize("seed", range(6))
def test_whatever_people_do_in_whatever_order_the_ladders_stay_sound(seed):
    office = Office(seed)
    for _ in range(STEPS):
        office.step()
        office.check()
    for chain in AUDIT_LOGS.ids():
        assert fault_in(AUDIT_LOGS, chain) is None
    assert office.done > 5
    assert office.refused > 5
