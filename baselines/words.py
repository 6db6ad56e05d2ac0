"""A baseline's history as sentences. Pure: an event's type and details in, words out."""

from baselines.enums import BaselineEventType as Kind

NONE = "–"
_CHANGEABLE = ("name", "description", "labels", "reviewers", "evidence")


def told(event_type, details):
    """What happened, without who and when."""
    return _TOLD[event_type](details)


def _submitted(details):
    counts = [("label", "labels"), ("reviewer", "reviewers"), ("piece of evidence", "evidence")]
    parts = [counted(len(details[name]), noun) for noun, name in counts if details[name]]
    return f"Submitted with {listed(parts)}" if parts else "Submitted"


def _resubmitted(details):
    changed = [name for name in _CHANGEABLE if name in details["changes"]]
    return f"Submitted again, with changes of {listed(changed)}" if changed else "Submitted again, unchanged"


def _published(details):
    version, before = details["version_number"], details["superseded_version"]
    own = " by who submitted it" if details.get("published_by_submitter") else ""
    return f"Published as version {version}{own}" + (f", in place of version {before}" if before else "")


def _rolled_back(details):
    version, restored = details["version_number"], details["restored_version"]
    if restored:
        return f"Version {version} rolled back; version {restored} is current again"
    return f"Version {version} rolled back" + ("; no version is current" if details["was_current"] else "")


def _restored(details):
    return f"Version {details['version_number']} is current again, after version {details['rolled_back_version']}"


_TOLD = {
    Kind.SUBMITTED: _submitted,
    Kind.RESUBMITTED: _resubmitted,
    Kind.APPROVED: lambda _details: "Approved",
    Kind.REJECTED: lambda _details: "Rejected",
    Kind.PUBLISHED: _published,
    Kind.ROLLED_BACK: _rolled_back,
    Kind.RESTORED: _restored,
}


def metric(row):
    """A QC event's roll-ups as the table shows them; what it did not measure is a dash."""
    snapshot = row.snapshot
    summary = snapshot.get("readings_summary") or {}
    figures = {name: _figure(summary.get(name)) for name in ("min", "avg", "max")}
    keys = (snapshot.get("metric_rollup") or {}).get("keys") or []
    return {
        "label": row.label,
        "where": f"#{snapshot['sequence']} · {snapshot['actor']}",
        "readings": _figure(snapshot.get("reading_count")),
        "metrics": ", ".join(map(str, keys)) or NONE,
        **figures,
    }


def _figure(value):
    if value is None:
        return NONE
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def counted(number, noun):
    """`1 label`, `2 labels`, `3 pieces of evidence`."""
    head, of, rest = noun.partition(" of ")
    return f"{number} {head}{'' if number == 1 else 's'}{of}{rest}"


def listed(parts):
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)
