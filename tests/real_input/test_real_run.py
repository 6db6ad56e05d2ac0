"""A real run over HTTP: protocol text, execution report, instrument files; signed, packaged, downloaded, checked."""

import hashlib
import json
import subprocess
import time
import zipfile
from pathlib import Path

import bagit
import pytest

from tests.real_input.readers import allotrope_metrics, biomek_events, ludox_events, protocol_steps
from tests.running_portal import ADMIN, PASSWORD, ROOT, Portal

DATA = ROOT.parent / "shared" / "data"
pytestmark = [
    pytest.mark.real_input,
    pytest.mark.skipif(not DATA.is_dir(), reason="the real laboratory data is not here"),
]
LABOP, ALLOTROPE = DATA / "labop", DATA / "allotropy-asm"
FILES = [
    (LABOP / "BBN_LUDOX_OD_calibration_2021-3.xlsx", "application/vnd.ms-excel"),
    (LABOP / "BBN_LUDOX_execution_2021_3_report.json", "application/json"),
    (ALLOTROPE / "agilent_gen5" / "endpoint_stdcurve_singleplate.txt", "text/plain"),
    (ALLOTROPE / "agilent_gen5" / "endpoint_stdcurve_singleplate.json", "application/json"),
    (ALLOTROPE / "beckman_vi_cell_blu" / "Beckman_Vi-Cell-BLU_example01.csv", "text/csv"),
    (ALLOTROPE / "beckman_vi_cell_blu" / "Beckman_Vi-Cell-BLU_example01.json", "application/json"),
    (ALLOTROPE / "beckman_coulter_biomek" / "pipetting_example.log", "text/plain"),
]


@pytest.fixture(scope="module")
def portal(tmp_path_factory):
    running = Portal(tmp_path_factory.mktemp("portal"))
    try:
        yield running.start()
    finally:
        running.stop()


@pytest.fixture(scope="module")
def people(portal):
    """Ada administers; Miles runs; Quinn and Lena sign; Stan belongs to another team."""
    admin = portal.sign_in(*ADMIN)
    team = admin.post("/teams", {"name": "Calibration"})
    other = admin.post("/teams", {"name": "Somebody else"})
    signed_in = {"admin": admin, "team_id": team["id"]}
    for name, full_name in {
        "miles": "Miles Rogers",
        "quinn": "Quinn Adeyemi",
        "lena": "Lena Ng",
        "stan": "Stan Ger",
    }.items():
        email = f"{name}@example.org"
        user = admin.post("/users", {"email": email, "full_name": full_name, "password": PASSWORD})
        home = other if name == "stan" else team
        admin.post(f"/teams/{home['id']}/members", {"user_id": user["id"], "role": "member"})
        signed_in[name] = portal.sign_in(email, PASSWORD)
    for name, role in {"quinn": "qa", "lena": "approver"}.items():
        admin.post("/role-grants", {"user_id": signed_in[name].id, "role": role, "team_id": team["id"]})
    return signed_in


@pytest.fixture(scope="module")
def run(people):
    """The run with its events, notebook entry and files; `attachments` names one of each of the six kinds and more."""
    miles, text = people["miles"], (LABOP / "iGEM_LUDOX_OD_calibration_2018.md").read_text()
    session = started(miles, people["team_id"], text)
    execution_id = session["execution"]["id"]
    base = f"/experiment-console/sessions/{execution_id}"
    assert len(session["steps"]) == 4
    for step in session["steps"]:
        miles.post(f"{base}/steps/{step['index']}", {"status": "in_progress"}, expect=200)
        miles.post(f"{base}/steps/{step['index']}", {"status": "completed"}, expect=200)
    readings, events = ludox_events(LABOP / "BBN_LUDOX_execution_2021_3_report.json")
    assert len(readings) == 8
    stored = [send(miles, base, events), send(miles, base, instrument_events()), send(miles, base, list(transfers()))]
    uploaded = [miles.upload(path, media_type, execution_id) for path, media_type in FILES]
    entry = miles.post(
        "/notebook/entries", {"title": "Calibration note", "content": text, "execution_id": execution_id}
    )
    return {
        "execution_id": execution_id,
        "base": base,
        "files": uploaded,
        "entry": entry,
        "transfer_count": len(stored[2]),
        "attachments": one_of_each(uploaded, entry, stored),
    }


