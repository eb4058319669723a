"""The message router of a simulated controller, behind the transport of cm-ethernetip.

The transport hands over (service, path, data). The standard objects (identity, connections) are its own; tags,
templates, clock, program name and data files are ours.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ethernetip.cip.dispatcher import CipDispatcher
from ethernetip.cip.identity_info import IdentityInfo
from ethernetip.cip.path import CipPath
from ethernetip.cip.service import CipServiceResponse
from ethernetip.cip.status import CipStatus
from ethernetip.connections.connection_manager import ConnectionManagerObject
from ethernetip.device.identity_object import create_identity_class

PATH_UNKNOWN, PARTIAL, SERVICE_UNKNOWN = 0x05, 0x06, 0x08
REPLY_TOO_LARGE, TOO_LITTLE, TOO_MUCH, EMBEDDED_FAILED, WRONG_TYPE = 0x11, 0x13, 0x15, 0x1E, 0xFF
MESSAGE_ROUTER, CONNECTION_MANAGER = 0x02, 0x06
FORWARD_OPENS = (0x54, 0x5B)
UNCONNECTED_ROOM = 504


class Refused(Exception):
    """A CIP error status, with its extended status if it has one."""

    def __init__(self, status: int, *extended: int) -> None:
        super().__init__(f"CIP status 0x{status:02X}")
        self.status, self.extended = status, extended


@dataclass(frozen=True, slots=True)
class Segment:
    kind: str  # name | class | instance | element | attribute
    value: str | int


@dataclass(frozen=True, slots=True)
class Reply:
    data: bytes = b""
    status: int = 0


def parse_path(raw: bytes) -> list[Segment]:
    """Split a padded path, keeping order: cm-ethernetip's own parser loses it."""
    return list(_walk(raw))


_LOGICAL = {0x00: "class", 0x04: "instance", 0x08: "element", 0x10: "attribute"}


def _walk(raw: bytes) -> Iterator[Segment]:
    at = 0
    while at < len(raw):
        head = raw[at]
        if head == 0x91:
            length = raw[at + 1]
            yield Segment("name", raw[at + 2 : at + 2 + length].decode("ascii", "replace"))
            at += 2 + length + length % 2
        elif head & 0xE0 == 0x20 and head & 0x1C in _LOGICAL and head & 3 < 3:
            size = (1, 2, 4)[head & 3]
            begin = at + 1 if size == 1 else at + 2
            yield Segment(_LOGICAL[head & 0x1C], int.from_bytes(raw[begin : begin + size], "little"))
            at = begin + size
        else:
            raise Refused(0x04)


def attributes(data: bytes, known: Mapping[int, bytes]) -> Reply:
    """Answer Get Attribute List from the encoded attributes that exist."""
    (count,) = struct.unpack_from("<H", data)
    out = data[:2]
    for number in struct.unpack_from(f"<{count}H", data, 2):
        if number in known:
            out += struct.pack("<HH", number, 0) + known[number]
        else:
            out += struct.pack("<HH", number, 0x14)
    return Reply(out)


class Sessions:
    """Hand out session numbers and remember whose request is being answered.

    The transport asks `is_valid` right before each request and `unregister` when the socket closes. So a reply
    can be kept within the size of that client's connection, and a client that vanished leaves no connection behind.
    """

    def __init__(self, forget: Callable[[int], None]) -> None:
        self._next, self._known, self._forget = 0, set[int](), forget
        self.current = 0

    def register(self) -> int:
        self._next += 1
        self._known.add(self._next)
        return self._next

    def unregister(self, handle: int) -> bool:
        was = handle in self._known
        self._known.discard(handle)
        self._forget(handle)
        return was

    def is_valid(self, handle: int) -> bool:
        self.current = handle
        return handle in self._known

    @property
    def active_count(self) -> int:
        return len(self._known)


Serve = Callable[[int, Sequence[Segment], bytes, int], Reply | None]


