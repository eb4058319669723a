"""The object layer of a Logix controller: its tags, symbols and templates, as clients ask for them."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from plc.simulator.cip import (
    PARTIAL,
    PATH_UNKNOWN,
    SERVICE_UNKNOWN,
    TOO_LITTLE,
    TOO_MUCH,
    WRONG_TYPE,
    Refused,
    Reply,
    Segment,
    attributes,
)
from plc.simulator.types import BOOL, DWORD, STRING, Atomic, Structure, Type

SYMBOL_CLASS, TEMPLATE_CLASS = 0x6B, 0x6C
READ, WRITE, MODIFY, READ_FRAGMENT, WRITE_FRAGMENT = 0x4C, 0x4D, 0x4E, 0x52, 0x53
LIST_ATTRIBUTES, LIST_INSTANCES = 0x03, 0x55
SCOPE_ENTRY = 0x1068  # symbol type of "Program:..." in the controller's list
BASE_TAG = 1 << 26
PAGE = 480  # bytes of a browsing reply, as small as on a small connection

_PART = re.compile(r"([A-Za-z_][\w:]*)(?:\[(\d+)\])?")


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of a tag's memory: `count` elements of `type` from `offset` on."""

    memory: bytearray
    type: Type
    offset: int
    count: int
    bit: int | None = None

    @property
    def header(self) -> bytes:
        if isinstance(self.type, Structure):
            return struct.pack("<HH", 0x02A0, self.type.handle)
        return struct.pack("<H", self.type.code)


class Tag:
    __slots__ = ("dimensions", "instance", "memory", "name", "type")

    def __init__(self, name: str, kind: Type, dimensions: Sequence[int], instance: int) -> None:
        self.name, self.type, self.instance = name, kind, instance
        self.dimensions = tuple(dimensions)
        self.memory = bytearray(kind.size * self.elements)

    @property
    def elements(self) -> int:
        total = 1
        for length in self.dimensions:
            total *= length
        return total

    @property
    def symbol_type(self) -> int:
        rank = len(self.dimensions) << 13
        if isinstance(self.type, Structure):
            return 0x8000 | rank | self.type.template
        return rank | self.type.code

    @property
    def place(self) -> Place:
        return Place(self.memory, self.type, 0, self.elements)


class Scope:
    """The tags of the controller, or of one program."""

    def __init__(self, instance: int = 0) -> None:
        self.instance = instance
        self.tags: dict[str, Tag] = {}
        self.by_instance: dict[int, Tag] = {}

    def add(self, name: str, kind: Type, dimensions: Sequence[int] = (), step: int = 1) -> Tag:
        instance = max(self.by_instance, default=0) + step
        tag = Tag(name, kind, dimensions, instance)
        self.tags[name.lower()] = tag
        self.by_instance[instance] = tag
        return tag

    def find(self, name: str) -> Tag:
        try:
            return self.tags[name.lower()]
        except KeyError:
            raise Refused(PATH_UNKNOWN) from None