def started(miles, team_id, text):
    """The session of a run of the protocol that the text describes."""
    protocol = {"name": "iGEM 2018 LUDOX OD calibration", "content": protocol_steps(text), "version": "2018"}
    template = miles.post("/protocols/templates", protocol | {"team_id": team_id})
    nothing = {"inventory_item_ids": [], "booking_ids": [], "equipment_ids": [], "parameters": {}}
    title = "LUDOX OD600 calibration, March 2021"
    return miles.post("/experiment-console/sessions", {"template_id": template["id"], "title": title, **nothing})


def one_of_each(uploaded, entry, stored):
    by_type = {event["event_type"]: event["id"] for batch in stored for event in batch}
    return [
        *({"file_id": item["id"]} for item in uploaded),
        {"notebook_entry_id": entry["id"]},
        {"qc_event_id": by_type["qc.absorbance"], "label": "Eight absorbances"},
        {"qc_event_id": by_type["qc.plate_reader"]},
        {"analytics_event_id": by_type["analytics.cell_counter"]},
        {"remediation_event_id": by_type["remediation.note"]},
        {"type": "timeline_event", "reference_id": by_type["note.operator"]},
    ]


def instrument_events():
    plate = allotrope_metrics(FILES[3][0], {"absorbance"})
    cells = allotrope_metrics(FILES[5][0], {"viability (cell counter)", "viable cell density (cell counter)"})
    assert plate["absorbance"]["n"] > 1
    assert len(cells) == 2
    return [
        {"event_type": "qc.plate_reader", "payload": {"instrument": "Agilent Gen5", "metrics": plate}},
        {"event_type": "qc.cell_counter", "payload": {"instrument": "Vi-CELL BLU", "metrics": cells}},
        {"event_type": "analytics.cell_counter", "payload": {"metrics": cells}},
        {
            "event_type": "remediation.note",
            "payload": {"text": "Well D1 read twice", "actions": [{"action": "re-read"}]},
        },
    ]


def transfers():
    return biomek_events(ALLOTROPE / "beckman_coulter_biomek" / "pipetting_example.log")


def send(person, base, events):
    """Send once with a key, then again: the repeat answers the same and stores nothing."""
    key = hashlib.sha256(json.dumps(events).encode()).hexdigest()
    first = person.post(f"{base}/events", {"events": events}, headers={"Idempotency-Key": key})
    again = person.post(f"{base}/events", {"events": events}, headers={"Idempotency-Key": key})
    assert again == first
    return first["events"]


@pytest.fixture(scope="module")
def dossier(people, run, tmp_path_factory):
    """Request, two signatures, wait for the worker, download, unpack."""
    miles, base = people["miles"], f"{run['base']}/exports/narrative"
    export = miles.post(
        base,
        {
            "attachments": run["attachments"],
            "notes": "Calibration of March 2021",
            "metadata": {"campaign": "iGEM 2018"},
            "approval_stages": [
                {"name": "QA review", "required_role": "qa", "sla_hours": 24},
                {"name": "Release", "required_role": "approver"},
            ],
        },
    )
    one = f"{base}/{export['id']}"
    assert miles.http.get(f"{one}/artifact").status_code == 409
    assert people["stan"].http.get(one).status_code == 404
    for name in ("quinn", "lena"):
        export = people[name].post(
            f"{one}/approve", {"status": "approved", "signature": name, "password": PASSWORD}, expect=200
        )
    deadline = time.monotonic() + 60
    while export["artifact_status"] != "ready":
        assert export["artifact_status"] in {"queued", "processing"}, export["artifact_error"]
        assert time.monotonic() < deadline, "not packaged within a minute"
        time.sleep(0.3)
        export = miles.get(one)
    answer = miles.http.get(f"{one}/artifact")
    assert answer.status_code == 200
    assert hashlib.sha256(answer.content).hexdigest() == export["artifact_checksum"]
    folder = tmp_path_factory.mktemp("dossier")
    (folder / "dossier.eln").write_bytes(answer.content)
    with zipfile.ZipFile(folder / "dossier.eln") as archive:
        archive.extractall(folder)
    (root,) = (path for path in folder.iterdir() if path.is_dir())
    return {"root": root, "export": export, "archive": folder / "dossier.eln"}


