"""Data files of an SLC or MicroLogix and the commands clients read them with (class 0x67, service 0x4B)."""

from __future__ import annotations

import re
import struct

from plc.simulator.cip import Refused, Reply

PCCC_CLASS, EXECUTE = 0x67, 0x4B
REQUEST, REPLY_BIT = 0x0F, 0x40
READ_TYPED, WRITE_TYPED, WRITE_MASKED = 0xA2, 0xAA, 0xAB
DIAGNOSTIC = 0x06
ILLEGAL_COMMAND, ADDRESSING = 0x10, 0x50

# letter: type number on the wire, bytes in one element
FILE_TYPES = {
    "O": (0x82, 2), "I": (0x83, 2), "S": (0x84, 2), "B": (0x85, 2), "T": (0x86, 6), "C": (0x87, 6),
    "R": (0x88, 6), "N": (0x89, 2), "F": (0x8A, 4), "ST": (0x8D, 84), "L": (0x91, 4),
}  # fmt: skip
FIXED_FILES = {"O": 0, "I": 1, "S": 2}
WORDS = {"PRE": 1, "ACC": 2}
BITS = {"EN": 15, "TT": 14, "DN": 13, "CU": 15, "CD": 14, "OV": 12, "UN": 11}

_ADDRESS = re.compile(r"(ST|[OISBTCRNFL])(\d*):(\d+)(?:\.(\w+))?(?:/(\d+))?$")


class DataFiles:
    """The data table: files by number, written by address (`N7:0`, `B3:0/8`, `C5:0.ACC`, `ST24:1`)."""

    def __init__(self) -> None:
        self._files: dict[int, tuple[str, bytearray]] = {}
        self._places: dict[str, tuple[str, bytearray, int, int | None]] = {}

    def add(self, letter: str, number: int, elements: int) -> None:
        self._files[number] = (letter, bytearray(FILE_TYPES[letter][1] * elements))

    def __setitem__(self, address: str, value: object) -> None:
        letter, memory, at, bit = self._place(address)
        if bit is not None:
            (word,) = struct.unpack_from("<H", memory, at)
            word = word | 1 << bit if value else word & ~(1 << bit)
            struct.pack_into("<H", memory, at, word)
        elif letter == "ST":
            memory[at : at + 84] = _swapped(str(value))
        else:
            struct.pack_into({"F": "<f", "L": "<i"}.get(letter, "<h"), memory, at, value)

    def _place(self, address: str) -> tuple[str, bytearray, int, int | None]:
        if address not in self._places:
            self._places[address] = self._find(address)
        return self._places[address]

    def _find(self, address: str) -> tuple[str, bytearray, int, int | None]:
        match = _ADDRESS.match(address)
        if match is None:
            raise KeyError(address)
        letter, number, element, sub, bit = match.groups()
        kind, memory = self._files[int(number) if number else FIXED_FILES[letter]]
        at = int(element) * FILE_TYPES[letter][1] + 2 * WORDS.get(sub or "", 0)
        if kind != letter or at >= len(memory):
            raise KeyError(address)
        return letter, memory, at, BITS[sub] if sub in BITS else int(bit) if bit else None

    def span(self, number: int, kind: int, element: int, sub: int, length: int) -> tuple[bytearray, slice]:
        """Return the memory that a typed logical address stands for."""
        letter, memory = self._files.get(number, ("", bytearray()))
        if not letter or FILE_TYPES[letter][0] != kind:
            raise PcccError(ADDRESSING)
        start = element * FILE_TYPES[letter][1] + 2 * sub
        if length == 0 or start + length > len(memory):
            raise PcccError(ADDRESSING)
        return memory, slice(start, start + length)


class PcccError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"PCCC status 0x{status:02X}")
        self.status = status


def _swapped(text: str) -> bytes:
    """Length word, then 82 characters with the two bytes of each word exchanged."""
    raw = text.encode("ascii", "replace")[:82]
    padded = bytearray(raw.ljust(82, b"\0"))
    padded[0::2], padded[1::2] = padded[1::2], padded[0::2]
    return struct.pack("<H", len(raw)) + bytes(padded)


def execute(files: DataFiles, processor: str, data: bytes) -> Reply:
    """Answer one Execute PCCC request."""
    requester, message = data[: data[0]], data[data[0] :]
    if len(message) < 5:
        raise Refused(0x13)
    command, _, transaction, function = struct.unpack_from("<BBHB", message)
    try:
        status, answer = 0, _command(files, processor, command, function, message[5:])
    except PcccError as e:
        status, answer = e.status, b""
    return Reply(requester + struct.pack("<BBH", command | REPLY_BIT, status, transaction) + answer)


def _command(files: DataFiles, processor: str, command: int, function: int, data: bytes) -> bytes:
    if command == DIAGNOSTIC:
        name = processor.encode()[:11].ljust(11)
        return struct.pack("<BBBBB", 0, 0xEE, 0x31, 0x5B, 0x23) + name + bytes(8)
    if command != REQUEST or function not in (READ_TYPED, WRITE_TYPED, WRITE_MASKED):
        raise PcccError(ILLEGAL_COMMAND)
    length, number, kind, element, sub, rest = _address(data)
    memory, span = files.span(number, kind, element, sub, length)
    if function == READ_TYPED:
        return bytes(memory[span])
    _write(memory, span, rest, masked=function == WRITE_MASKED)
    return b""


def _write(memory: bytearray, span: slice, data: bytes, *, masked: bool) -> None:
    length = span.stop - span.start
    mask, body = (data[:2], data[2:]) if masked else (b"\xff\xff", data)
    if len(body) < length or len(mask) < 2:
        raise PcccError(ILLEGAL_COMMAND)
    for k in range(length):
        keep, old = mask[k % 2], memory[span.start + k]
        memory[span.start + k] = old & ~keep & 0xFF | body[k] & keep


def _address(data: bytes) -> tuple[int, int, int, int, int, bytes]:
    """Read size, file, type, element and sub-element; a field of 255 is followed by two bytes."""
    if len(data) < 5:
        raise PcccError(ILLEGAL_COMMAND)
    length, at = data[0], 1
    fields = []
    for position in range(4):
        value, at = data[at], at + 1
        if value == 0xFF and position != 1:
            (value,) = struct.unpack_from("<H", data, at)
            at += 2
        fields.append(value)
    number, kind, element, sub = fields
    return length, number, kind, element, sub, data[at:]
