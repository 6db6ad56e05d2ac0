"""A dozen runs in every state. `days_ago` is when the run began; offsets are in minutes from there."""

from dataclasses import dataclass, field

QA = {"name": "QA review", "required_role": "qa", "sla_hours": 24}
LEAD = {"name": "QA lead review", "required_role": "qa_lead", "sla_hours": 24}
RELEASE = {"name": "Compliance release", "required_role": "compliance", "sla_hours": 48}
APPROVAL = {"name": "Team approval", "required_role": "approver", "sla_hours": 72}
SCIENTIST = {"name": "Scientist review", "required_role": "scientist", "sla_hours": 24}
LADDER = (SCIENTIST, LEAD, RELEASE)


@dataclass(frozen=True)
class DemoExport:
    """`signs`: (person, decision, notes) in order; requested `after` minutes into the run."""

    stages: tuple
    after: int
    signs: tuple = ()
    notes: str = ""


@dataclass(frozen=True)
class DemoRun:
    title: str
    protocol: str
    runner: str
    days_ago: float
    steps_done: int
    started: bool = False
    events: tuple = ()
    notebook: tuple | None = None
    files: tuple = ()
    exports: tuple = field(default=())


def qpcr_events(mean, efficiency):
    """A plate read, its standard curve, and a note."""
    readings = [{"well": f"{row}{column}", "value": round(mean + shift, 1)} for row, column, shift in PLATE]
    return (
        ("instrument.plate_loaded", {"instrument": "QuantStudio 5", "serial": "272521138", "plate": "P3"}),
        ("qc.plate_read", {"channel": "FAM", "target": "N1", "readings": readings, "text": "NTC undetermined"}),
        ("analytics.standard_curve", {"metrics": {"efficiency": efficiency, "r_squared": 0.9984, "slope": -3.41}}),
    )


PLATE = (("A", 1, -3.5), ("A", 2, -3.4), ("B", 1, 0.2), ("B", 2, 0.0), ("C", 1, 3.1), ("C", 2, 3.6))
DEVIATION = (
    "remediation.deviation",
    {"text": "Well C7 pipetted again; lot 2209-B confirmed in date", "actions": ["re-pipette C7", "check lot 2209-B"]},
)
PLATE_CSV = "well,sample,cq\nA1,NC-17,24.1\nA2,NC-17,24.2\nB1,NC-18,27.8\nB2,NC-18,27.6\nC1,NC-19,30.7\nC2,NC-19,31.2\n"
HPLC_CSV = "vial,monomer_percent,aggregate_percent\nV1,98.4,1.1\nV2,98.2,1.2\nV3,98.5,1.0\n"
MASTER_MIX = """\
Lot 2209-B, opened today. 96 reactions plus 8 % excess.

| Component | per well | for 104 |
| --- | --- | --- |
| 4x one-step mix | 5 µL | 520 µL |
| primer-probe mix N1 | 1.5 µL | 156 µL |
| water | 8.5 µL | 884 µL |

Kept on ice and in the dark until dispensed.
"""

