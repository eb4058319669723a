"""Tag lists as the programming software exports them, and the tags of a plant file that could be read from them.

RSLogix 5000 and Studio 5000 write CSV with remarks above a header (TYPE, SCOPE, NAME, …, DATATYPE). RSLogix 500
writes symbols without a header: the address, then a scope and a name in either order.
"""

import csv
import io
import re
from collections.abc import Iterator
from typing import NamedTuple

from plc.domain.addresses import BadAddress, check_logix, parse
from plc.domain.bindings import BITS

PLAIN = (*BITS, "REAL", "LREAL", "STRING")
MEMBERS = {"COUNTER": "ACC", "TIMER": "ACC"}
_TYPE = re.compile(r"(?P<kind>[A-Za-z_]\w*)(?:\[(?P<length>\d+)\])?")


class NotATagList(ValueError):
    """The message says what is missing."""


class Proposal(NamedTuple):
    """`written` is what stands behind the name in a plant file: a type, or the address on an SLC."""

    name: str
    written: str
    remark: str = ""


def propose(raw: bytes) -> list[Proposal]:
    """Return the tags that can be read, in the order of the file. Raises NotATagList."""
    rows = list(csv.reader(io.StringIO(_text(raw), newline="")))
    heads = next((n for n, row in enumerate(rows) if {"TYPE", "NAME", "DATATYPE"} <= set(_upper(row))), None)
    found = list(_symbols(rows)) if heads is None else list(_tags(_upper(rows[heads]), rows[heads + 1 :]))
    if not found:
        raise NotATagList(
            "There is neither a header TYPE, SCOPE, NAME, DATATYPE nor an SLC address in the first column."
        )
    return list({proposal.name: proposal for proposal in found}.values())


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _upper(row: list[str]) -> list[str]:
    return [cell.strip().upper() for cell in row]


def _tags(heads: list[str], rows: list[list[str]]) -> Iterator[Proposal]:
    for cells in rows:
        row = dict(zip(heads, (cell.strip() for cell in cells), strict=False))
        if row.get("TYPE", "").upper() == "TAG" and (proposal := _tag(row)):
            yield proposal


def _tag(row: dict[str, str]) -> Proposal | None:
    match = _TYPE.fullmatch(row.get("DATATYPE", ""))
    if match is None:
        return None
    scope = row.get("SCOPE", "")
    name = f"Program:{scope}.{row['NAME']}" if scope else row["NAME"]
    kind, length = match["kind"].upper(), match["length"]
    if kind in MEMBERS and length is None:
        name, kind = f"{name}.{MEMBERS[kind]}", "DINT"
    if kind not in PLAIN or (kind == "STRING" and length):
        return None
    try:
        check_logix(name)
    except BadAddress:
        return None
    return Proposal(name, f"{kind}[{length}]" if length else kind, row.get("DESCRIPTION", ""))


def _symbols(rows: list[list[str]]) -> Iterator[Proposal]:
    for row in rows:
        cells = [cell.strip() for cell in row]
        try:
            address = str(parse(cells[0]))
        except (BadAddress, IndexError):
            continue
        words = [cell for cell in cells[1:] if cell and cell.lower() not in ("global", "local")]
        name = next((word for word in words if re.fullmatch(r"[A-Za-z_]\w*", word)), "")
        yield Proposal(name or address, address, next((word for word in words if word != name), ""))
