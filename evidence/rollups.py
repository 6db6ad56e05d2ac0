"""Roll-ups of event payloads for snapshots (api.md, "Evidence discovery"). Payloads are foreign: any shape may come."""

import math

MOST_LISTED = 200


def metric_rollup(payload):
    """`{count, keys}` of `payload.metrics` (an object, or a list of named objects), or None."""
    metrics = payload.get("metrics")
    if isinstance(metrics, dict):
        keys = sorted(metrics)
    elif isinstance(metrics, list):
        keys = [name for name in map(_name_of, metrics) if name is not None]
    else:
        return None
    return {"count": len(metrics), "keys": keys[:MOST_LISTED]}


def readings_summary(payload):
    """`{min, max, avg}` of the numbers in `payload.readings[].value`, or None without any; the rest is left out."""
    values = _reading_values(payload)
    if not values:
        return None
    return {"min": min(values), "max": max(values), "avg": _average(values)}


def reading_count(payload):
    """How many readings `readings_summary` is of."""
    return len(_reading_values(payload))


def remediation_actions(payload):
    """What a remediation did: `payload.actions`, or the actions of its results; None when it names none."""
    actions = payload.get("actions")
    if not isinstance(actions, list):
        results = payload.get("results")
        if not isinstance(results, list):
            return None
        actions = [result["action"] for result in results if isinstance(result, dict) and "action" in result]
    return actions[:MOST_LISTED]


def _name_of(metric):
    if isinstance(metric, str):
        return metric
    if isinstance(metric, dict):
        for key in ("key", "name", "metric"):
            if isinstance(metric.get(key), str):
                return metric[key]
    return None


def _reading_values(payload):
    readings = payload.get("readings")
    if not isinstance(readings, list):
        return []
    values = (reading.get("value") for reading in readings if isinstance(reading, dict))
    return [value for value in values if _is_number(value)]


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _average(values):
    try:
        return math.fsum(values) / len(values)
    except OverflowError:
        return math.fsum(value / len(values) for value in values)
