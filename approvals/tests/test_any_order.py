"""Whatever people do in whatever order, the invariants of reliability.md hold."""

import os
from datetime import UTC, datetime, timedelta

import time_machine
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from accounts.models import Absence, RoleGrant
from accounts.transitions_absence import cancel_absence, set_absence
from approvals.models import ApprovalAction, ApprovalLadder, ApprovalStage, Signature
from approvals.monitor import sweep
from approvals.policies import can_sign
from approvals.queries import stages_to_sign
from approvals.tests.lab import Lab, approve, reject
from approvals.transitions import delegate_stage, reset_stage
from approvals.transitions_claim import claim_stage, release_stage
from approvals.verification import verify_ladder
from experiments.tests.recorded import assert_chain
from ledger.canonical import loads, rfc3339
from ledger.errors import Refusal

PEOPLE = ("requester", "lea", "mira", "ravi", "cleo", "admin", "stranger")
WHO, STAGE = st.sampled_from(PEOPLE), st.integers(1, 3)
ROLES = ("scientist", "qa_lead", "compliance")
EXAMPLES = int(os.environ.get("LADDER_EXAMPLES", "8"))  # more of them for a long run
RULES = {
    "reminder_hours": 4,
    "escalation": [{"after_hours": 2, "to": "team_owners"}, {"after_hours": 6, "to": "team_owners"}],
}


class Ladder(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.clock = time_machine.travel(datetime(2026, 10, 23, 9, tzinfo=UTC), tick=True)
        self.time = self.clock.start()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.lab = Lab()
        for name in ("requester", "ravi", "mira", "admin"):
            for role in ROLES:
                self.lab.grant(getattr(self.lab, name), role)
        self.ladder = self.lab.ladder(
            {"name": "Scientist review", "required_role": "scientist"},
            {
                "name": "QA review",
                "required_role": "qa_lead",
                "sla_hours": 24,
                "assignee_id": str(self.lab.mira.pk),
                "metadata": RULES,
            },
            {"name": "Compliance release", "required_role": "compliance", "sla_hours": 8},
        )

    def teardown(self):
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)
        self.clock.stop()

    def person(self, name):
        person = getattr(self.lab, name)
        person.refresh_from_db()
        return person

    def attempt(self, verb, *arguments, **changes):
        before = ApprovalAction.objects.count()
        try:
            verb(*arguments, **changes)
        except Refusal as refusal:
            refused, before = refusal.sentence, before - 1
            assert refused.endswith(".")
        assert ApprovalAction.objects.count() == before + 1

    @rule(who=WHO, index=STAGE)
    def approve(self, who, index):
        self.attempt(approve, self.lab, self.ladder, index, self.person(who))

    @rule(who=WHO, index=STAGE)
    def reject(self, who, index):
        self.attempt(reject, self.lab, self.ladder, index, self.person(who), notes="No")

    @rule(who=WHO, to=WHO, index=STAGE)
    def delegate(self, who, to, index):
        stage, delegate = self.lab.stage(self.ladder, index), self.person(to)
        self.attempt(delegate_stage, stage.pk, by=self.person(who), delegate_id=delegate.pk)

    @precondition(lambda self: ApprovalAction.objects.exists())
    @rule(who=WHO, index=STAGE)
    def reset(self, who, index):
        stage = self.lab.stage(self.ladder, index)
        self.attempt(reset_stage, stage.pk, by=self.person(who), notes="Again")

    @rule(who=WHO, index=STAGE, verb=st.sampled_from([claim_stage, release_stage]))
    def claim_or_release(self, who, index, verb):
        self.attempt(verb, self.lab.stage(self.ladder, index).pk, by=self.person(who))

    @rule(who=WHO, stand_in=WHO, hours=st.integers(1, 72))
    def go_away(self, who, stand_in, hours):
        user, starts_at = self.person(who), timezone.now()
        try:
            set_absence(
                user.pk,
                by=user,
                starts_at=starts_at,
                ends_at=starts_at + timedelta(hours=hours),
                stand_in_id=self.person(stand_in).pk,
            )
        except Refusal as refusal:
            refused = refusal.sentence
            assert refused.endswith(".")

    @precondition(lambda self: Absence.objects.in_force(timezone.now()).exists())
    @rule()
    def come_back(self):
        absence = Absence.objects.in_force(timezone.now()).first()
        cancel_absence(absence.pk, by=absence.user)

    @rule(who=WHO, role=st.sampled_from(ROLES))
    def lose_or_get_a_role(self, who, role):
        user = self.person(who)
        if RoleGrant.objects.in_force(timezone.now()).filter(user=user, role=role).exists():
            self.lab.revoke(user, role)
        else:
            self.lab.grant(user, role)

    @rule(who=st.sampled_from(PEOPLE[:-2]))
    def deactivate_or_activate(self, who):
        user = self.person(who)
        user.is_active = not user.is_active
        user.save()

    @rule(hours=st.integers(1, 30))
    def wait(self, hours):
        self.time.shift(timedelta(hours=hours))
        told = sweep()
        assert told["failed"] == 0
        assert sweep() == {"reminded": 0, "overdue": 0, "escalated": 0, "failed": 0, "left": False} or told["escalated"]

    @invariant()
    def the_ladder_is_sound(self):
        ladder = ApprovalLadder.objects.get(pk=self.ladder.pk)
        assert verify_ladder(ladder) == []
        assert ApprovalStage.objects.filter(ladder=ladder, status="in_progress").count() == (ladder.status == "pending")
        assert_chain(self.lab.execution)

    @invariant()
    def nobody_is_watched_or_claimed_outside_of_progress(self):
        idle = ApprovalStage.objects.exclude(status="in_progress")
        for name in ("remind_at", "escalate_at", "claimed_by"):
            assert not idle.filter(**{f"{name}__isnull": False}).exists()

    @invariant()
    def who_signed_for_somebody_did_so_during_an_absence(self):
        for signature in Signature.objects.all():
            acting = loads(signature.statement)["acting_as"]
            if acting["capacity"] == "stand_in":
                absence = Absence.objects.get(pk=acting["absence"]["id"], stand_in=signature.signer)
                assert str(absence.user_id) == acting["of"]["id"] == str(signature.action.stage.assignee_id)
                assert acting["absence"]["from"] <= rfc3339(signature.created_at) < acting["absence"]["until"]

    @rule(who=WHO)
    def my_work_lists_what_can_be_signed_and_nothing_else(self, who):
        user, now = self.person(who), timezone.now()
        stages = [self.lab.stage(self.ladder, number) for number in (1, 2, 3)]
        listed = {stage.pk for stage in stages_to_sign(user, now=now) if stage.claimed_by_id in (None, user.pk)}
        assert listed == {stage.pk for stage in stages if can_sign(user, stage, now=now)}


def test_the_invariants_hold_in_any_order(db):
    quick = settings(max_examples=EXAMPLES, stateful_step_count=20, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Ladder, settings=quick)
