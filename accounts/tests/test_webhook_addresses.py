"""Where a webhook may go."""

from ipaddress import ip_address, ip_network

import pytest

from accounts.tests.hooks import resolving
from accounts.webhook_addresses import Forbidden, checked_addresses, is_internal, target_of

INTERNAL = [
    "127.0.0.1",
    "127.8.9.1",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.1.2.3",
    "240.0.0.1",
    "255.255.255.255",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1",
    "fc00::1",
    "fd00:ec2::254",
    "fec0::1",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b:1::1",
    "192.88.99.1",
    "::7f00:1",
    "4000::1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2001:0:7f00:1::",
    "2001:db8::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_known(address):
    assert is_internal(ip_address(address))


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_known(address):
    assert not is_internal(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example",
        "ftp://hooks.example",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "gopher://hooks.example",
        "https://",
        "https://user:pass@hooks.example",
        "https://hooks.example@evil.example",
        "https://hooks.example/#part",
        "https://hooks.example/a b",
        "https://hooks.example\\@evil.example",
        "https://hooks.example:0/",
        "https://hooks.example:99999/",
        "https://hooks.example:x/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://hööks.example/",
        "https://hooks.example/\r\nX: y",
        "https://hooks.example/\x00",
    ],
    ids=range(20),
)
def test_what_is_no_address_of_a_web_server_is_refused(url):
    with pytest.raises(Forbidden):
        target_of(url)


def test_a_url_is_taken_apart():
    target = target_of("https://Hooks.Example.:8443/in?team=1")
    assert (target.scheme, target.host, target.port, target.path) == ("https", "hooks.example", 8443, "/in?team=1")
    assert target_of("https://hooks.example").path == "/"


@pytest.mark.parametrize("address", INTERNAL[:8])
def test_a_name_that_leads_inside_is_refused_even_as_one_of_several(monkeypatch, address):
    resolving(monkeypatch, {"hooks.example": ["8.8.8.8", address]})
    with pytest.raises(Forbidden, match="internal address"):
        checked_addresses(target_of("https://hooks.example/"))


@pytest.mark.parametrize("host", ["2130706433", "0x7f.1", "127.1", "017700000001", "[::ffff:7f00:1]", "localhost"])
def test_every_way_to_write_loopback_is_refused(host):
    with pytest.raises(Forbidden):
        checked_addresses(target_of(f"https://{host}/"))


def test_a_name_that_nobody_knows_is_a_sentence(monkeypatch):
    resolving(monkeypatch, {})
    with pytest.raises(Forbidden, match=r"The name nowhere.example is not known here\."):
        checked_addresses(target_of("https://nowhere.example/"))


@pytest.mark.parametrize(
    "listed", [(["hooks.lab"], []), ([], [ip_network("10.1.0.0/16")]), ([], [ip_network("10.1.2.3/32")])]
)
def test_what_the_deployment_lists_may_be_reached_by_http_too(monkeypatch, settings, listed):
    resolving(monkeypatch, {"hooks.lab": ["10.1.2.3"], "other.lab": ["10.2.0.1"], "hooks.example": ["8.8.8.8"]})
    settings.WEBHOOK_ALLOWED_INTERNAL = listed
    assert checked_addresses(target_of("https://hooks.lab/")) == ["10.1.2.3"]
    assert checked_addresses(target_of("http://hooks.lab/")) == ["10.1.2.3"]
    assert checked_addresses(target_of("https://hooks.example/")) == ["8.8.8.8"]
    with pytest.raises(Forbidden, match="internal"):
        checked_addresses(target_of("https://other.lab/"))
    with pytest.raises(Forbidden, match="https://"):
        checked_addresses(target_of("http://hooks.example/"))
