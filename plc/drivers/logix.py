"""CompactLogix and ControlLogix: tags by name, many in one packet, each reply checked against its type.

The requests of a scan are built once. pycomm3 opens the session and the connection and knows how a name
becomes a path; replies are read here, because it takes a REAL for a DINT without a word when the tag's type was
changed in the controller.
"""

import math
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pycomm3 import LogixDriver as PycommLogix
from pycomm3.cip import SERVICE_STATUS, ClassCode, Services
from pycomm3.custom_types import ModuleIdentityObject
from pycomm3.packets.util import tag_request_path

from plc.domain.addresses import BadAddress, check_logix
from plc.drivers.base import (
    BrowsedTag,
    DriverError,
    Endpoint,
    Identity,
    Quality,
    Reading,
    Snapshot,
    TagSpec,
    Value,
)
from plc.drivers.session import HINT_NOT_A_CONTROLLER, HINT_SLOT, Session, text

READ_TAG, READ_TAG_FRAGMENTED, MULTIPLE = 0x4C, 0x52, 0x0A
REPLY = 0x80
PARTIAL, EMBEDDED_ERROR = 0x06, 0x1E
MESSAGE_ROUTER = b"\x02\x20\x02\x24\x01"
# Service, reserved, status, size of extended status, type code (a structure's is four bytes long).
REPLY_OVERHEAD = 8
# Path errors and the like mean that the tag is not there; they concern one tag and nobody else.
STRING_CODES = (b"\xa0\x02", b"\xda\x00", b"\xd0\x00")


@dataclass(frozen=True, slots=True)
class DataType:
    code: int
    format: str
    size: int


TYPES = {
    "BOOL": DataType(0xC1, "?", 1),
    "SINT": DataType(0xC2, "b", 1),
    "INT": DataType(0xC3, "h", 2),
    "DINT": DataType(0xC4, "i", 4),
    "LINT": DataType(0xC5, "q", 8),
    "USINT": DataType(0xC6, "B", 1),
    "UINT": DataType(0xC7, "H", 2),
    "UDINT": DataType(0xC8, "I", 4),
    "ULINT": DataType(0xC9, "Q", 8),
    "REAL": DataType(0xCA, "f", 4),
    "LREAL": DataType(0xCB, "d", 8),
    "DWORD": DataType(0xD3, "I", 4),
}
STRING_BYTES = 86
TYPE_NAMES = {kind.code: name for name, kind in TYPES.items()} | {
    0x02A0: "a structure",
    0xDA: "STRING",
    0xD0: "STRING",
}

Decode = Callable[[bytes], Value]


@dataclass(frozen=True, slots=True)
class _Item:
    """One tag's place in the scan: what is asked, how long the reply may be, how it is read."""

    name: str
    path: bytes
    elements: int
    reply_bytes: int
    decode: Decode

    @property
    def message(self) -> bytes:
        return bytes([READ_TAG]) + self.path + struct.pack("<H", self.elements)


