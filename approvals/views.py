"""A ladder in words, for the page of whatever is signed; the posts belong to that page's app."""

from dataclasses import dataclass, field

from django.urls import NoReverseMatch, reverse

from accounts.second_factor import is_enrolled
from approvals.attendance import starving
from approvals.delegation import who_can_stand_in, why_not_delegate
from approvals.duties import DECIDED, DECISIONS, told_at
from approvals.enums import ActionType, LadderStatus, StageStatus
from approvals.forms import DelegateForm, ResetForm, SignForm
from approvals.models import ApprovalLadder, ApprovalStage
from approvals.notices import PAGES
from approvals.policies import (
    acting_as,
    is_overdue,
    why_not_claim,
    why_not_release,
    why_not_reset,
    why_not_sign,
)
from approvals.queries import ladder_stages, password_resets
from ledger.canonical import loads
from portal.text import duration

CSS = {
    StageStatus.APPROVED: "done",
    StageStatus.IN_PROGRESS: "active",
    StageStatus.REJECTED: "rejected",
    StageStatus.RESET: "reset",
}
STAND_INS_SHOWN = 200


@dataclass
class StageView:
    """One rung as a person sees it; `why_not_…` are None where they may."""

    stage: ApprovalStage
    assigned: str
    limit: str
    css: str
    overdue: bool
    decision: object = None
    superseded: list = field(default_factory=list)
    handed_on: list = field(default_factory=list)
    starving: str | None = None
    flag: str = ""
    claim: str = ""
    acting_for: str = ""
    why_not_sign: str | None = ""
    why_not_claim: str | None = ""
    why_not_release: str | None = ""
    why_not_delegate: str | None = ""
    why_not_reset: str | None = ""
    stand_ins: list = field(default_factory=list)
    sign_form: SignForm | None = None
    delegate_form: DelegateForm | None = None
    reset_form: ResetForm | None = None
    urls: dict = field(default_factory=dict)

    @property
    def can_sign(self):
        return self.why_not_sign is None

    @property
    def can_claim(self):
        return self.why_not_claim is None

    @property
    def can_release(self):
        return self.why_not_release is None

    @property
    def can_delegate(self):
        return self.why_not_delegate is None

    @property
    def can_reset(self):
        return self.why_not_reset is None


@dataclass
class LadderView:
    ladder: ApprovalLadder
    stages: list
    current: StageView | None
    decided: int

    @property
    def total(self):
        return len(self.stages)

    def signed_by(self, user):
        """Whether a decision in force is this person's."""
        return any(each.decision and each.decision.actor_id == user.pk for each in self.stages)

    @property
    def position(self):
        """The number of the stage in progress, else of the decided ones."""
        return self.current.stage.sequence_index if self.current else self.decided


def ladder_view(ladder, user, now, *, artifact_ready=False):
    """A LadderView for `user`; the number of queries does not grow with stages or decisions."""
    rungs = ladder_stages(ladder)
    warnings = starving(ladder, rungs, now=now) if ladder.status == LadderStatus.PENDING else {}
    stages = [_stage_view(stage, user, now, artifact_ready) for stage in rungs]
    resets = password_resets(ladder, rungs)
    for each in stages:
        each.starving = warnings.get(each.stage.pk)
        each.flag = _flag(each, resets)
    current = next((each for each in stages if each.stage.status == StageStatus.IN_PROGRESS), None)
    return LadderView(ladder, stages, current, sum(each.stage.status in DECIDED for each in stages))


