"""One POST to one checked address: no proxy, no redirect, no second look-up, an end after some seconds."""

import socket
import ssl
import threading
import time
from contextlib import contextmanager
from http.client import HTTPConnection

from accounts.webhook_addresses import PORTS

TLS = ssl.create_default_context()


def post(target, addresses, body, headers, *, seconds):
    """The status the server answers; its body is not read. Raises OSError (TimeoutError too) and HTTPException."""
    connection = _Connection(target, addresses, seconds)
    try:
        with _ending(connection, seconds):
            connection.request("POST", target.path, body=body, headers=headers)
            return connection.getresponse().status
    finally:
        connection.close()


class _Connection(HTTPConnection):
    """Goes to the checked addresses, while Host and certificate are those of the name."""

    def __init__(self, target, addresses, seconds):
        super().__init__(target.host, target.port, timeout=seconds)
        self.default_port = PORTS[target.scheme]  # so that Host has no port where none was written
        self._target, self._addresses, self._until = target, addresses, time.monotonic() + seconds

    def connect(self):
        self.sock = self._first_that_answers()
        if self._target.scheme == "https":
            # The handshake afterwards: the alarm must find the socket that hangs in it.
            self.sock = TLS.wrap_socket(self.sock, server_hostname=self._target.host, do_handshake_on_connect=False)
            self.sock.do_handshake()

    def _first_that_answers(self):
        for address in self._addresses[:-1]:
            try:
                return self._open(address)
            except OSError:
                continue
        return self._open(self._addresses[-1])

    def _open(self, address):
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return socket.create_connection((address, self._target.port), timeout=left)


@contextmanager
def _ending(connection, seconds):
    # A timeout of the socket counts each read; a server that drips a byte at a time would hold us for hours.
    over = threading.Event()

    def end():
        over.set()
        if connection.sock is not None:
            try:
                socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)
            except OSError:
                pass  # closed already

    alarm = threading.Timer(seconds, end)
    alarm.daemon = True
    alarm.start()
    try:
        yield
    except Exception as error:
        if over.is_set():
            raise TimeoutError from error
        raise
    finally:
        alarm.cancel()
