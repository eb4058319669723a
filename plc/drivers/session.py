"""pycomm3 made safe: one deadline per exchange, every reply checked against its request, one life per object.

pycomm3 1.2.16 loops for ever on a reply cut short, waits without bound for a reply that trickles, and takes a
late reply for the answer to the next question. None of that can pass the socket and the checks below. Private
names of it are used, which is why its version is pinned and tests/plc/drivers/test_session.py watches them.
"""

import contextlib
import itertools
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from pycomm3 import CIPDriver
from pycomm3.cip_driver import with_forward_open
from pycomm3.exceptions import ResponseError
from pycomm3.packets import RequestPacket, ResponsePacket, SendUnitDataRequestPacket

from plc.drivers.base import DriverError, Endpoint

# pycomm3 logs a traceback for each bad tag in each scan; what matters is said once, by the reader.
logging.getLogger("pycomm3").setLevel(logging.CRITICAL)

Result = TypeVar("Result")

HEADER_BYTES = 24
LIST_IDENTITY, REGISTER_SESSION, SEND_RR_DATA, SEND_UNIT_DATA = 0x63, 0x65, 0x6F, 0x70
HINT_CABLE = "Check that the controller has power, the network cable, and that address and port are right."
HINT_BUSY = "The controller was reached but did not answer in time: check its load, the network and the time limits."
HINT_NOT_A_CONTROLLER = "Something answers there, but not as a controller: check address and port."
HINT_SLOT = "Check the slot number, and whether other programs use up all connections of the controller."


class DeadlineSocket:
    """What pycomm3 calls on its socket. Every exchange, from send to the last byte, has one deadline."""

    def __init__(self, connect_s: float, exchange_s: float) -> None:
        self._connect_s = connect_s
        self._exchange_s = exchange_s
        self._until = 0.0
        self._command = b""
        self._sock: socket.socket | None = None

    def connect(self, host: str, port: int) -> None:
        try:
            self._sock = socket.create_connection((host, port), self._connect_s)
        except TimeoutError:
            raise DriverError(f"No answer from {host}:{port} within {self._connect_s:g} s.", HINT_CABLE) from None
        except ConnectionRefusedError:
            raise DriverError(f"{host} refuses connections on port {port}.", HINT_CABLE) from None
        except OSError as error:
            raise DriverError(f"{host}:{port} cannot be reached: {error.strerror or error}.", HINT_CABLE) from error
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, message: bytes, timeout: float = 0) -> int:
        self._until = time.monotonic() + self._exchange_s
        self._command = message[:2]
        try:
            self._armed().sendall(message)
        except OSError as error:
            raise _lost(error, self._exchange_s) from error
        return len(message)

    def receive(self, timeout: float = 0) -> bytes:
        head = self._take(HEADER_BYTES)
        if head[:2] != self._command:
            raise DriverError("The answer is not EtherNet/IP.", HINT_NOT_A_CONTROLLER)
        return head + self._take(int.from_bytes(head[2:4], "little"))

    def close(self) -> None:
        if self._sock is not None:
            with contextlib.suppress(OSError):
                self._sock.close()

    def _take(self, wanted: int) -> bytes:
        taken = b""
        while len(taken) < wanted:
            try:
                part = self._armed().recv(wanted - len(taken))
            except OSError as error:
                raise _lost(error, self._exchange_s) from error
            if not part:
                raise DriverError("The controller closed the connection.", HINT_CABLE)
            taken += part
        return taken

    def _armed(self) -> socket.socket:
        left = self._until - time.monotonic()
        if left <= 0:
            raise DriverError(f"No complete answer within {self._exchange_s:g} s.", HINT_BUSY)
        if self._sock is None:
            raise DriverError("There is no connection.", HINT_CABLE)
        self._sock.settimeout(left)
        return self._sock


