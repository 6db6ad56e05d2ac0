"""Whatever people do in whatever order, the invariants of reliability.md hold."""

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from approvals.models import ApprovalAction, ApprovalLadder, ApprovalStage
from approvals.tests.lab import Lab, approve, reject
from approvals.transitions import delegate_stage, reset_stage
from approvals.verification import verify_ladder
from experiments.tests.recorded import assert_chain
from ledger.errors import Refusal

PEOPLE = ("requester", "lea", "mira", "ravi", "cleo", "admin", "stranger")
WHO, STAGE = st.sampled_from(PEOPLE), st.integers(1, 3)


class Ladder(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.lab = Lab()
        for name in ("requester", "ravi", "mira", "admin"):
            for role in ("scientist", "compliance", "qa_lead"):
                self.lab.grant(getattr(self.lab, name), role)
        self.ladder = self.lab.ladder()

    def teardown(self):
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

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
        self.attempt(approve, self.lab, self.ladder, index, getattr(self.lab, who))

    @rule(who=WHO, index=STAGE)
    def reject(self, who, index):
        self.attempt(reject, self.lab, self.ladder, index, getattr(self.lab, who), notes="No")

    @rule(who=WHO, to=WHO, index=STAGE)
    def delegate(self, who, to, index):
        stage, delegate = self.lab.stage(self.ladder, index), getattr(self.lab, to)
        self.attempt(delegate_stage, stage.pk, by=getattr(self.lab, who), delegate_id=delegate.pk)

    @precondition(lambda self: ApprovalAction.objects.exists())
    @rule(who=WHO, index=STAGE)
    def reset(self, who, index):
        stage = self.lab.stage(self.ladder, index)
        self.attempt(reset_stage, stage.pk, by=getattr(self.lab, who), notes="Again")

    @invariant()
    def the_ladder_is_sound(self):
        ladder = ApprovalLadder.objects.get(pk=self.ladder.pk)
        assert verify_ladder(ladder) == []
        assert ApprovalStage.objects.filter(ladder=ladder, status="in_progress").count() == (ladder.status == "pending")
        assert_chain(self.lab.execution)


def test_the_invariants_hold_in_any_order(db):
    quick = settings(max_examples=10, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Ladder, settings=settings(quick, database=None, derandomize=True))