class TagDatabase:
    """All tags of one controller. Names, dots and brackets as a programmer writes them."""

    def __init__(self) -> None:
        self.scope = Scope()
        self.programs: dict[str, Scope] = {}
        self.templates: dict[int, Structure] = {}
        self._places: dict[str, Place] = {}

    def add(self, name: str, kind: Type, *dimensions: int) -> None:
        """Add a tag; `Program:Main.Name` goes into that program. BOOL arrays are given in bits."""
        self._learn(kind)
        if kind is BOOL and dimensions:
            kind, dimensions = DWORD, (dimensions[0] // 32,)
        scope = self.scope
        if name.startswith("Program:"):
            program, name = name.split(".", 1)
            scope = self._program(program)
        scope.add(name, kind, dimensions)

    def _program(self, name: str) -> Scope:
        if name.lower() not in self.programs:
            entry = self.scope.add(name, DWORD)
            self.programs[name.lower()] = Scope(entry.instance)
        return self.programs[name.lower()]

    def _learn(self, kind: Type) -> None:
        if isinstance(kind, Structure):
            self.templates[kind.template] = kind
            for member in kind.members:
                self._learn(member.type)

    def scope_of(self, program: str | None) -> Scope:
        if program is None:
            return self.scope
        try:
            return self.programs[program.lower()]
        except KeyError:
            raise Refused(PATH_UNKNOWN) from None

    # --- by name, for the plant that fills the memory -------------------------------------------------

    def __setitem__(self, name: str, value: object) -> None:
        place = self._place(name)
        if isinstance(value, list):
            self._store_list(place, value)
        else:
            store(place, value)

    def __getitem__(self, name: str) -> bool | int | float | str:
        return load(self._place(name))

    def _store_list(self, place: Place, values: list[object]) -> None:
        if place.type is DWORD:
            word = sum(1 << k for k, on in enumerate(values) if on)
            size = place.count * 4
            place.memory[place.offset : place.offset + size] = word.to_bytes(size, "little")
            return
        for k, value in enumerate(values):
            store(Place(place.memory, place.type, place.offset + k * place.type.size, 1), value)

    def _place(self, name: str) -> Place:
        if name not in self._places:
            self._places[name] = self.resolve(list(_segments(name)))
        return self._places[name]

    # --- by path, for clients -------------------------------------------------------------------------

    def resolve(self, path: Sequence[Segment]) -> Place:
        """Follow a symbolic or instance path to memory; raise `Refused` where it leads nowhere."""
        rest = list(path)
        program = None
        if rest and rest[0].kind == "name" and str(rest[0].value).lower().startswith("program:"):
            program = str(rest.pop(0).value)
        tag = self._tag(self.scope_of(program), rest)
        place = tag.place
        place = _index(place, tag.dimensions, rest)
        while rest:
            place = _member(place, rest)
        return place

    def _tag(self, scope: Scope, rest: list[Segment]) -> Tag:
        if rest and rest[0].kind == "name":
            return scope.find(str(rest.pop(0).value))
        if len(rest) >= 2 and (rest[0].kind, rest[0].value) == ("class", SYMBOL_CLASS):
            tag = scope.by_instance.get(int(rest[1].value))
            del rest[:2]
            if tag is not None:
                return tag
        raise Refused(PATH_UNKNOWN)


def _segments(name: str) -> Iterator[Segment]:
    program, dot, rest = name.partition(".") if name.startswith("Program:") else ("", "", name)
    if dot:
        yield Segment("name", program)
    for label, index in _PART.findall(rest):
        yield Segment("name", label)
        if index:
            yield Segment("element", int(index))


def _index(place: Place, dimensions: Sequence[int], rest: list[Segment]) -> Place:
    """Apply leading element numbers, row by row for more than one dimension."""
    at, given = 0, 0
    while rest and rest[0].kind == "element":
        if given == len(dimensions):
            raise Refused(PATH_UNKNOWN)
        at = at * dimensions[given] + int(rest.pop(0).value)
        given += 1
    for length in dimensions[given:]:
        at *= length
    if at >= place.count:
        raise Refused(0xFF, 0x2105)
    if not given:
        return place
    return Place(place.memory, place.type, place.offset + at * place.type.size, place.count - at)


def _member(place: Place, rest: list[Segment]) -> Place:
    segment = rest.pop(0)
    if segment.kind != "name" or not isinstance(place.type, Structure):
        raise Refused(PATH_UNKNOWN)
    member = place.type.member(str(segment.value))
    if member is None:
        raise Refused(PATH_UNKNOWN)
    inside = Place(place.memory, member.type, place.offset + member.offset, max(member.length, 1), member.bit)
    return _index(inside, (member.length,) if member.length else (), rest)


def store(place: Place, value: object) -> None:
    if place.bit is not None:
        mask = 1 << place.bit
        host = place.memory[place.offset]
        place.memory[place.offset] = host | mask if value else host & ~mask & 0xFF
    elif isinstance(place.type, Structure):
        text = str(value).encode()[:82]
        place.memory[place.offset : place.offset + 88] = struct.pack("<i84s", len(text), text)
    else:
        data = place.type.pack(value)
        place.memory[place.offset : place.offset + len(data)] = data


def load(place: Place) -> bool | int | float | str:
    if place.bit is not None:
        return bool(place.memory[place.offset] >> place.bit & 1)
    if isinstance(place.type, Atomic):
        return place.type.unpack(place.memory, place.offset)
    if place.type is not STRING:
        raise TypeError(f"{place.type.name} has no single value")
    (length,) = struct.unpack_from("<i", place.memory, place.offset)
    return bytes(place.memory[place.offset + 4 : place.offset + 4 + length]).decode()


# --- services -----------------------------------------------------------------------------------------


def serve_tag(tags: TagDatabase, service: int, path: Sequence[Segment], data: bytes, limit: int) -> Reply:
    """Answer a request that is addressed to a tag; `limit` is the room in the reply."""
    place = tags.resolve(path)
    if service == READ:
        (count,) = unpack("<H", data)
        return _read(place, count, 0, limit)
    if service == READ_FRAGMENT:
        count, offset = unpack("<HI", data)
        return _read(place, count, offset, limit)
    if service == WRITE:
        return _write(place, data, has_offset=False)
    if service == WRITE_FRAGMENT:
        return _write(place, data, has_offset=True)
    if service == MODIFY:
        return _modify(place, data)
    raise Refused(SERVICE_UNKNOWN)


def _read(place: Place, count: int, offset: int, limit: int) -> Reply:
    if count > place.count:
        raise Refused(0xFF, 0x2105)
    if place.bit is not None:
        return Reply(place.header + (b"\x01" if load(place) else b"\x00"))
    whole = place.type.size * count
    if offset > whole:
        raise Refused(0xFF, 0x2105)
    room = limit - len(place.header)
    chunk = min(whole - offset, room if isinstance(place.type, Structure) else room - room % place.type.size)
    start = place.offset + offset
    data = place.header + bytes(place.memory[start : start + chunk])
    return Reply(data, PARTIAL if offset + chunk < whole else 0)


def _write(place: Place, data: bytes, *, has_offset: bool) -> Reply:
    head = place.header
    if data[: len(head)] != head:
        raise Refused(WRONG_TYPE, 0x2107)
    data = data[len(head) :]
    count, offset = unpack("<HI", data) if has_offset else (*unpack("<H", data), 0)
    body = data[6 if has_offset else 2 :]
    if count > place.count:
        raise Refused(0xFF, 0x2105)
    if place.bit is not None:
        store(place, body[:1] != b"\0")
        return Reply()
    left = place.type.size * count - offset
    if not has_offset and len(body) < left:
        raise Refused(TOO_LITTLE)
    piece = body[:left]
    start = place.offset + offset
    place.memory[start : start + len(piece)] = piece
    return Reply()


def _modify(place: Place, data: bytes) -> Reply:
    (size,) = unpack("<H", data)
    if isinstance(place.type, Structure) or size != place.type.size or len(data) < 2 + 2 * size:
        raise Refused(TOO_MUCH if len(data) > 2 + 2 * size else TOO_LITTLE)
    ones = int.from_bytes(data[2 : 2 + size], "little")
    keep = int.from_bytes(data[2 + size : 2 + 2 * size], "little")
    span = slice(place.offset, place.offset + size)
    word = (int.from_bytes(place.memory[span], "little") | ones) & keep
    place.memory[span] = word.to_bytes(size, "little")
    return Reply()


def list_symbols(tags: TagDatabase, program: str | None, start: int, data: bytes) -> Reply:
    """Answer Get Instance Attribute List: one page of symbols from instance `start` on."""
    scope = tags.scope_of(program)
    (count,) = unpack("<H", data)
    wanted = unpack(f"<{count}H", data[2:])
    page = b""
    for instance in sorted(k for k in scope.by_instance if k >= start):
        tag = scope.by_instance[instance]
        entry = struct.pack("<I", instance) + b"".join(_symbol_attribute(tag, a) for a in wanted)
        if page and len(page) + len(entry) > PAGE:
            return Reply(page, PARTIAL)
        page += entry
    return Reply(page)


def _symbol_attribute(tag: Tag, number: int) -> bytes:
    if number == 1:
        return struct.pack("<H", len(tag.name)) + tag.name.encode()
    if number == 2:
        return struct.pack("<H", SCOPE_ENTRY if tag.name.startswith("Program:") else tag.symbol_type)
    if number == 6:
        return struct.pack("<I", BASE_TAG)
    if number == 7:
        return struct.pack("<H", tag.type.size)
    if number == 8:
        return struct.pack("<3I", *(*tag.dimensions, 0, 0, 0)[:3])
    if number == 10:
        return b"\0"  # external access: read/write
    return struct.pack("<I", 0x1000 + tag.instance * 16)  # 3 and 5: addresses, of no use to a client


def serve_symbol(tags: TagDatabase, path: Sequence[Segment], data: bytes) -> Reply:
    """Answer a request for attributes of one symbol."""
    tag = tags.scope.by_instance.get(int(path[1].value))
    if tag is None:
        raise Refused(PATH_UNKNOWN)
    return attributes(data, {n: _symbol_attribute(tag, n) for n in (1, 2, 3, 5, 6, 7, 8, 10)})


def serve_template(tags: TagDatabase, service: int, template: int, data: bytes) -> Reply:
    kind = tags.templates.get(template)
    if kind is None:
        raise Refused(PATH_UNKNOWN)
    body = kind.definition()
    if service == LIST_ATTRIBUTES:
        return attributes(
            data,
            {
                1: struct.pack("<H", kind.handle),
                2: struct.pack("<H", len(kind.members)),
                3: struct.pack("<H", 0),
                4: struct.pack("<I", len(body) // 4),
                5: struct.pack("<I", kind.size),
            },
        )
    if service != READ:
        raise Refused(SERVICE_UNKNOWN)
    offset, length = unpack("<IH", data)
    piece = body[offset : offset + min(length, PAGE)]
    return Reply(piece, PARTIAL if length > PAGE and offset + PAGE < len(body) else 0)


def unpack(pattern: str, data: bytes) -> tuple[int, ...]:
    try:
        return struct.unpack_from(pattern, data)
    except struct.error:
        raise Refused(TOO_LITTLE) from None
