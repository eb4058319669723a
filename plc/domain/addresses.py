"""How people write down where a value lives in a controller, checked before anything is sent.

SLC 500 and MicroLogix keep values in numbered files of at most 256 elements (N7:0 … N7:255); a typed logical
read carries its length in one byte and its element in another, so everything beyond must be refused here: on
the wire it would silently become another address.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

MAX_BLOCK_WORDS = 127
# The manual allows 236 bytes of data in one reply of an SLC 5/03 or later.
BLOCK_BYTES = 236
# Rather read a few unused words than pay for another round trip.
GAP_BYTES = 40


class BadAddress(ValueError):
    """The message is a sentence for the person who typed the address."""


class FileKind(NamedTuple):
    code: int
    element_bytes: int
    default_file: int | None
    data_type: str


FILES = {
    "O": FileKind(0x82, 2, 0, "INT"),
    "I": FileKind(0x83, 2, 1, "INT"),
    "S": FileKind(0x84, 2, 2, "INT"),
    "B": FileKind(0x85, 2, 3, "INT"),
    "T": FileKind(0x86, 6, None, "INT"),
    "C": FileKind(0x87, 6, None, "INT"),
    "R": FileKind(0x88, 6, None, "INT"),
    "N": FileKind(0x89, 2, None, "INT"),
    "F": FileKind(0x8A, 4, None, "REAL"),
    "ST": FileKind(0x8D, 84, None, "STRING"),
    "L": FileKind(0x91, 4, None, "DINT"),
}
# Timers, counters and controls are three words: status bits, preset (or length), accumulator (or position).
MEMBER_WORD = {"PRE": 1, "ACC": 2, "LEN": 1, "POS": 2}
MEMBER_BIT = {
    "T": {"EN": 15, "TT": 14, "DN": 13},
    "C": {"CU": 15, "CD": 14, "DN": 13, "OV": 12, "UN": 11, "UA": 10},
    "R": {"EN": 15, "EU": 14, "DN": 13, "EM": 12, "ER": 11, "UL": 10, "IN": 9, "FD": 8},
}

_PLAIN = re.compile(
    r"(?P<kind>ST|[BNFLSIO])(?P<file>\d{1,3})?:(?P<element>\d{1,5})(?:\.(?P<word>\d{1,3}))?(?:/(?P<bit>\d{1,2}))?"
)
_MEMBER = re.compile(r"(?P<kind>[TCR])(?P<file>\d{1,3}):(?P<element>\d{1,5})[./](?P<member>[A-Z]{2,3})")
_FLAT_BIT = re.compile(r"B(?P<file>\d{1,3})/(?P<bit>\d{1,5})")


@dataclass(frozen=True, slots=True)
class Address:
    """`word` counts 16-bit words inside the element; `bit` None means the whole value."""

    kind: str
    file: int
    element: int
    word: int = 0
    bit: int | None = None
    sub_element: int = 0
    count: int = 1

    @property
    def element_bytes(self) -> int:
        return FILES[self.kind].element_bytes

    @property
    def data_type(self) -> str:
        return "BOOL" if self.bit is not None else FILES[self.kind].data_type

    def __str__(self) -> str:
        number = "" if self.kind in "IOS" else str(self.file)
        text = f"{self.kind}{number}:{self.element}"
        if self.sub_element:
            text += f".{self.sub_element}"
        if self.kind in MEMBER_BIT:
            names = {position: name for name, position in MEMBER_BIT[self.kind].items()}
            words = {1: "LEN", 2: "POS"} if self.kind == "R" else {1: "PRE", 2: "ACC"}
            return f"{text}.{words[self.word] if self.bit is None else names[self.bit]}"
        return text if self.bit is None else f"{text}/{self.bit}"


def parse(text: str, count: int = 1) -> Address:
    """Read an SLC or MicroLogix address; B3/17 becomes B3:1/1. Raises BadAddress with a sentence."""
    written = text.strip().upper()
    if match := _FLAT_BIT.fullmatch(written):
        element, bit = divmod(int(match["bit"]), 16)
        address = Address("B", int(match["file"]), element, bit=bit, count=count)
    elif match := _MEMBER.fullmatch(written):
        address = _member(match, count)
    elif match := _PLAIN.fullmatch(written):
        address = _plain(match, count)
    else:
        raise BadAddress(
            f"{text} is not an address of an SLC or MicroLogix; "
            "write N7:0, B3:1/5, T4:0.ACC, F8:2, ST9:0, I:1/3 or S:1/15."
        )
    _check_ranges(text, address)
    return address


def _member(match: re.Match[str], count: int) -> Address:
    kind, member = match["kind"], match["member"]
    address = Address(kind, int(match["file"]), int(match["element"]), count=count)
    if member in MEMBER_BIT[kind]:
        return replace(address, bit=MEMBER_BIT[kind][member])
    if member in (("LEN", "POS") if kind == "R" else ("PRE", "ACC")):
        return replace(address, word=MEMBER_WORD[member])
    raise BadAddress(f"{match[0]}: a {kind} element has no {member}.")


def _plain(match: re.Match[str], count: int) -> Address:
    kind, file = match["kind"], match["file"]
    default = FILES[kind].default_file
    if kind in "IOS":
        if file is not None and int(file) != default:
            raise BadAddress(f"{match[0]}: write {kind}:{match['element']} without a file number.")
        file = str(default)
    if file is None:
        raise BadAddress(f"{match[0]}: the file number is missing, e.g. {kind}7:0.")
    if match["word"] is not None and kind not in "IO":
        raise BadAddress(f"{match[0]}: only inputs and outputs have words behind a dot, e.g. I:2.1/3.")
    if match["bit"] is not None and kind in ("F", "ST"):
        raise BadAddress(f"{match[0]}: a {FILES[kind].data_type} has no bits.")
    return Address(
        kind,
        int(file),
        int(match["element"]),
        bit=None if match["bit"] is None else int(match["bit"]),
        sub_element=int(match["word"] or 0),
        count=count,
    )


def _check_ranges(text: str, address: Address) -> None:
    if address.file > 255:
        raise BadAddress(f"{text}: file {address.file} does not exist; files are numbered 0 to 255.")
    last = address.element + address.count - 1
    if last > 255:
        raise BadAddress(f"{text}: element {last} does not exist; a file holds elements 0 to 255.")
    highest_bit = 31 if address.kind == "L" else 15
    if address.bit is not None and address.bit > highest_bit:
        raise BadAddress(f"{text}: bit {address.bit} does not exist; bits are numbered 0 to {highest_bit}.")
    if address.count < 1:
        raise BadAddress(f"{text}: the length must be at least 1.")
    if address.count > 1 and (address.bit is not None or address.kind in MEMBER_BIT):
        raise BadAddress(f"{text}: only whole words can be read as an array.")
    words = address.count * address.element_bytes // 2
    if words > MAX_BLOCK_WORDS:
        raise BadAddress(f"{text}: {words} words do not fit into one read; at most {MAX_BLOCK_WORDS}.")


@dataclass(frozen=True, slots=True)
class Block:
    """One request: `count` elements from `element` on.

    `parts` are pairs of an address's index and the byte offset of its element.
    """

    kind: str
    file: int
    element: int
    sub_element: int
    count: int
    parts: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        return self.count * FILES[self.kind].element_bytes


def blocks(addresses: Iterable[tuple[int, Address]], *, limit: int = BLOCK_BYTES) -> list[Block]:
    """Group addresses into as few reads as fit; each read stays inside one file and below `limit` bytes."""
    found: list[Block] = []
    ordered = sorted(addresses, key=lambda item: (item[1].kind, item[1].file, item[1].sub_element, item[1].element))
    for index, address in ordered:
        joined = _join(found[-1], index, address, limit) if found else None
        if joined is None:
            found.append(_alone(index, address))
        else:
            found[-1] = joined
    return found


def _alone(index: int, address: Address) -> Block:
    # Element 255 in one byte is the mark of a longer form; reading from 254 avoids it.
    element = 254 if address.element == 255 and address.kind not in "IO" else address.element
    offset = (address.element - element) * address.element_bytes
    count = address.element + address.count - element
    return Block(address.kind, address.file, element, address.sub_element, count, ((index, offset),))


def _join(block: Block, index: int, address: Address, limit: int) -> Block | None:
    if (block.kind, block.file, block.sub_element) != (address.kind, address.file, address.sub_element):
        return None
    # How many words a card has differs from slot to slot, so neighbouring slots are not neighbours in memory.
    if address.kind in "IO" and address.element != block.element:
        return None
    size = address.element_bytes
    end = block.element + block.count
    count = max(end, address.element + address.count) - block.element
    if count * size > limit or (address.element - end) * size > GAP_BYTES:
        return None
    return replace(block, count=count, parts=(*block.parts, (index, (address.element - block.element) * size)))


_NAME = r"[A-Za-z_][A-Za-z0-9_]{0,39}"
_STEP = rf"{_NAME}(?:\[\d{{1,6}}(?:,\d{{1,6}}){{0,2}}\])?"
_LOGIX = re.compile(rf"(?:Program:{_NAME}\.)?{_STEP}(?:\.{_STEP})*", re.IGNORECASE)
_LOGIX_BIT = re.compile(r".*\.\d{1,2}")


def check_logix(text: str) -> str:
    """Return the tag name as it goes on the wire. Raises BadAddress with a sentence."""
    written = text.strip()
    if _LOGIX_BIT.fullmatch(written):
        raise BadAddress(f"{text}: read the whole word and give the bit in the binding.")
    if "{" in written:
        raise BadAddress(f"{text}: write the name without braces and give the number of elements as length.")
    if not _LOGIX.fullmatch(written):
        raise BadAddress(f"{text} is not a tag name; write Speed, Count.ACC, Station[2].Total or Program:Main.Step.")
    return written
