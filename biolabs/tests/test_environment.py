"""Every wrong value stops the start with one sentence, in every program that reads the settings."""

import os
import runpy
import stat
import subprocess
import sys
from ipaddress import ip_network

import pytest

from biolabs import environment
from tests.deployment import ROOT

WRONG = {
    "PORT": ["x", "0", "70000", "8000.0", "-1", "٣"],
    "WEB_CONCURRENCY": ["0", "many"],
    "DEBUG": ["maybe"],
    "SEPARATION_OF_DUTIES": ["perhaps"],
    "ALLOWED_HOSTS": ["http://lab.example", ","],
    "SECRET_KEY": ["too short"],
    "SECRET_KEY_FALLBACKS": ["k" * 40 + " short"],
    "DATABASE_URL": ["mysql://user:secret@host/name", "postgresql", "sqlite://:memory:", "nonsense"],
    "EMAIL_URL": ["nonsense", "ftp://host"],
    "DIGEST_HOUR": ["24"],
    "METRICS_TOKEN": ["too short", "µ" * 40],
    "WEBHOOK_ALLOWED_INTERNAL": ["https://hooks.lab.example", "10.1.2.3/8", "10.0.0.0/40"],
    "REDIS_URL": ["http://host"],
    "TSA_URL": ["ftp://host", "https://", "https://host:99999"],
    "SITE_URL": ["lab.example"],
    "OIDC_CLIENT_ID": ["alone"],
    "S3_ACCESS_KEY_ID": ["alone"],
    "S3_ENDPOINT_URL": ["ftp://store.example"],
    "UPLOAD_MAX_BYTES": ["-1", "1 GB"],
    "RETENTION_DAYS": ["0"],
    "PACKAGING_MAX_ATTEMPTS": ["0"],
    "BIOLABS_DATA_DIR": ["/proc/nowhere"],
}


def start(folder, program="import biolabs.settings as s; print(s.SECRET_KEY)", **given):
    environment = {"PATH": os.environ["PATH"], "BIOLABS_DATA_DIR": str(folder), **given}
    return subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_a_wrong_value_is_one_sentence_that_names_it(monkeypatch, tmp_path, name, value):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("BIOLABS_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as refusal:
        runpy.run_path(str(ROOT / "biolabs" / "settings.py"))
    assert refusal.value.code.startswith("BioLabs cannot start: ")
    assert name in refusal.value.code


def test_hosts_and_networks_are_told_apart(monkeypatch):
    monkeypatch.setenv("WEBHOOK_ALLOWED_INTERNAL", "Hooks.lab.example, 10.1.0.0/16 [::1]")
    assert environment.hosts_and_networks("WEBHOOK_ALLOWED_INTERNAL") == (
        ["hooks.lab.example"],
        [ip_network("10.1.0.0/16"), ip_network("::1/128")],
    )


@pytest.mark.parametrize("name", ["LOG_LEVEL", "LOG_FORMAT", "DATABASE_URL"])
def test_a_refusal_is_all_that_a_terminal_shows(tmp_path, name):
    refused = start(tmp_path, **{name: "nonsense"})
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith(f"BioLabs cannot start: {name} must")
    assert refused.stderr.count("\n") == 1


def test_a_refusal_does_not_repeat_the_password(tmp_path):
    assert "hush" not in start(tmp_path, DATABASE_URL="mysql://user:hush@host/name").stderr


def test_a_second_factor_cannot_be_required_where_nothing_is_asked_for(tmp_path):
    refused = start(tmp_path, SECOND_FACTOR_REQUIRED_TO_SIGN="on", SIGNATURE_REAUTHENTICATION="off")
    assert "SECOND_FACTOR_REQUIRED_TO_SIGN needs SIGNATURE_REAUTHENTICATION to be on." in refused.stderr


def test_a_bucket_goes_with_its_settings(tmp_path):
    refused = start(tmp_path, S3_ENDPOINT_URL="https://store.example")
    assert refused.stderr == "BioLabs cannot start: S3_BUCKET must name a bucket when other S3_ settings are set.\n"


def test_gunicorn_stops_for_good_with_the_same_sentence(tmp_path):
    refused = subprocess.run(
        [sys.executable, "-m", "gunicorn", "biolabs.wsgi", "--bind", f"unix:{tmp_path}/socket", "--workers", "1"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "BIOLABS_DATA_DIR": str(tmp_path), "DEBUG": "maybe"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode != 0
    assert "BioLabs cannot start: DEBUG must be on or off, not 'maybe'." in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize(
    ("missing", "given"),
    [
        ("SECRET_KEY", {"SITE_URL": "https://lab.example"}),
        ("SITE_URL", {"SECRET_KEY": "k" * 50}),
    ],
)
def test_other_hosts_need_a_key_and_an_address(tmp_path, missing, given):
    refused = start(tmp_path, ALLOWED_HOSTS="lab.example", **given)
    assert refused.stderr.startswith(f"BioLabs cannot start: {missing} must be set")


def test_debug_is_for_this_machine_only(tmp_path):
    given = {"ALLOWED_HOSTS": "lab.example", "SECRET_KEY": "k" * 50, "SITE_URL": "https://lab.example"}
    assert start(tmp_path, **given).returncode == 0
    assert "DEBUG" in start(tmp_path, DEBUG="on", **given).stderr


def test_the_secret_key_is_made_once_and_for_its_owner_only(tmp_path):
    first, second = start(tmp_path).stdout, start(tmp_path).stdout
    assert first == second
    assert len(first.strip()) >= 50
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secret_key", "uploads"]


def test_programs_that_start_together_agree_on_the_secret_key(tmp_path):
    program = "from pathlib import Path; from biolabs.environment import _kept_secret; print(_kept_secret(Path('{}')))"
    racing = [
        subprocess.Popen(
            [sys.executable, "-c", program.format(tmp_path / "secret_key")], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    assert len({process.communicate()[0] for process in racing}) == 1


@pytest.mark.parametrize("address", ["https://lab.example", "http://lab.example"])
def test_secure_cookies_follow_the_address(tmp_path, address):
    program = (
        "import biolabs.settings as s; print(s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_HSTS_SECONDS > 0)"
    )
    given = {"ALLOWED_HOSTS": "lab.example", "SECRET_KEY": "k" * 50, "SITE_URL": address}
    assert start(tmp_path, program, **given).stdout.split() == [str(address.startswith("https"))] * 3


def test_a_data_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "lab data #1 100%? ü"
    program = "import biolabs.settings as s; print(s.DATABASES['default']['NAME'])"
    assert start(folder, program).stdout.strip() == str(folder / "biolabs.sqlite3")
