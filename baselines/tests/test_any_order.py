"""Whatever people do in whatever order, the invariants hold and a refusal writes nothing."""

from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from accounts.models import User
from baselines.models import Baseline, BaselineEvent
from baselines.tests.lab import Lab, assert_sound
from baselines.transitions import publish_baseline, resubmit_baseline, review_baseline, roll_back_baseline
from ledger.errors import Refusal

WHO = st.sampled_from(("sam", "mate", "rita", "stan", "ada", "rita", "ada"))
WHICH = st.integers(0, 9)


class Standards(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.undone = transaction.atomic()
        self.undone.__enter__()
        self.lab = Lab()
        self.runs = [self.lab.run, self.lab.make_run("Other", self.lab.make_protocol("ELISA"))]
        for run in self.runs:
            self.lab.add_qc(run, count=2)
        self.rows = []

    def teardown(self):
        transaction.set_rollback(True)
        self.undone.__exit__(None, None, None)

    @initialize()
    def begin(self):
        self.rows += [self.lab.published().pk, self.lab.published().pk, self.lab.approved().pk]

    def attempt(self, verb, *arguments, who, **given):
        before = list(Baseline.objects.order_by("pk").values()), BaselineEvent.objects.count()
        try:
            return verb(*arguments, by=User.objects.get(pk=getattr(self.lab, who).pk), **given)
        except Refusal as refusal:
            said = refusal.sentence
        assert said.endswith(".")
        assert before == (list(Baseline.objects.order_by("pk").values()), BaselineEvent.objects.count())
        return None

    def row(self, which):
        return self.rows[which % len(self.rows)]

    @rule(who=WHO, run=st.integers(0, 1), reviewer=WHO)
    def submit(self, who, run, reviewer):
        reviewers = [getattr(self.lab, reviewer).pk]
        made = self.attempt(
            lambda **given: self.lab.submitted(run=self.runs[run], reviewer_ids=reviewers, **given), who=who
        )
        self.rows += [made.pk] if made else []

    @rule(who=WHO, which=WHICH, decision=st.sampled_from(("approve", "approve", "reject")))
    def review(self, who, which, decision):
        self.attempt(review_baseline, self.row(which), who=who, decision=decision, notes="So")

    @rule(who=WHO, which=WHICH)
    def publish(self, who, which):
        self.attempt(publish_baseline, self.row(which), who=who)

    @rule(who=WHO, which=WHICH, to=st.none() | WHICH)
    def roll_back(self, who, which, to):
        target = None if to is None else self.row(to)
        self.attempt(roll_back_baseline, self.row(which), who=who, reason="So", target_id=target)

    @rule(who=WHO, which=WHICH, reviewer=st.none() | WHO, shown=st.none() | st.integers(0, 2))
    def resubmit(self, who, which, reviewer, shown):
        reviewers = None if reviewer is None else [getattr(self.lab, reviewer).pk]
        run = Baseline.objects.get(pk=self.row(which)).execution
        metrics = (
            None if shown is None else [event.pk for event in run.events.filter(event_type="qc.plate_read")[:shown]]
        )
        given = {"reviewer_ids": reviewers, "qc_event_ids": metrics}
        self.attempt(resubmit_baseline, self.row(which), who=who, **given)

    @rule(who=WHO, active=st.booleans())
    def come_and_go(self, who, active):
        User.objects.filter(pk=getattr(self.lab, who).pk).update(is_active=active or who == "ada")

    @invariant()
    def all_is_sound(self):
        for run in self.runs:
            assert_sound(run.protocol)


def test_the_invariants_hold_in_any_order(db):
    quick = settings(max_examples=6, stateful_step_count=15, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Standards, settings=quick)