def test_the_bagit_library_finds_the_dossier_valid(dossier):
    assert bagit.Bag(str(dossier["root"])).validate()


@pytest.mark.parametrize("manifest", ["manifest-sha256.txt", "tagmanifest-sha256.txt"])
def test_sha256sum_agrees_with_every_line(dossier, manifest):
    check = subprocess.run(
        ["sha256sum", "--strict", "-c", manifest], cwd=dossier["root"], capture_output=True, text=True
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_the_real_files_come_back_byte_for_byte(dossier):
    shipped = {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (dossier["root"] / "data" / "attachments" / "files").iterdir()
    }
    assert shipped == {hashlib.sha256(path.read_bytes()).hexdigest() for path, _ in FILES}


def test_all_six_kinds_are_in_the_dossier(dossier):
    kinds = {attachment["evidence_type"] for attachment in dossier["export"]["attachments"]}
    assert kinds == {
        "timeline_event", "file", "notebook_entry", "analytics_snapshot", "qc_metric", "remediation_report",
    }  # fmt: skip


def test_the_absorbances_are_rolled_up_in_the_snapshot(dossier):
    (absorbances,) = (a for a in dossier["export"]["attachments"] if a["label"] == "Eight absorbances")
    summary = absorbances["snapshot"]["readings_summary"]
    assert (float(summary["min"]), float(summary["max"])) == (0.05, 0.119)


def test_the_timeline_in_the_dossier_is_the_chain_of_the_portal(dossier, run):
    lines = (dossier["root"] / "data" / "timeline" / "events.jsonl").read_bytes().splitlines()
    chain = json.loads((dossier["root"] / "data" / "timeline" / "chain.json").read_text())
    assert len(lines) == chain["count"] == dossier["export"]["event_count"]
    assert hashlib.sha256(lines[-1]).hexdigest() == chain["head"]
    moved = [json.loads(line) for line in lines if b'"instrument.transfer"' in line]
    assert len(moved) == run["transfer_count"] > 0


def test_the_narrative_in_the_dossier_is_what_was_signed(dossier):
    narrative = (dossier["root"] / "data" / "narrative.md").read_text()
    assert narrative == dossier["export"]["content"]
    assert "LUDOX OD600 calibration, March 2021" in narrative


def test_the_dossier_checks_itself_with_the_standard_library_alone(dossier):
    script = dossier["root"] / "verify_dossier.py"
    check = subprocess.run(["python3", "-I", str(script), str(dossier["archive"])], capture_output=True, text=True)
    assert check.returncode == 0, check.stdout + check.stderr


def test_openssl_verifies_the_seal_over_the_tag_manifest(dossier):
    proof = Path("proof")
    check = subprocess.run(
        [
            "openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(proof / "signing-key.pub.pem"), "-rawin",
            "-in", "tagmanifest-sha256.txt", "-sigfile", str(proof / "tagmanifest-sha256.txt.sig"),
        ],
        cwd=dossier["root"], capture_output=True, text=True,
    )  # fmt: skip
    assert check.returncode == 0, check.stderr


def test_a_stranger_cannot_tell_the_export_from_one_that_never_was(people, run, dossier):
    stan, base = people["stan"], f"{run['base']}/exports/narrative"
    foreign = stan.http.get(f"{base}/{dossier['export']['id']}/artifact")
    unknown = stan.http.get(f"{base}/00000000-0000-4000-8000-000000000000/artifact")
    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json()["detail"] == unknown.json()["detail"]
