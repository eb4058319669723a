"""Where webhooks may go, and how they are signed."""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

NAT64 = IPv6Network("64:ff9b::/96")


class Forbidden(ValueError):
    """This address is not called; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Address:
    """`is_internal`: somebody listed the host as one of the plant's own."""

    scheme: str
    host: str
    port: int
    path: str
    is_internal: bool


def read_url(url: str, hosts: Iterable[str], internal_hosts: Iterable[str]) -> Address:
    """Take the address apart. Raises Forbidden for one that may not be called.

    `.example.com` in a list means every host below it.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise Forbidden("This is not a web address.") from error
    if parts.scheme not in ("https", "http") or not host or not url.isascii() or any(c <= " " for c in url):
        raise Forbidden("Write a whole web address such as https://hooks.example.com/andon.")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("Leave user name and password out of the address; the signature says who calls.")
    is_internal = is_listed(host, internal_hosts)
    if not is_internal and not is_listed(host, hosts):
        raise Forbidden(f"{host} is not among the hosts that may be called. Have it added to MS5_WEBHOOK_HOSTS.")
    if parts.scheme == "http" and not is_internal:
        raise Forbidden("Only https is called outside the plant, or anybody on the way could read the calls.")
    if not is_internal:
        _check_literal(host)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path, is_internal)


def is_listed(host: str, listed: Iterable[str]) -> bool:
    host = host.lower()
    return any(host == one.lower() or (one.startswith(".") and host.endswith(one.lower())) for one in listed)


def _check_literal(host: str) -> None:
    try:
        address = ip_address(host)
    except ValueError:
        return
    check_address(address, host)


def check_address(address: IPv4Address | IPv6Address, host: str) -> None:
    """Raise Forbidden for an address inside the plant, of this machine or of no machine at all."""
    if not is_public(address):
        raise Forbidden(
            f"{host} is {address}, which is inside. To call it all the same, have the host added to"
            " MS5_WEBHOOK_INTERNAL_HOSTS."
        )


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Also sees through the ways of writing an IPv4 address as an IPv6 one."""
    if isinstance(address, IPv6Address):
        if inner := _inside(address):
            return is_public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _inside(address: IPv6Address) -> IPv4Address | None:
    if address in NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)


def signature(secret: str, timestamp: int, body: bytes) -> str:
    """HMAC-SHA256 over "timestamp.body", in hexadecimal."""
    return hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
