"""Settings from the environment, checked one by one: a wrong value stops the start with one sentence."""

import os
import re
import secrets
import warnings
from ipaddress import ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ

env = environ.Env()

ON = {"1", "on", "true", "yes"}
OFF = {"0", "off", "false", "no"}
LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1"}
SQLITE = "django.db.backends.sqlite3"
POSTGRESQL = "django.db.backends.postgresql"
DATABASE_LOOKS_LIKE = "sqlite:////folder/file.sqlite3 or postgresql://user:password@host/name"
EMAIL_LOOKS_LIKE = "smtp+tls://user:password@host:587 or filemail:////folder"
SECRET_KEY_LEAST = 32
HOST_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]([a-z0-9.-]*[a-z0-9])?", re.IGNORECASE)
MODE_OWNER_ONLY = 0o600


def refuse(sentence):
    """Stop the start. SystemExit, because Django would wrap anything else in a traceback."""
    raise SystemExit(f"BioLabs cannot start: {sentence}")


def text(name, default=""):
    value = env.str(name, default=default).strip()
    if "\x00" in value or "\n" in value:
        refuse(f"{name} must be one line of text.")
    return value


def flag(name, *, default):
    value = text(name).lower()
    if not value:
        return default
    if value not in ON | OFF:
        refuse(f"{name} must be on or off, not {value!r}.")
    return value in ON


def whole(name, default, *, least, most):
    """A whole number from `least` to `most`."""
    value = text(name) or str(default)
    if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
        refuse(f"{name} must be a whole number from {least} to {most}, not {value!r}.")
    return int(value)


def choice(name, default, options):
    value = text(name, default).lower() or default
    if value not in options:
        refuse(f"{name} must be one of {', '.join(options)}, not {value!r}.")
    return value


def address(name, default="", *, schemes=("https", "http")):
    """A URL with one of these schemes and a host, without a slash at its end; empty when not set."""
    value = (text(name) or default).rstrip("/")
    if value:
        try:
            parts = urlsplit(value)
            well_formed = parts.scheme in schemes and (parts.hostname or parts.scheme == "unix")
            well_formed = well_formed and (parts.port is None or parts.port > 0)
        except ValueError:
            well_formed = False
        if not well_formed:
            refuse(f"{name} must be an address that begins with {' or '.join(f'{s}://' for s in schemes)}.")
    return value


def hosts(name, default):
    names = [host.strip().lower() for host in text(name, ",".join(default)).split(",") if host.strip()]
    if not names:
        refuse(f"{name} must name at least one host, separated by commas.")
    for host in names:
        if "/" in host or " " in host:
            refuse(f"{name} takes host names only, separated by commas, not {host!r}.")
    return names


def hosts_and_networks(name):
    """Host names and networks, an address being a network of one: `(names, networks)`."""
    names, networks = [], []
    for word in text(name).replace(",", " ").split():
        try:
            networks.append(ip_network(word.strip("[]")))
        except ValueError:
            if not HOST_NAME.fullmatch(word):
                refuse(f"{name} takes host names, addresses and networks such as 10.1.0.0/16, not {word!r}.")
            names.append(word.lower())
    return names, networks


def only_this_machine(names):
    return all(name in LOOPBACK for name in names)


def folder(name, default):
    """A folder that exists afterwards and can be written."""
    path = Path(text(name) or default).expanduser().resolve()
    try:
        path.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as error:
        refuse(f"{name} is {path}, and that folder cannot be made ({error.strerror}).")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        refuse(f"{name} is {path}, and this user may not write there.")
    return path


def database(name, sqlite_file):
    """Django's settings for one SQLite or PostgreSQL database, with the options our transactions rely on."""
    # Not through a URL: a folder's name may hold any character.
    config = _parsed(name, env.db_url, DATABASE_LOOKS_LIKE)
    if config is None:
        config = {"ENGINE": SQLITE, "NAME": str(sqlite_file)}
    options = dict(config.get("OPTIONS", {}))
    if config.get("ENGINE") == SQLITE:
        options |= {
            # IMMEDIATE takes the write lock at BEGIN, so that "lock, then check" holds here too.
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            # recursive_triggers: INSERT OR REPLACE would slip past the delete triggers otherwise.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;",
        }
    elif config.get("ENGINE") == POSTGRESQL:
        # A frozen process must not keep an execution's lock for ever.
        options.setdefault("options", "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s")
    else:
        refuse(f"{name} must look like {DATABASE_LOOKS_LIKE}.")
    if not config.get("NAME") or config["NAME"] == ":memory:":
        refuse(f"{name} must name a database that outlives the process.")
    return {**config, "OPTIONS": options, "ATOMIC_REQUESTS": False, "CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}


def email(name, outbox):
    """Django's EMAIL_* settings, for example from smtp+tls://user:password@host:587; else files in `outbox`."""
    config = _parsed(name, env.email_url, EMAIL_LOOKS_LIKE)
    if config is None:
        return {"EMAIL_BACKEND": "django.core.mail.backends.filebased.EmailBackend", "EMAIL_FILE_PATH": str(outbox)}
    return {key: value for key, value in config.items() if key.startswith("EMAIL_") and value is not None}


def _parsed(name, parse, looks_like):
    if not text(name):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # what the parser does not know, it only warns of
            return parse(name)
    except Exception:
        # The parser's own words may repeat the password.
        refuse(f"{name} must look like {looks_like}.")


def secret_key(name, data_dir, *, may_make):
    """The key of sessions and tokens; made on first run when the portal serves this machine only."""
    value = text(name)
    if value:
        return _long_enough(value, name)
    if not may_make:
        refuse(f"{name} must be set when ALLOWED_HOSTS names other hosts than this machine.")
    return _kept_secret(data_dir / "secret_key")


def secret_keys(name):
    """Earlier keys, separated by spaces: what was sealed with them is still believed."""
    return [_long_enough(value, f"Each key of {name}") for value in text(name).split()]


def _long_enough(value, name):
    if len(value) < SECRET_KEY_LEAST:
        refuse(f"{name} must have at least {SECRET_KEY_LEAST} characters.")
    return value


def _kept_secret(path):
    if not path.exists():
        draft = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, MODE_OWNER_ONLY), "w") as file:
            file.write(secrets.token_urlsafe(48))
        try:
            # Web server and worker start together: the first link wins, both read the same key.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    try:
        return path.read_text().strip()
    except OSError as error:
        refuse(f"the secret key in {path} cannot be read ({error.strerror}).")
