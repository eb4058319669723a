"""Calling a web address that people named: checked, signed, bounded in time, to the very address that was checked."""

import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_address

from django.conf import settings

from andon.domain.webhooks import Address, Forbidden, check_address, read_url, signature

CONNECT_S = 3.0
MOST_ADDRESSES = 3
SILENCE_S = 5.0
WHOLE_S = 10.0
MAX_ANSWER = 64 * 1024


class NotAnswered(Exception):
    """It may work later; the message says what went wrong."""


def call(url: str, secret: str, message_id: str, body: bytes) -> bool:
    """Post `body`; whether the other side says that it was delivered. Raises Forbidden, NotAnswered.

    The same message posted twice, because we died in between, carries the same Idempotency-Key.
    """
    address = read_url(url, settings.WEBHOOK_HOSTS, settings.WEBHOOK_INTERNAL_HOSTS)
    connection = _Pinned(address, _resolve(address))
    try:
        with _cut_after(connection, WHOLE_S):
            connection.request("POST", address.path, body, _headers(secret, message_id, body))
            answer = connection.getresponse()
            said = answer.read(MAX_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise NotAnswered(f"{address.host}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        moved = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        raise NotAnswered(f"{address.host} answered {answer.status}{moved}")
    return _says_delivered(said)


def _headers(secret: str, message_id: str, body: bytes) -> dict[str, str]:
    timestamp = int(time.time())
    return {
        "Content-Type": "application/json",
        "User-Agent": f"MS5/{settings.VERSION}",
        "Idempotency-Key": message_id,
        "MS5-Timestamp": str(timestamp),
        "MS5-Signature": f"sha256={signature(secret, timestamp, body)}",
        "Connection": "close",
    }


def _resolve(address: Address) -> list[str]:
    """The host's addresses, every one of which has to be allowed."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NotAnswered(f"{address.host} has no address: {error}") from error
    addresses = [str(entry[4][0]).partition("%")[0] for entry in found]
    if not address.is_internal:
        for one in addresses:
            check_address(ip_address(one), address.host)
    return list(dict.fromkeys(addresses))


class _Pinned(http.client.HTTPConnection):
    """Asks nobody for the host's address again: a name that leads elsewhere now leads nowhere."""

    def __init__(self, address: Address, ips: list[str]) -> None:
        self.default_port = 443 if address.scheme == "https" else 80
        super().__init__(address.host, address.port, timeout=SILENCE_S)
        self._ips = ips
        self._tls = ssl.create_default_context() if address.scheme == "https" else None
        self.is_over = False  # its time is up; perhaps before there was anything to cut

    def connect(self) -> None:
        plain = self._first_that_answers()
        plain.settimeout(SILENCE_S)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host) if self._tls else plain
        if self.is_over:
            raise TimeoutError("took too long to connect")

    def _first_that_answers(self) -> socket.socket:
        """A host may have an address that has no way to it from here, such as one of IPv6."""
        *others, last = self._ips[:MOST_ADDRESSES]
        for ip in others:
            try:
                return socket.create_connection((ip, self.port), CONNECT_S)
            except OSError:
                continue
        return socket.create_connection((last, self.port), CONNECT_S)


@contextmanager
def _cut_after(connection: _Pinned, seconds: float) -> Iterator[None]:
    """A side that answers one letter at a time is cut off: the time limit of a socket begins anew with each."""
    timer = threading.Timer(seconds, _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: _Pinned) -> None:
    connection.is_over = True
    if sock := connection.sock:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # closed meanwhile


def _says_delivered(said: bytes) -> bool:
    try:
        answer = json.loads(said)
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("delivered") is True


__all__ = ["Forbidden", "NotAnswered", "call"]