class LogixDriver:
    def __init__(self, endpoint: Endpoint, tags: Sequence[TagSpec]) -> None:
        self._session = _LogixSession(endpoint, large=True)
        self._refused: dict[str, Value] = {}
        self._items: list[_Item] = []
        for tag in tags:
            try:
                self._items.append(_item(tag))
            except BadAddress as error:
                self._refused[tag.name] = Value(None, Quality.BAD_TAG, str(error))
        self._packets: list[tuple[bytes, list[_Item]]] = []
        self._large: list[_Item] = []

    def open(self) -> Identity:
        return self._session.guarded(self._open)

    def read(self) -> Snapshot:
        return self._session.guarded(self._read)

    def browse(self) -> list[BrowsedTag]:
        """Ask the controller for its list of tags. Slow on big programs; for the configuration page only."""
        return self._session.guarded(self._browse)

    def close(self) -> None:
        self._session.close()

    def abandon(self) -> None:
        self._session.abandon()

    def _open(self) -> Identity:
        self._session.connect()
        self._plan(self._session.connection_size)
        return self._session.identify()

    def _plan(self, connection_bytes: int) -> None:
        """Pack the tags into as few packets as the connection allows, in both directions."""
        # Sequence number, message router request or reply header, number of services.
        overhead = 2 + 8 + 2
        groups: list[list[_Item]] = []
        asked = answered = connection_bytes
        for item in self._items:
            if overhead + 2 + REPLY_OVERHEAD + item.reply_bytes > connection_bytes:
                self._large.append(item)
                continue
            asked += 2 + len(item.message)
            answered += 2 + REPLY_OVERHEAD + item.reply_bytes
            if max(asked, answered) > connection_bytes:
                groups.append([])
                asked = overhead + 2 + len(item.message)
                answered = overhead + 2 + REPLY_OVERHEAD + item.reply_bytes
            groups[-1].append(item)
        self._packets = [(_multiple(group), group) for group in groups]

    def _read(self) -> Snapshot:
        started_s = time.monotonic()
        values = dict(self._refused)
        for message, items in self._packets:
            self._take_apart(self._session.request(message), items, values)
        for item in self._large:
            values[item.name] = self._read_large(item)
        received_s = time.monotonic()
        return Snapshot(received_s, received_s - started_s, values)

    @staticmethod
    def _take_apart(reply: bytes, items: list[_Item], values: dict[str, Value]) -> None:
        service, _, status, extended = struct.unpack_from("<BBBB", reply)
        if service != MULTIPLE | REPLY:
            raise DriverError("The answer belongs to another request.", HINT_NOT_A_CONTROLLER)
        if status not in (0, EMBEDDED_ERROR):
            raise DriverError(
                f"The controller refuses to be read: {_status_text(status)}.", "Check the controller's state."
            )
        body = reply[4 + 2 * extended :]
        count = len(items)
        if len(body) < 2 + 2 * count or struct.unpack_from("<H", body)[0] != count:
            raise DriverError("The answer does not fit the question.", HINT_NOT_A_CONTROLLER)
        offsets = (*struct.unpack_from(f"<{count}H", body, 2), len(body))
        for index, item in enumerate(items):
            values[item.name] = _one(body[offsets[index] : offsets[index + 1]], item)

    def _read_large(self, item: _Item) -> Value:
        """Read what does not fit into one packet, piece by piece."""
        data, code = b"", b""
        while True:
            asked = bytes([READ_TAG_FRAGMENTED]) + item.path + struct.pack("<HI", item.elements, len(data))
            reply = self._session.request(asked)
            if len(reply) < 4 or reply[0] != READ_TAG_FRAGMENTED | REPLY:
                raise DriverError("The answer belongs to another request.", HINT_NOT_A_CONTROLLER)
            status = reply[2]
            if status not in (0, PARTIAL):
                return Value(None, Quality.BAD_TAG, _status_text(status))
            width = 4 if reply[4:6] == STRING_CODES[0] else 2
            code, piece = reply[4 : 4 + width], reply[4 + width :]
            data += piece
            if status == 0:
                return item.decode(code + data)
            if not piece or len(data) > item.reply_bytes:
                return Value(None, Quality.BAD_TYPE, f"The controller sends more than {item.elements} elements.")

    def _browse(self) -> list[BrowsedTag]:
        self._session.connect()
        tags = self._session.get_tag_list(program="*")
        return [_browsed(tag) for tag in tags]


class _LogixSession(Session, PycommLogix):  # type: ignore[misc]  # pycomm3 carries no types
    """pycomm3's Logix driver that uploads nothing at open."""

    def _initialize_driver(self, *args: object, **kwargs: object) -> None:
        self._cfg["use_instance_ids"] = False

    def identify(self) -> Identity:
        answer = self.generic_message(
            service=Services.get_attributes_all,
            class_code=ClassCode.identity_object,
            instance=b"\x01",
            data_type=ModuleIdentityObject,
            connected=False,
            unconnected_send=True,
            name="identity",
        )
        if answer.error or not answer.value:
            raise DriverError(f"The controller does not say who it is: {answer.error}.", HINT_SLOT)
        found = answer.value
        revision = found["revision"]
        return Identity(
            vendor=text(found["vendor"]),
            product_name=text(found["product_name"]),
            serial=text(found["serial"]),
            revision=f"{revision['major']}.{revision['minor']}",
        )


def _multiple(items: list[_Item]) -> bytes:
    messages = [item.message for item in items]
    offset = 2 + 2 * len(messages)
    offsets = []
    for message in messages:
        offsets.append(offset)
        offset += len(message)
    head = bytes([MULTIPLE]) + MESSAGE_ROUTER + struct.pack(f"<{len(messages) + 1}H", len(messages), *offsets)
    return head + b"".join(messages)


def _one(reply: bytes, item: _Item) -> Value:
    if len(reply) < 4 or reply[0] != READ_TAG | REPLY:
        raise DriverError("The answer does not fit the question.", HINT_NOT_A_CONTROLLER)
    status = reply[2]
    if status == 0:
        return item.decode(reply[4:])
    if status == PARTIAL:
        return Value(None, Quality.BAD_TYPE, f"The controller sends more than {item.elements} elements.")
    return Value(None, Quality.BAD_TAG, _status_text(status))


def _status_text(status: int) -> str:
    if status in (0x04, 0x05):
        return "The controller has no tag of this name"
    if status == 0xFF:
        return "The array has no such element"
    if status == 0x0F:
        return "The controller does not let this tag be read"
    return str(SERVICE_STATUS.get(status, f"CIP error 0x{status:02x}"))


