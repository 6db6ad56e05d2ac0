"""Fills an empty database through the portal's own transitions; nothing here writes a row by another door."""

from datetime import timedelta

from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from accounts import transitions as people_transitions
from accounts.models import Team, User
from accounts.passwords import check_password_again
from approvals.enums import Meaning, StageStatus
from approvals.models import ApprovalStage
from approvals.transitions import approve_stage, reject_stage
from approvals.transitions_calendar import set_calendar
from biolabs.demo.baselines import add_baselines
from biolabs.demo.clock import at
from biolabs.demo.people import PASSWORD, PEOPLE
from biolabs.demo.protocols import PROTOCOLS
from biolabs.demo.runs import LADDER, RUNS
from evidence.catalog import discover
from evidence.transitions import create_notebook_entry, store_file
from experiments.enums import StepStatus
from experiments.transitions import append_events, move_step, start_execution
from experiments.transitions_stock import create_equipment, create_item, create_protocol, create_resource
from governance.assignment_transitions import assign_template
from governance.blueprint import ad_hoc_ladder
from governance.transitions import create_template
from narratives.transitions import request_export


def is_empty():
    """Whether nobody but the system user is there."""
    return not User.objects.people().exists()


class Laboratory:
    """Builds the demonstration; `say` gets one line of progress at a time."""

    def __init__(self, say):
        self.say = say
        self.now = timezone.now()
        self.people, self.teams, self.protocols = {}, {}, {}

    def build(self):
        with at(self.now - timedelta(days=40)):
            self._people()
            self._stock()
        for run in RUNS:
            self.say(f"  {run.title}")
            self._run(run)
        add_baselines(self.people)
        self._calendar()
        self._ladder()

    def _people(self):
        first = next(person for person in PEOPLE if person.is_admin)
        self.admin = User.objects.create_superuser(first.email, PASSWORD, full_name=first.full_name)
        for person in PEOPLE:
            self.people[person.key] = (
                self.admin
                if person is first
                else people_transitions.create_user(
                    by=self.admin, email=person.email, full_name=person.full_name, password=PASSWORD
                )
            )
            for name, role in person.teams.items():
                people_transitions.add_member(self._team(name), self.people[person.key], by=self.admin, role=role)
            for role, name in person.grants:
                team = self._team(name) if name else None
                people_transitions.grant_role(self.people[person.key], by=self.admin, role=role, team=team)

    def _team(self, name):
        if name not in self.teams:
            self.teams[name] = Team.objects.filter(name=name).first() or people_transitions.create_team(
                by=self.admin, name=name
            )
        return self.teams[name]

    def _stock(self):
        owners = {team: self.people[p.key] for p in PEOPLE for team, role in p.teams.items() if role == "owner"}
        for protocol in PROTOCOLS:
            self.protocols[protocol.key] = create_protocol(
                by=owners[protocol.team],
                name=protocol.name,
                content=protocol.steps,
                version=protocol.version,
                team_id=self.teams[protocol.team].pk,
            )
        for team, owner in owners.items():
            create_item(
                by=owner, item_type="reagent", name=f"Water, nuclease-free ({team})", team_id=self.teams[team].pk
            )
            due = self.now + timedelta(days=90)
            create_equipment(
                by=owner, name=f"Plate reader ({team})", team_id=self.teams[team].pk, calibration_due_at=due
            )
        create_resource(by=self.admin, name="PCR hood 1")

    def _calendar(self):
        """One team counts working hours; the deadlines set before stay what they were."""
        office = {day: [["08:00", "12:00"], ["12:30", "17:00"]] for day in ("mon", "tue", "wed", "thu")}
        set_calendar(
            self.teams["Cell biology"].pk,
            by=self.admin,
            time_zone="Europe/Berlin",
            hours=office | {"fri": [["08:00", "14:00"]]},
            country="DE",
        )

    def _ladder(self):
        """One published ladder, assigned: exports of this protocol use it from now on."""
        stages = [dict(stage) for stage in LADDER]
        first = create_template(
            by=self.admin, template_key="biosafety", name="Biosafety", stage_blueprint=stages[1:], publish=True
        )
        assign_template(first, by=self.admin, protocol_id=self.protocols["rtqpcr"].pk)
        create_template(by=self.admin, template_key="biosafety", name="Biosafety", stage_blueprint=stages, publish=True)

    def _run(self, run):
        start = self.now - timedelta(days=run.days_ago)
        runner = self.people[run.runner]
        with at(start):
            execution = start_execution(self.protocols[run.protocol], by=runner, title=run.title)
        self._steps(run, execution, runner, start)
        minute = start + timedelta(minutes=20)
        with at(minute):
            if run.notebook:
                create_notebook_entry(by=runner, title=run.notebook[0], content=run.notebook[1], execution=execution)
            for name, media_type, text in run.files:
                upload = SimpleUploadedFile(name, text.encode(), content_type=media_type)
                store_file(upload, by=runner, execution=execution)
            if run.events:
                events = [{"event_type": kind, "payload": payload} for kind, payload in run.events]
                append_events(execution.pk, events, by=runner)
        for export in run.exports:
            self._export(export, execution, runner, start)

    def _steps(self, run, execution, runner, start):
        for index in range(run.steps_done):
            for offset, status in ((2 * index + 1, StepStatus.IN_PROGRESS), (2 * index + 2, StepStatus.COMPLETED)):
                with at(start + timedelta(minutes=offset)):
                    move_step(execution.pk, index, by=runner, to=status)
        if run.started:
            with at(start + timedelta(minutes=2 * run.steps_done + 1)):
                move_step(execution.pk, run.steps_done, by=runner, to=StepStatus.IN_PROGRESS)

    def _export(self, plan, execution, runner, start):
        moment = start + timedelta(minutes=plan.after)
        with at(moment):
            export = request_export(
                execution.pk,
                by=runner,
                attachments=chosen(execution),
                notes=plan.notes,
                blueprint=ad_hoc_ladder([dict(stage) for stage in plan.stages]),
            )
        for hours, (who, decision, notes) in enumerate(plan.signs, 1):
            with at(moment + timedelta(hours=hours)):
                self._decide(export, self.people[who], decision, notes)

    def _decide(self, export, signer, decision, notes):
        stage = ApprovalStage.objects.get(ladder=export.ladder, status=StageStatus.IN_PROGRESS)
        given = {
            "by": signer,
            "authentication": check_password_again(signer, PASSWORD, request_meta={}),
            "expected_digest": export.content_digest,
            "notes": notes,
        }
        if decision == "approved":
            approve_stage(stage.pk, meaning=Meaning.APPROVED, **given)
        else:
            reject_stage(stage.pk, meaning=Meaning.REJECTED, **given)


def chosen(execution):
    """Everything a scientist would attach: files, notebook entries, QC, analytics, remediation."""
    kinds = ["file", "notebook_entry", "qc_metric", "analytics_snapshot", "remediation_report"]
    page = discover(execution, kinds=kinds, limit=50)
    return [{"type": item["type"], "reference_id": item["id"]} for item in page.items]


def sign_ins():
    """Lines to print: e-mail address, what the person does."""
    width = max(len(person.email) for person in PEOPLE)
    return [f"  {person.email:<{width}}  {person.does}" for person in PEOPLE]
