"""Five protocols as a bench would write them; one step a line."""

from dataclasses import dataclass

from biolabs.demo.people import ASSAY, CELLS


@dataclass(frozen=True)
class DemoProtocol:
    key: str
    name: str
    version: str
    team: str
    steps: str


PROTOCOLS = (
    DemoProtocol("rtqpcr", "RT-qPCR, SARS-CoV-2 N1 target", "2.1", ASSAY, """\
Thaw primers, probe (FAM) and RNA standards on ice; spin 10 s at 2,000 g
Prepare master mix for 96 reactions in the PCR hood: 5 µL 4x one-step mix, 1.5 µL primer-probe mix, 8.5 µL water
Dispense 15 µL master mix per well into a 96-well plate, rows A to H
Add 5 µL template per well: samples in triplicate, standards 10^6 to 10^1 copies in A11 to F12, NTC in G11 to H12
Seal, spin 1 min at 1,000 g, load the QuantStudio 5
Run: 50 °C 15 min, 95 °C 2 min, 45 cycles of 95 °C 3 s and 55 °C 30 s
Check the NTC wells for no Cq below 40 and the standard curve for efficiency 90 to 110 % and R² of at least 0.99
Export raw data and record Cq values per sample
"""),
    DemoProtocol("ludox", "LUDOX OD600 plate reader calibration", "1.3", ASSAY, """\
Bring LUDOX CL-X (45 %) and water to room temperature
Pipette 100 µL LUDOX CL-X into wells A1 to D1 of a clear flat-bottom plate
Pipette 100 µL water into wells A2 to D2
Measure absorbance at 600 nm, pathlength correction off, three reads
Calculate the conversion factor: 0.063 divided by the mean net absorbance
"""),
    DemoProtocol("plasmid", "Plasmid midiprep, pGL4.13", "4.0", ASSAY, """\
Inoculate 100 mL LB with ampicillin (100 µg/mL) from a single colony; 37 °C, 220 rpm, 14 h
Harvest by centrifugation, 6,000 g, 15 min, 4 °C; note the pellet weight
Resuspend, lyse for 5 min, neutralise; do not vortex
Load the cleared lysate on the equilibrated column and let it pass by gravity
Wash twice, elute, precipitate with isopropanol, wash with 70 % ethanol
Dissolve in 200 µL TE; measure A260/A280 on the NanoDrop
Digest 500 ng with HindIII and check the bands on a 1 % gel
"""),
    DemoProtocol("hek", "HEK293 cell line authentication", "1.0", CELLS, """\
Thaw one vial at 37 °C for 90 s; transfer to 9 mL DMEM with 10 % FBS
Count on the Vi-CELL BLU; go on at a viability of at least 85 %
Extract genomic DNA from 2 million cells
Send 1 µg for STR profiling, 16 loci; record the shipment number
Compare the profile with the reference; a match of 80 % or more authenticates
Test the supernatant for mycoplasma by PCR
"""),
    DemoProtocol("stability", "Stability pull, reference antibody", "3.2", CELLS, """\
Pull three vials from the 2 to 8 °C chamber; record chamber temperature and vial numbers
Equilibrate 30 min at room temperature, inspect against black and white
Measure protein by A280 in triplicate
Run SEC-HPLC: monomer of at least 97.0 %, aggregates of at most 2.0 %
Determine binding by ELISA against the reference; relative potency of 80 to 125 %
Return unused vials and update the sample log
"""),
)  # fmt: skip
