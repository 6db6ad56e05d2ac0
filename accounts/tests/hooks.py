"""A real web server in a thread, and names that resolve as a test says."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from accounts import webhooks

LOOPBACK = ([], [ip_network("127.0.0.0/8")])


class Hook:
    """Keeps what it was sent; answers the statuses of `answers` in turn, then 200."""

    def __init__(self, tls=None):
        self.requests, self.answers, self.extra = [], [], {}
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                hook.requests.append((self.path, dict(self.headers), body))
                self.send_response(hook.answers.pop(0) if hook.answers else 200)
                for name, value in hook.extra.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


def certificate_for(name, folder):
    """`(server's context, certificate file)`, self-signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), 1, now - timedelta(days=1), now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file, key_file = folder / "certificate.pem", folder / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key_file)
    return context, file


def resolving(monkeypatch, answers):
    """Names resolve to these addresses; a list of lists answers the first look-up, then the second, and so on."""
    asked = []

    def getaddrinfo(host, port, *_, **__):
        asked.append(host)
        if host not in answers:
            raise socket.gaierror
        found = answers[host]
        if found and isinstance(found[0], list):
            found = found.pop(0) if len(found) > 1 else found[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr("accounts.webhook_addresses.socket.getaddrinfo", getaddrinfo)
    return asked


def told(kind="ladder_approved", team_id=None, **payload):
    return webhooks.tell(kind, {"title": "Run 12", "path": "/exports/1/", **payload}, team_id=team_id)
