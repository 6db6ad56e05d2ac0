from accounts.models import Membership, Team, User
from experiments.events import Event
from experiments.models import Execution, Protocol
from experiments.timeline import locked_timeline

PASSWORD = "correct horse battery"


def person(name, *, team=None, **fields):
    user = User.objects.create_user(f"{name.lower()}@lab.example", PASSWORD, full_name=name, **fields)
    if team is not None:
        Membership.objects.create(team=team, user=user)
    return user


def team(name="Assay"):
    return Team.objects.create(name=name)


def run(by, *, team=None, title="Plate run", events=()):
    """An execution with `(event_type, payload)` events after its first one."""
    protocol = Protocol.objects.create(name="RT-qPCR", content="Thaw\nPipette", team=team, created_by=by)
    execution = Execution.objects.create(
        protocol=protocol,
        protocol_name=protocol.name,
        protocol_version=protocol.version,
        title=title,
        run_by=by,
        run_by_name=by.printed_name,
    )
    record(
        execution,
        by,
        (
            Event.SESSION_CREATED,
            {
                "title": title,
                "protocol_id": str(protocol.pk),
                "protocol_name": protocol.name,
                "protocol_version": "1",
                "step_count": 2,
            },
        ),
        *events,
    )
    return execution


def record(execution, by, *events):
    """Append events; answers the rows."""
    with locked_timeline(execution.pk) as timeline:
        return [timeline.record(event_type, by=by, payload=payload) for event_type, payload in events]
