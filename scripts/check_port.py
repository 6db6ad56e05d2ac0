"""Say in one sentence when the port is not to be had, before anything is installed."""

import os
import socket
import sys

port = os.environ.get("PORT", "").strip() or "8000"
host = os.environ.get("HOST", "").strip() or "127.0.0.1"
if not (port.isdigit() and 1 <= int(port) <= 65535):
    sys.exit(f"PORT must be a whole number from 1 to 65535, not {port!r}.")
with socket.socket() as probe:
    # As gunicorn binds: a port of a server that just stopped is free.
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, int(port)))
    except OSError as error:
        sys.exit(f"Port {port} is not free ({error.strerror}). Try: make run PORT=8080")
