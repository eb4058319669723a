"""The list of fault bits as machine builders export it: CSV with columns Tag, Description and Source.

A row is one bit: `Fault[12],Slicer Infeed Guard Open,internal`. Some exports carry remarks above the header, repeat
bits, name unused ones "not defined", or add a row for the whole word; all of that is told, nothing is guessed.
"""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

MOST_BITS = 256
MAX_BYTES = 1_000_000
ORIGINS = ("internal", "upstream", "downstream")
KINDS = ("fault", "prompt", "status", "undefined")

_BIT = re.compile(r".*\[\s*(\d{1,4})\s*\]|.*[./]\s*(\d{1,4})|(\d{1,4})")


class NotAFaultList(ValueError):
    """The message says what is missing."""


class Fault(NamedTuple):
    bit: int
    text: str
    kind: str
    origin: str


class FaultList(NamedTuple):
    """`remarks` are sentences about rows that were skipped or that overrule an earlier one."""

    faults: tuple[Fault, ...]
    remarks: tuple[str, ...]


def read(raw: bytes, kinds: Mapping[int, str] | None = None) -> FaultList:
    """Read an export. `kinds` says of some bits that they are prompts or status bits. Raises NotAFaultList."""
    if len(raw) > MAX_BYTES:
        raise NotAFaultList(f"The file has {len(raw):,} bytes; a list of faults has at most {MAX_BYTES:,}.")
    faults: dict[int, Fault] = {}
    remarks: list[str] = []
    for line, row in _rows(_text(raw)):
        fault = _fault(row, kinds or {})
        if isinstance(fault, str):
            remarks.append(f"Line {line} skipped: {fault}")
            continue
        before = faults.get(fault.bit)
        if before is not None and before.text != fault.text:
            remarks.append(f"Line {line}: bit {fault.bit} is {fault.text}, not {before.text} as further up.")
        faults[fault.bit] = fault
    if not faults:
        raise NotAFaultList("There is not one fault in the file.")
    return FaultList(tuple(faults[bit] for bit in sorted(faults)), tuple(remarks))


def _text(raw: bytes) -> str:
    """UTF-8 with or without a mark, else Latin-1, which older tools write."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _rows(text: str) -> Iterable[tuple[int, dict[str, str]]]:
    """(line, cells by column) of every row below the header; remarks above it are passed over."""
    delimiter = ";" if text.count(";") > text.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    heads: list[str] = []
    for cells in reader:
        names = [cell.strip().lower() for cell in cells]
        if not heads:
            heads = names if {"tag", "description"} <= set(names) else []
        elif any(names):
            yield reader.line_num, dict(zip(heads, (cell.strip() for cell in cells), strict=False))
    if not heads:
        raise NotAFaultList("There is no header with the columns Tag and Description.")


def _fault(row: Mapping[str, str], kinds: Mapping[int, str]) -> Fault | str:
    """The fault, or why the row is none."""
    tag, text = row.get("tag", ""), " ".join(row.get("description", "").split())
    match = _BIT.fullmatch(tag)
    if match is None:
        return f"{tag or 'no tag'} names no bit."
    bit = int(next(digits for digits in match.groups() if digits))
    if bit >= MOST_BITS:
        return f"{tag} is beyond bit {MOST_BITS - 1}."
    if not text:
        return f"{tag} has no description."
    origin = row.get("source", "").lower() or "internal"
    if origin not in ORIGINS:
        return f"{tag} has the source {row['source']}; known are {', '.join(ORIGINS)}."
    undefined = text.lower() in ("not defined", "undefined", "spare", "not used")
    return Fault(bit, text[:200], kinds.get(bit, "undefined" if undefined else "fault"), origin)


def bits(text: str) -> set[int]:
    """Numbers as people list them: "22, 25, 28-30". Raises ValueError with a sentence."""
    found: set[int] = set()
    for part in filter(None, (piece.strip() for piece in text.replace(";", ",").split(","))):
        match = re.fullmatch(r"(\d{1,3})(?:\s*[-–]\s*(\d{1,3}))?", part)
        if match is None:
            raise ValueError(f"{part} is not a bit; write numbers such as 22, 25, 28-30.")
        found.update(range(int(match[1]), int(match[2] or match[1]) + 1))
    return found


def kinds(prompts: str, statuses: str) -> dict[int, str]:
    """Which bits only ask the operator for something, and which only tell what the machine does."""
    return dict.fromkeys(bits(prompts), "prompt") | dict.fromkeys(bits(statuses), "status")
