"""Where a webhook may go: public addresses by https; inside the house only what the deployment lists.

Checked when an endpoint is registered and again on the very addresses a delivery connects to, because a name may
answer otherwise the second time (DNS rebinding).
"""

import socket
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import urlsplit

from django.conf import settings

PORTS = {"https": 443, "http": 80}
NAT64, MAPPED = ip_network("64:ff9b::/96"), ip_network("::ffff:0:0/96")
PUBLIC_6 = (ip_network("2000::/3"), NAT64, MAPPED)  # the last two as public as the IPv4 address inside
# What Python's own tables call public: a cloud's own service answers there, or the assignment is for special use.
NOT_PUBLIC = [ip_network(network) for network in ("168.63.129.16/32", "192.0.0.0/24", "192.88.99.0/24", "2001::/23")]


class Forbidden(Exception):
    """A webhook may not go there; the text is a sentence for administrators."""


@dataclass(frozen=True)
class Target:
    """The parts of an endpoint's URL; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str


def target_of(url):
    """The parts of a well-formed URL; raises Forbidden. Nothing is looked up."""
    if not url.isascii() or not url.isprintable() or any(character in url for character in ' \\"<>'):
        raise Forbidden("The address holds characters that no URL has. Write names in their xn-- form.")
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError:
        raise Forbidden("This is not the address of a web server.") from None
    if parts.scheme not in PORTS or not host or port == 0 or "%" in host:
        raise Forbidden("The address must begin with https:// and name a host.")
    if "@" in parts.netloc:
        raise Forbidden("The address must not hold a user name or a password.")
    if parts.fragment or url.endswith("#"):
        raise Forbidden("The address must not hold a # part; servers never see it.")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.scheme, host, port or PORTS[parts.scheme], path)


def checked_addresses(target):
    """What the host resolves to now, every address allowed; raises Forbidden."""
    try:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Forbidden(f"The name {target.host} is not known here.") from None
    addresses = list(dict.fromkeys(ip_address(entry[4][0].partition("%")[0]) for entry in found))
    listed = {address: is_listed(target.host, address) for address in addresses}
    for address in addresses:
        if not listed[address] and is_internal(address):
            raise Forbidden(
                f"{target.host} is the internal address {address}. An operator can allow it by the setting "
                "WEBHOOK_ALLOWED_INTERNAL."
            )
    if target.scheme == "http" and not all(listed.values()):
        raise Forbidden("The address must begin with https:// unless WEBHOOK_ALLOWED_INTERNAL lists its host.")
    return [str(address) for address in addresses]


def is_listed(host, address):
    names, networks = settings.WEBHOOK_ALLOWED_INTERNAL
    return host in names or any(address in network for network in networks)


def is_internal(address):
    """Whether an address, or one hidden inside it, is anything but a host on the public internet."""
    return any(_is_internal(each) for each in (address, *_hidden_in(address)))


def _is_internal(address):
    if address.version == 6 and not any(address in network for network in PUBLIC_6):
        return True
    return not address.is_global or address.is_multicast or any(address in network for network in NOT_PUBLIC)


def _hidden_in(address):
    """IPv4 addresses that an IPv6 address leads to: mapped, 6to4, Teredo, NAT64."""
    if address.version == 4:
        return []
    hidden = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in NAT64:
        hidden.append(ip_address(int(address) & 0xFFFFFFFF))
    return [each for each in hidden if each is not None]
