"""Make .venv and install locked requirements into it, when they changed: `python3 scripts/install.py FILE...`.

Runs with whatever Python there is: the version is checked before anything newer is used.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
NEEDED = (3, 11)


def main(names):
    check_python()
    os.chdir(str(ROOT))
    if not works():
        make_venv()
    # What was installed is kept beside it: comparing contents survives a clone, a checkout and a copy.
    changed = [name for name in names if read(ROOT / name) != read(installed(name))]
    if not changed:
        return
    print(f"Installing {' and '.join(changed)} into .venv ...", flush=True)
    command = [str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes"]
    for name in names:
        command += ["-r", name]
    if subprocess.call(command) != 0:
        sys.exit("The packages could not be installed; pip says why above. Run the same command again to go on.")
    for name in names:
        shutil.copyfile(str(ROOT / name), str(installed(name)))


def check_python():
    if sys.version_info < NEEDED:
        found = ".".join(str(part) for part in sys.version_info[:3])
        sys.exit(f"BioLabs needs Python 3.11 or newer, and this is {found}. Try: make run PYTHON=python3.11")
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        sys.exit("This Python cannot make virtual environments. On Debian: apt-get install python3-venv")


def works():
    """A virtual environment that was moved or lost its Python is no good."""
    try:
        found = subprocess.run(
            [str(PYTHON), "-c", "import sys, pip; print(sys.prefix)"], capture_output=True, text=True
        )
    except OSError:
        return False
    return found.returncode == 0 and Path(found.stdout.strip()).resolve() == VENV.resolve()


def make_venv():
    print("Making the virtual environment .venv ...", flush=True)
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(VENV)]) != 0:
        sys.exit("The virtual environment could not be made. On Debian: apt-get install python3-venv")


def installed(name):
    return VENV / f"installed-{name}"


def read(path):
    try:
        return path.read_bytes()
    except OSError:
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