def _lost(error: OSError, exchange_s: float) -> DriverError:
    if isinstance(error, TimeoutError):
        return DriverError(f"No complete answer within {exchange_s:g} s.", HINT_BUSY)
    return DriverError(f"The connection broke: {error.strerror or error}.", HINT_CABLE)


class Session(CIPDriver):  # type: ignore[misc]  # pycomm3 carries no types
    """A session and a connection to one controller. Used by one thread, for one life."""

    _auto_slot_cip_path = True

    def __init__(self, endpoint: Endpoint, *, large: bool) -> None:
        super().__init__(f"{endpoint.host}:{endpoint.port}/{endpoint.slot}")
        self._sock = DeadlineSocket(endpoint.connect_s, endpoint.exchange_s)
        self._cfg["extended forward open"] = large
        self._cfg["connection_size"] = 4000 if large else 500
        self._contexts = itertools.count(int.from_bytes(b"ms5", "little") << 32)
        self._thread: int | None = None
        self._spent = False

    def guarded(self, work: Callable[[], Result]) -> Result:
        """Run `work`; whatever goes wrong comes out as a DriverError, and this object is spent."""
        if self._spent:
            raise DriverError("This connection was given up; build a new one.")
        if self._thread not in (None, threading.get_ident()):
            raise DriverError("A connection belongs to the thread that opened it.")
        try:
            return work()
        except Exception as error:
            self.abandon()
            raise reason(error) from error

    def connect(self) -> None:
        """Open the session and the connection; both or DriverError."""
        self._thread = threading.get_ident()
        if super().open() is not True:
            raise DriverError("The controller refuses a session.", HINT_NOT_A_CONTROLLER)
        try:
            with_forward_open(lambda _: None)(self)
        except ResponseError as error:
            raise DriverError("The controller refuses the connection.", HINT_SLOT) from error

    def request(self, message: bytes) -> bytes:
        """Send one connected message; return the reply from its service code on."""
        packet = SendUnitDataRequestPacket(self._sequence)
        packet.add(message)
        raw: bytes = self.send(packet).raw
        return raw[46:]

    def send(self, request: RequestPacket) -> ResponsePacket:
        self._cfg["context"] = next(self._contexts).to_bytes(8, "little")
        response = super().send(request)
        if response.raw is not None:
            self._check(request, response.raw)
        return response

    def _check(self, request: RequestPacket, raw: bytes) -> None:
        command, _, session, status = struct.unpack_from("<HHII", raw)
        if status:
            raise DriverError(f"The controller answers with encapsulation error 0x{status:02x}.", HINT_NOT_A_CONTROLLER)
        if command not in (REGISTER_SESSION, LIST_IDENTITY) and session != self._session:
            raise DriverError("The answer belongs to another session.", HINT_BUSY)
        if command == SEND_UNIT_DATA:
            if len(raw) < 50 or int.from_bytes(raw[44:46], "little") != request._sequence & 0xFFFF:
                raise DriverError("The answer belongs to another request.", HINT_BUSY)
        elif raw[12:20] != self._cfg["context"]:
            raise DriverError("The answer belongs to another request.", HINT_BUSY)

    def _send(self, message: bytes) -> None:
        self._sock.send(message)

    def _receive(self) -> bytes:
        reply: bytes = self._sock.receive()
        return reply

    def close(self) -> None:
        if not self._spent:
            with contextlib.suppress(Exception):
                super().close()
        self.abandon()

    def abandon(self) -> None:
        self._spent = True
        if self._sock is not None:
            self._sock.close()


def reason(error: BaseException) -> DriverError:
    """The DriverError at the bottom of pycomm3's wrapping, or one made of what pycomm3 says."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, DriverError):
            return cause
        cause = cause.__cause__
    return DriverError(f"The answer cannot be understood: {error}.", HINT_NOT_A_CONTROLLER)


def text(value: Any) -> str:
    """Text from a controller as a database can hold it: PostgreSQL takes everything but NUL."""
    return "" if value is None else str(value).replace("\0", "").strip()