def _stage_view(stage, user, now, artifact_ready):
    actions = list(stage.actions.all())
    decisions = [action for action in actions if action.action_type in DECISIONS]
    in_force = decisions[-1] if stage.status in DECIDED and decisions else None
    for action in decisions:
        action.signed_for = for_whom(action)
    view = StageView(
        stage=stage,
        assigned=_assigned(stage, actions, user),
        limit=_limit(stage),
        css=CSS.get(stage.status, ""),
        overdue=is_overdue(stage, now=now),
        decision=in_force,
        superseded=[action for action in decisions if action is not in_force],
        handed_on=[each for each in actions if each.action_type in (ActionType.DELEGATED, ActionType.RESET)],
        urls=_targets(stage),
    )
    if stage.status == StageStatus.IN_PROGRESS:
        _add_signing(view, user, now)
    if stage.status in DECIDED:
        view.why_not_reset = why_not_reset(user, stage, artifact_ready=artifact_ready)
        view.reset_form = ResetForm(auto_id=f"reset_{stage.sequence_index}_%s")
    return view


def _flag(view, resets):
    """That somebody else set the password of who signs, or signed, this stage, since the ladder was opened."""
    stage, until = view.stage, view.decision.created_at if view.decision else None
    people = [view.decision.actor_id] if view.decision else [stage.assignee_id, stage.delegated_to_id]
    for reset in resets:
        if reset.about_id in people and (until is None or reset.created_at < until):
            return (
                f"{reset.actor_name} set the password of {reset.about_name} on {told_at(reset.created_at)}, "
                "who had to choose a new one before signing."
            )
    return ""


def _add_signing(view, user, now):
    stage = view.stage
    view.why_not_sign = why_not_sign(user, stage, now=now)
    view.why_not_claim = why_not_claim(user, stage, now=now)
    if stage.claimed_by_id:
        view.claim = f"claimed by {_name(stage.claimed_by, user)}"
        view.why_not_release = why_not_release(user, stage)
    if view.can_sign:
        view.acting_for = _acting_words(acting_as(user, stage, now=now))
    view.why_not_delegate = why_not_delegate(user, stage, now=now)
    ladder = stage.ladder
    view.sign_form = SignForm(
        initial={"digest": ladder.content_digest, "cycle": ladder.cycle, "stage_id": stage.pk},
        auto_id="sign_%s",
        asks_code=view.can_sign and is_enrolled(user),
    )
    if view.can_delegate:
        view.delegate_form = DelegateForm(auto_id="delegate_%s")
        view.stand_ins = list(who_can_stand_in(stage, by=user, now=now)[:STAND_INS_SHOWN])


def _assigned(stage, actions, user):
    """Whose stage it is, in words."""
    if stage.delegated_to_id:
        by = [each.actor for each in actions if each.delegation_target_id == stage.delegated_to_id]
        giver = stage.assignee or (by[-1] if by else None)
        words = f"delegated to {_name(stage.delegated_to, user)}"
        return f"{words} by {_name(giver, user)}" if giver else words
    if stage.assignee_id:
        return f"assigned to {_name(stage.assignee, user)}"
    return "anyone who holds it"


def for_whom(action):
    """`for Ravi Adeyemi, absence 12 to 19 May 2026`, from the signed statement of a decision; "" for one's own."""
    signature = getattr(action, "signature", None)
    return _acting_words(loads(signature.statement)["acting_as"]) if signature else ""


def _acting_words(acting_as):
    if not acting_as.get("of"):
        return ""
    words = f"for {acting_as['of']['name']}"
    absence = acting_as.get("absence")
    return f"{words}, absence {absence['words']}" if absence else words


def _name(person, user):
    return "you" if person.pk == user.pk else person.printed_name


def _limit(stage):
    if not stage.sla_hours:
        return ""
    return f"{duration(stage.sla_hours * 3600)} once started"


def _targets(stage):
    """Where the page's forms are posted to; the pages belong to a higher app and are known by name."""
    subject = stage.ladder.subject
    page = PAGES.get(subject["kind"], "")
    wanted = {"sign": [subject["id"]], "reject": [subject["id"]]}
    wanted |= {verb: [subject["id"], stage.pk] for verb in ("delegate", "delegates", "reset", "claim", "release")}
    targets = {}
    for verb, arguments in wanted.items():
        try:
            targets[verb] = reverse(f"{page}_{verb}", args=arguments)
        except NoReverseMatch:
            targets[verb] = ""
    return targets
