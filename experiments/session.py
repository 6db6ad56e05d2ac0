"""What higher apps add to a run: parts of its session JSON, and what is made when a run starts (docs/adr/0007)."""

_PARTS = {}
_OPENINGS = {}


def register_part(name, collect):
    """Called by a higher app's `ready`; registering a name again replaces it.

    `collect(executions, viewer)` answers `{execution id: JSON-ready value}` for a page of runs in a constant
    number of queries; a run that is not in it gets an empty list.
    """
    _PARTS[name] = collect


def register_opening(name, make):
    """Called by a higher app's `ready`; `make(timeline, by=...)` runs in the transaction that starts a run.

    The run's row is locked; `timeline.execution` is the new run. `start_execution(..., openings=[name])` asks for it.
    """
    _OPENINGS[name] = make


def parts(name, executions, viewer):
    """The registered part of these runs by execution id; empty when nothing is registered."""
    collect = _PARTS.get(name)
    return collect(executions, viewer) if collect and executions else {}


def open_with(names, timeline, *, by):
    """Carry out the registered openings of these names, in this order."""
    for name in names:
        if name in _OPENINGS:
            _OPENINGS[name](timeline, by=by)