RUNS = (
    DemoRun(
        "SARS-CoV-2 N1 assay validation", "rtqpcr", "jonas", 3, 8,
        events=(*qpcr_events(27.6, 0.973), DEVIATION),
        notebook=("Master mix preparation", MASTER_MIX),
        files=(("plate3_raw.csv", "text/csv", PLATE_CSV),),
        exports=(
            DemoExport((SCIENTIST, LEAD, RELEASE), 240, signs=(
                ("lea", "approved", "Data reviewed against protocol 2.1"),
                ("mira", "rejected", "Attach the raw file of plate 3 and name the lot of the master mix."),
            ), notes="First version"),
            DemoExport((SCIENTIST, LEAD, RELEASE), 1500, signs=(
                ("lea", "approved", "Raw file attached, lot named"),
            ), notes="Plate 3 raw file attached; lot 2209-B named."),
        ),
    ),
    DemoRun(
        "Plasmid prep pGL4.13, batch 22", "plasmid", "lea", 0.4, 7,
        events=(("qc.nanodrop", {"metrics": {"a260_a280": 1.87, "ng_per_ul": 612}}),),
        notebook=("Midiprep log", "Pellet 1.9 g. Lysate clear. Gel: two bands, 3.2 and 1.5 kb, as expected."),
        exports=(DemoExport((QA, RELEASE), 60),),
    ),
    DemoRun(
        "Western control plasmid, batch 21", "plasmid", "jonas", 12, 7,
        events=(("qc.nanodrop", {"metrics": {"a260_a280": 1.9, "ng_per_ul": 488}}),),
        exports=(DemoExport((QA, RELEASE), 90, signs=(
            ("tomas", "approved", "Purity and yield in range"), ("ruth", "approved", "Released"),
        )),),
    ),
    DemoRun(
        "LUDOX calibration, plate reader 2", "ludox", "jonas", 20, 5,
        events=(
            ("qc.absorbance", {"unit": "AU", "readings": [{"well": w, "value": v} for w, v in (
                ("A1", 0.108), ("B1", 0.077), ("C1", 0.11), ("D1", 0.119), ("A2", 0.066), ("B2", 0.054))]}),
            ("qc.od600", {"metrics": {"conversion_factor": 1.458}}),
        ),
        exports=(DemoExport((QA,), 45, signs=(("mira", "approved", "Factor within 5 % of last month"),)),),
    ),
    DemoRun(
        "LUDOX calibration, plate reader 1", "ludox", "lea", 0.2, 3, started=True,
    ),
    DemoRun(
        "Cell line authentication HEK293, bank 7", "hek", "samir", 0.3, 6,
        events=(("qc.cell_count", {"metrics": {"viability_percent": 96.9, "viable_million_per_ml": 0.75}}),),
        exports=(DemoExport((QA, RELEASE, APPROVAL), 30),),
    ),
    DemoRun(
        "Cell line authentication HEK293, bank 6", "hek", "samir", 30, 6,
        events=(("qc.cell_count", {"metrics": {"viability_percent": 94.1, "viable_million_per_ml": 0.82}}),),
        exports=(DemoExport((QA, RELEASE), 120, signs=(
            ("mira", "approved", "Profile matches the reference"), ("ruth", "approved", "Released to the bank"),
        )),),
    ),
    DemoRun(
        "Stability pull, month 6", "stability", "samir", 6, 6,
        events=(
            ("instrument.chamber", {"chamber": "C-04", "celsius": 5.1}),
            ("qc.sec_hplc", {"metrics": {"monomer_percent": 98.4, "aggregate_percent": 1.1}}),
            ("qc.elisa", {"metrics": {"relative_potency_percent": 103}}),
        ),
        files=(("sec_month6.csv", "text/csv", HPLC_CSV),),
        exports=(DemoExport((QA, RELEASE), 300, signs=(
            ("tomas", "approved", "All results in specification"), ("ruth", "approved", "Released"),
        )),),
    ),
    DemoRun(
        "Stability pull, month 9", "stability", "ingrid", 4, 6,
        events=(("qc.sec_hplc", {"metrics": {"monomer_percent": 96.8, "aggregate_percent": 2.3}}),),
        exports=(DemoExport((QA, RELEASE), 200, signs=(
            ("tomas", "rejected", "Monomer below 97.0 %: open a deviation and repeat the SEC run."),
        )),),
    ),
    DemoRun("Stability pull, month 12", "stability", "samir", 0.1, 2, started=True),
    DemoRun("SARS-CoV-2 N1, clinical panel A", "rtqpcr", "lea", 0.05, 0),
    DemoRun("Plasmid prep pGL4.13, batch 23", "plasmid", "jonas", 1.5, 4, started=True,
            events=(("note.observation", {"text": "Culture was turbid after 12 h, harvested early."}),)),
)  # fmt: skip