class Router:
    """Dispatch for one controller: `serve` answers what it knows, the standard objects the rest."""

    def __init__(self, identity: IdentityInfo, serve: Serve, before: Callable[[], None]) -> None:
        self._standard = CipDispatcher()
        self._standard.register_class(create_identity_class(identity))
        self.connections = ConnectionManagerObject()
        self.connections.dispatch_request = self.dispatch
        self._standard.register_class(self.connections.cip_class)
        self.sessions = Sessions(self._forget)
        self._serve, self._before = serve, before
        self._of_session: dict[int, list[Any]] = {}
        self.services: dict[int, int] = {}  # how often each service was asked for, by service code

    def dispatch(self, service: int, path: CipPath, data: bytes) -> CipServiceResponse:
        """Answer one request from the transport. Nothing a client sends makes this raise."""
        self._before()
        return self._answer(service, path, data, self._room())

    def reverse(self, ot_id: int) -> int:
        """Return the connection id that the client listens to."""
        found = self.connections.find_by_ot_id(ot_id)
        return int(found.to_connection_id) if found else 0

    def _answer(self, service: int, path: CipPath, data: bytes, room: int) -> CipServiceResponse:
        self.services[service] = self.services.get(service, 0) + 1
        if path.raw_path is None:  # the transport itself asks for the identity, to answer ListIdentity
            return self._standard.dispatch(service, path, data)
        try:
            segments = parse_path(path.raw_path)
            if segments[:1] == [Segment("class", MESSAGE_ROUTER)] and service == 0x0A:
                return _response(service, self._multiple(data, room))
            reply = self._serve(service, segments, data, room)
            if reply is not None:
                return _response(service, reply)
            return self._standard_reply(service, path, data)
        except Refused as e:
            return CipServiceResponse.error(service, CipStatus.error(e.status, *e.extended))
        except (struct.error, IndexError, ValueError):
            return CipServiceResponse.error(service, CipStatus.error(TOO_LITTLE))

    def _standard_reply(self, service: int, path: CipPath, data: bytes) -> CipServiceResponse:
        if path.class_id != CONNECTION_MANAGER or service not in FORWARD_OPENS:
            return self._standard.dispatch(service, path, data)
        before = {id(c) for c in self.connections.active_connections}
        self._drop_twins(data)
        answer = self._standard.dispatch(service, path, data)
        opened = [c for c in self.connections.active_connections if id(c) not in before]
        self._of_session.setdefault(self.sessions.current, []).extend(opened)
        return answer

    def _drop_twins(self, data: bytes) -> None:
        """A client that comes back with the serial numbers of its lost connection takes its place."""
        triad = struct.unpack_from("<HHI", data, 10)
        for c in self.connections.active_connections:
            if triad == (c.connection_serial_number, c.originator_vendor_id, c.originator_serial_number):
                self.connections.remove_connection(c)

    def _forget(self, session: int) -> None:
        for connection in self._of_session.pop(session, ()):
            self.connections.remove_connection(connection)

    def _room(self) -> int:
        """Return how many bytes of service data fit into a reply to the present session."""
        sizes = [int(c.to_size) for c in self._of_session.get(self.sessions.current, ())]
        return max(sizes) - 6 if sizes else UNCONNECTED_ROOM

    def _multiple(self, data: bytes, room: int) -> Reply:
        (count,) = struct.unpack_from("<H", data)
        starts = [*struct.unpack_from(f"<{count}H", data, 2), len(data)]
        answers = []
        room -= 2 + 2 * count
        for begin, end in pairwise(starts):
            answer = self._embedded(data[begin:end], room - 4)
            room -= len(answer)
            answers.append(answer)
        failed = any(a[2] not in (0, PARTIAL) for a in answers)
        head, at = struct.pack("<H", count), 2 + 2 * count
        for answer in answers:
            head += struct.pack("<H", at)
            at += len(answer)
        return Reply(head + b"".join(answers), EMBEDDED_FAILED if failed else 0)

    def _embedded(self, request: bytes, room: int) -> bytes:
        service, words = request[0], request[1]
        raw = request[2 : 2 + 2 * words]
        if room <= 0:
            return bytes((service | 0x80, 0, REPLY_TOO_LARGE, 0))
        path, _ = CipPath.parse(raw)
        response = self._answer(service, path, request[2 + 2 * words :], room)
        out = bytearray(64 + len(response.data))
        length = response.encode(out)
        return bytes(out[:length])


def _response(service: int, reply: Reply) -> CipServiceResponse:
    return CipServiceResponse(service | 0x80, CipStatus(reply.status), reply.data)