def _item(tag: TagSpec) -> _Item:
    path = tag_request_path(check_logix(tag.address), {}, False)
    if path is None:
        raise BadAddress(f"{tag.address} is not a tag name.")
    if tag.length < 1:
        raise BadAddress(f"{tag.address}: the length must be at least 1.")
    if tag.data_type == "STRING":
        if tag.length != 1:
            raise BadAddress(f"{tag.address}: read strings one by one, e.g. {tag.address}[0].")
        return _Item(tag.name, path, 1, STRING_BYTES + 4, _decode_string)
    if tag.data_type not in TYPES:
        raise BadAddress(
            f"{tag.address}: {tag.data_type} is not a type that can be read; known are {', '.join(TYPES)}, STRING."
        )
    kind = TYPES[tag.data_type]
    elements = tag.length
    if tag.data_type == "BOOL" and tag.length > 1:
        kind, elements = TYPES["DWORD"], -(-tag.length // 32)
        return _Item(tag.name, path, elements, elements * 4, _bits(kind, elements, tag.length))
    if tag.data_type in ("REAL", "LREAL"):
        return _Item(tag.name, path, elements, elements * kind.size, _reals(kind, elements))
    return _Item(tag.name, path, elements, elements * kind.size, _numbers(kind, elements))


def _numbers(kind: DataType, elements: int) -> Decode:
    code, layout = struct.pack("<H", kind.code), struct.Struct(f"<{elements}{kind.format}")
    good = Quality.GOOD

    def decode(data: bytes) -> Value:
        if data[:2] != code or len(data) != 2 + layout.size:
            return _mismatch(kind, data)
        found = layout.unpack_from(data, 2)
        return Value(found[0] if elements == 1 else found, good)

    return decode


def _reals(kind: DataType, elements: int) -> Decode:
    numbers = _numbers(kind, elements)

    def decode(data: bytes) -> Value:
        found = numbers(data)
        return found if found.quality is not Quality.GOOD else finite(found.value)

    return decode


def finite(value: Reading | None) -> Value:
    """A REAL that is no number is bad, not zero."""
    members = value if isinstance(value, tuple) else (value,)
    if all(isinstance(member, float) and math.isfinite(member) for member in members):
        return Value(value, Quality.GOOD)
    return Value(None, Quality.BAD_VALUE, "The controller holds a number that is none (NaN or infinity)")


def _bits(kind: DataType, elements: int, length: int) -> Decode:
    code, mask = struct.pack("<H", kind.code), (1 << length) - 1

    def decode(data: bytes) -> Value:
        if data[:2] != code or len(data) != 2 + elements * kind.size:
            return _mismatch(kind, data)
        return Value(int.from_bytes(data[2:], "little") & mask, Quality.GOOD)

    return decode


def _decode_string(data: bytes) -> Value:
    code = data[:2]
    if code == STRING_CODES[0] and len(data) >= 8:
        length = int.from_bytes(data[4:8], "little")
        taken = data[8 : 8 + length]
    elif code == STRING_CODES[1] and len(data) >= 3:
        length = data[2]
        taken = data[3 : 3 + length]
    elif code == STRING_CODES[2] and len(data) >= 4:
        length = int.from_bytes(data[2:4], "little")
        taken = data[4 : 4 + length]
    else:
        return Value(None, Quality.BAD_TYPE, f"Configured as STRING, but the controller has {_type_name(data)}")
    if len(taken) != length:
        return Value(None, Quality.BAD_VALUE, "The string's length is wrong")
    return Value(text(taken.decode("latin-1")), Quality.GOOD)


def _type_name(data: bytes) -> str:
    code = int.from_bytes(data[:2], "little")
    return TYPE_NAMES.get(code, f"type 0x{code:04x}")


def _mismatch(kind: DataType, data: bytes) -> Value:
    wanted = "an array of BOOL" if kind.code == TYPES["DWORD"].code else TYPE_NAMES[kind.code]
    found = "an array of BOOL" if data[:2] == b"\xd3\x00" else _type_name(data)
    if wanted == found:
        return Value(None, Quality.BAD_TYPE, "The controller has another number of elements")
    return Value(None, Quality.BAD_TYPE, f"Configured as {wanted}, but the controller has {found}")


def _browsed(tag: dict[str, object]) -> BrowsedTag:
    kind = text(tag.get("data_type_name"))
    dimensions = tag.get("dimensions")
    length = 1
    for dimension in dimensions if isinstance(dimensions, list) else []:
        length *= dimension or 1
    if kind == "DWORD":
        kind, length = "BOOL", length * 32
    return BrowsedTag(text(tag.get("tag_name")), kind, length)
