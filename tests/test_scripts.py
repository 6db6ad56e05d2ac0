"""What `make` calls: it says in one sentence why it stops, and its exit status is honest."""

import importlib.util
import os
import socket
import subprocess
import sys

import pytest

from tests.deployment import ROOT


def run(script, **environment):
    return subprocess.run(
        [sys.executable, f"scripts/{script}.py"],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def loaded(script):
    spec = importlib.util.spec_from_file_location(f"script_{script}", ROOT / "scripts" / f"{script}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_taken_port_is_one_sentence():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = run("check_port", PORT=str(port))
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == f"Port {port} is not free (Address already in use). Try: make run PORT=8080\n"


def test_a_free_port_is_fine():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert run("check_port", PORT=str(port)).returncode == 0


@pytest.mark.parametrize("port", ["eighty", "0", "65536"])
def test_a_port_that_is_none_is_one_sentence(port):
    refused = run("check_port", PORT=port)
    assert refused.returncode == 1
    assert refused.stderr == f"PORT must be a whole number from 1 to 65535, not '{port}'.\n"


def test_an_old_python_is_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 9, 2, "final", 0))
    with pytest.raises(SystemExit) as refusal:
        loaded("install").check_python()
    assert refusal.value.code == (
        "BioLabs needs Python 3.11 or newer, and this is 3.9.2. Try: make run PYTHON=python3.11"
    )


def test_a_python_without_venv_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(SystemExit) as refusal:
        loaded("install").check_python()
    assert refusal.value.code.endswith("On Debian: apt-get install python3-venv")


REPORT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'


@pytest.mark.parametrize(
    ("counts", "words", "passed"),
    [
        ((412, 0, 0, 0), "412 passed", 412),
        ((412, 0, 0, 3), "409 passed 3 skipped", 409),
        ((412, 1, 1, 0), "2 FAILED 410 passed", 410),
        ((0, 0, 0, 0), "0 passed", 0),
    ],
)
def test_the_last_line_counts_what_pytest_reported(tmp_path, counts, words, passed):
    (tmp_path / "report.xml").write_text(REPORT.format(*counts))
    assert loaded("test").counted(tmp_path / "report.xml") == (words, passed)


def test_a_run_without_a_report_did_not_finish(tmp_path):
    assert loaded("test").counted(tmp_path / "report.xml") == ("did not finish", 0)


@pytest.mark.parametrize(("fine", "status"), [(True, 0), (False, 1)])
def test_one_part_that_failed_is_a_failure_of_all(monkeypatch, capsys, fine, status):
    script = loaded("test")
    monkeypatch.setattr(script, "PARTS", {"a": ("one", lambda: ("clean", True)), "b": ("two", lambda: ("done", fine))})
    assert script.main([]) == status
    assert capsys.readouterr().out.splitlines()[-1] == "BioLabs: one clean, two done."
