"""An S3 bucket spoken to for real: moto answers on a port of this machine."""

import pytest


def bucket_server():
    """Yields the address; skips where moto is not installed."""
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def under(location, address):
    """The storage that keeps its objects below this prefix of the bucket `lab`."""
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": "lab",
            "location": location,
            "endpoint_url": address,
            "region_name": "us-east-1",
            "access_key": "x",
            "secret_key": "x",
            "default_acl": None,
            "file_overwrite": False,
        },
    }
