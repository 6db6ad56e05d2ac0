"""Reads the real laboratory files into steps and events, as a laboratory's own script would."""

import csv
import json
import re
from datetime import UTC, datetime
from statistics import fmean

LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")


def protocol_steps(markdown):
    """The instruction lines under `### Step N`, links replaced by their text, one per line."""
    body = markdown.split("## Steps", 1)[1]
    lines = [line for line in body.splitlines() if line.strip() and not line.startswith("#")]
    return "\n".join(LINK.sub(r"\1", line) for line in lines)


def ludox_events(path):
    """Who ran it and when, then one `qc.absorbance` per measured well and their means as `qc.od600`."""
    graph = {node["@id"]: node for node in json.loads(path.read_text())["@graph"]}
    description = next(n["@sbol:description"] for n in graph.values() if "@sbol:description" in n)
    operator, day = re.match(r"Executed by (.+) on (\S+ \S+);", description).groups()
    when = datetime.fromisoformat(day).replace(tzinfo=UTC).isoformat()
    readings = []
    for node in graph.values():
        if "@sbol:hasMeasure" in node:
            well = node["@sbol:displayId"].split("_")[1]
            sample = node["@prov:wasDerivedFrom"]["@id"].rsplit("/", 1)[1]
            value = graph[node["@sbol:hasMeasure"]["@id"]]["@om:hasNumericalValue"]
            readings.append({"well": well, "sample": sample, "value": value})
    readings.sort(key=lambda reading: reading["well"])
    mean = {
        sample: round(fmean(r["value"] for r in readings if r["sample"] == sample), 6) for sample in ("LUDOX", "ddH2O")
    }
    net = round(mean["LUDOX"] - mean["ddH2O"], 6)
    metrics = {"mean_ludox": mean["LUDOX"], "mean_water": mean["ddH2O"], "net_od600": net}
    events = [
        {"event_type": "note.operator", "payload": {"text": f"Executed by {operator}"}, "occurred_at": when},
        {"event_type": "qc.absorbance", "payload": {"unit": "AU", "readings": readings}, "occurred_at": when},
        {"event_type": "qc.od600", "payload": {"metrics": metrics}, "occurred_at": when},
    ]
    return readings, events


def allotrope_metrics(path, wanted):
    """Every `{value, unit}` in an Allotrope document whose key is in `wanted`, summarised per key."""
    found = {}

    def walk(node):
        if isinstance(node, dict):
            for key, member in node.items():
                if key in wanted and isinstance(member, dict) and isinstance(member.get("value"), (int, float)):
                    found.setdefault(key, []).append((member["value"], member["unit"]))
                walk(member)
        elif isinstance(node, list):
            for member in node:
                walk(member)

    walk(json.loads(path.read_text()))
    return {
        key: {
            "n": len(values),
            "min": min(v for v, _ in values),
            "mean": round(fmean(v for v, _ in values), 6),
            "max": max(v for v, _ in values),
            "unit": values[0][1],
        }
        for key, values in found.items()
    }


def biomek_events(path):
    """One `instrument.transfer` per row of a Biomek log."""
    rows = [line for line in path.read_text().splitlines() if re.match(r"\d+/\d+/\d{4} ", line)]
    for stamp, pod, action, position, labware, barcode, well, amount, technique in csv.reader(rows):
        yield {
            "event_type": "instrument.transfer",
            "occurred_at": datetime.strptime(stamp, "%m/%d/%Y %H:%M:%S").replace(tzinfo=UTC).isoformat(),
            "payload": {
                "instrument": "Biomek",
                "pod": pod,
                "action": action,
                "position": position,
                "labware": labware,
                "barcode": barcode.strip(),
                "well": int(well),
                "volume_ul": amount,
                "technique": technique,
            },
        }
