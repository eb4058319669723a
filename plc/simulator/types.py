"""Data types of a Logix controller: atomic types, and structures as the controller itself lays them out."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from zlib import crc32


@dataclass(frozen=True, slots=True)
class Atomic:
    name: str
    code: int
    format: str

    @property
    def size(self) -> int:
        return struct.calcsize(self.format)

    def pack(self, value: object) -> bytes:
        return struct.pack(self.format, value)

    def unpack(self, memory: bytes | bytearray, offset: int) -> bool | int | float:
        value: bool | int | float = struct.unpack_from(self.format, memory, offset)[0]
        return value


BOOL = Atomic("BOOL", 0xC1, "<?")
SINT = Atomic("SINT", 0xC2, "<b")
INT = Atomic("INT", 0xC3, "<h")
DINT = Atomic("DINT", 0xC4, "<i")
LINT = Atomic("LINT", 0xC5, "<q")
REAL = Atomic("REAL", 0xCA, "<f")
DWORD = Atomic("DWORD", 0xD3, "<I")  # 32 elements of a BOOL array


@dataclass(frozen=True, slots=True)
class Member:
    """A field as stored: `length` 0 is a single value, `bit` is set for a BOOL inside its host."""

    name: str
    type: Type
    length: int
    offset: int
    bit: int | None = None
    hidden: bool = False

    @property
    def code(self) -> int:
        array = 0x2000 if self.length else 0
        if isinstance(self.type, Structure):
            return 0x8000 | array | self.type.template
        return array | self.type.code

    @property
    def info(self) -> int:
        return self.bit if self.bit is not None else self.length


@dataclass(frozen=True, slots=True)
class Structure:
    name: str
    template: int
    members: tuple[Member, ...]
    size: int
    handle: int

    def member(self, name: str) -> Member | None:
        wanted = name.lower()
        return next((m for m in self.members if m.name.lower() == wanted), None)

    def definition(self) -> bytes:
        """Encode the body of a template read: the members, the name with access rights, the member names."""
        infos = b"".join(struct.pack("<HHI", m.info, m.code, m.offset) for m in self.members)
        access = b"".join(b"E@" if m.hidden else b"EC" for m in self.members)
        names = b"".join(m.name.encode() + b"\0" for m in self.members)
        body = infos + self.name.encode() + b";n" + access + b"\0" + names
        return body.ljust(self.definition_words(len(body)) * 4, b"\0")

    @staticmethod
    def definition_words(length: int) -> int:
        """Clients ask for four times this less 20 to 23 bytes; it must not cut the last name."""
        return (length + 23 + 3) // 4


Type = Atomic | Structure


def structure(name: str, template: int, *fields: tuple[str, Type] | tuple[str, Type, int]) -> Structure:
    """Lay out a user-defined type: aligned members, BOOLs packed eight to a hidden SINT."""
    members: list[Member] = []
    offset, host, bit = 0, 0, 8
    for label, kind, length in ((f[0], f[1], f[2] if len(f) == 3 else 0) for f in fields):
        if kind is BOOL and not length:
            if bit == 8:
                host, bit = offset, 0
                members.append(Member(f"ZZZZZZZZZZ{name[:20]}{len(members)}", SINT, 0, host, hidden=True))
                offset += 1
            members.append(Member(label, BOOL, 0, host, bit))
            bit += 1
            continue
        bit = 8
        offset = _aligned(offset, kind, length)
        members.append(Member(label, kind, length, offset))
        offset += kind.size * (length or 1)
    size = offset + -offset % 4
    return Structure(name, template, tuple(members), size, crc32(name.encode()) & 0xFFFF)


def _aligned(offset: int, kind: Type, length: int) -> int:
    step = 4 if length or isinstance(kind, Structure) else min(kind.size, 4)
    return offset + -offset % step


# The controller's own string: clients know it by this handle.
STRING = Structure("ASCIISTRING82", 0xFCE, (Member("LEN", DINT, 0, 0), Member("DATA", SINT, 82, 4)), 88, 0x0FCE)

# A counter's status bits are the top bits of its control word, which clients see as bytes.
COUNTER = Structure(
    "COUNTER",
    0xF82,
    (
        Member("Control", DINT, 0, 0, hidden=True),
        Member("PRE", DINT, 0, 4),
        Member("ACC", DINT, 0, 8),
        Member("CU", BOOL, 0, 3, 7),
        Member("CD", BOOL, 0, 3, 6),
        Member("DN", BOOL, 0, 3, 5),
        Member("OV", BOOL, 0, 3, 4),
        Member("UN", BOOL, 0, 3, 3),
    ),
    12,
    0x0F82,
)
