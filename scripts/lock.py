"""Write requirements*.txt with hashes from requirements*.in, for every platform from Python 3.11 on."""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OPTIONS = ["--generate-hashes", "--universal", "--python-version", "3.11", "--no-annotate", "--no-header"]
# pip looks for coverage[toml], which pytest-cov wants, apart from coverage, takes the newest and refuses it unpinned.
OPTIONS += ["--no-strip-extras"]
# Where this machine gets its packages from is nobody else's business.
OPTIONS += ["--no-emit-index-url", "--no-emit-find-links", "--quiet"]

with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    programs = Path(folder) / "bin"
    subprocess.run([programs / "python", "-m", "pip", "install", "--quiet", "uv"], check=True)
    for name in ("requirements", "requirements-dev", "requirements-e2e"):
        command = [programs / "uv", "pip", "compile", *OPTIONS, f"{name}.in", "--output-file", f"{name}.txt"]
        subprocess.run([*command, *sys.argv[1:]], check=True, cwd=ROOT)
