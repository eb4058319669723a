"""What a tag may be and what it may mean, in sentences for the person who configures it."""

from collections.abc import Iterator

from plc.domain.addresses import BadAddress, check_logix, parse
from plc.drivers.base import TagSpec

BITS = {
    "BOOL": 1, "SINT": 8, "USINT": 8, "INT": 16, "UINT": 16,
    "DINT": 32, "UDINT": 32, "LINT": 64, "ULINT": 64,
}  # fmt: skip
COUNTS = ("total_count", "good_count", "reject_count")
FAULTS = 256


def check_tag(kind: str, tag: TagSpec) -> str:
    """Return the tag's data type; an SLC's address gives it when `data_type` is empty. Raises BadAddress."""
    if kind != "logix":
        return _slc_type(tag)
    check_logix(tag.address)
    if not tag.data_type:
        raise BadAddress(f"the type is missing; use one of {', '.join(BITS)}, REAL, LREAL, STRING.")
    if tag.data_type == "STRING" and tag.length > 1:
        raise BadAddress(f"{tag.address}: read strings one by one, e.g. {tag.address}[0].")
    return tag.data_type


def _slc_type(tag: TagSpec) -> str:
    """A word may also be read as unsigned, and words as an array of bits."""
    if tag.data_type == "BOOL" and tag.length > 1:
        if parse(tag.address, count=-(-tag.length // 16)).data_type != "INT":
            raise BadAddress(f"{tag.address}: only words hold arrays of bits.")
        return "BOOL"
    own = parse(tag.address, count=tag.length).data_type
    accepted = {"INT": ("INT", "UINT"), "DINT": ("DINT", "UDINT")}.get(own, (own,))
    if tag.data_type and tag.data_type not in accepted:
        raise BadAddress(f"{tag.address} holds {own}, not {tag.data_type}.")
    return tag.data_type or own


def misfits(
    meaning: str, tag: TagSpec, *, bit: int | None, invert: bool, offset: float, modulus: int | None
) -> Iterator[str]:
    """Why a tag of this type cannot mean this."""
    own_bits = BITS.get(tag.data_type, 0) * tag.length
    if bit is not None and bit >= own_bits:
        yield f"{tag.name} is {_type(tag)} and has no bit {bit}."
        return
    if meaning == "running":
        if bit is None and own_bits != 1:
            yield f"{tag.name} is {_type(tag)}; say which bit of it means running, e.g. bit 0."
    elif meaning == "fault_bits":
        yield from _fault_bits(tag, bit, offset, own_bits)
    else:
        yield from _number(meaning, tag, modulus)
    if invert and meaning not in ("running", "fault_bits"):
        yield "Only running and fault bits can be inverted."


def _number(meaning: str, tag: TagSpec, modulus: int | None) -> Iterator[str]:
    if tag.length > 1 or tag.data_type in ("BOOL", "STRING"):
        yield f"{tag.name} is {_type(tag)}; {meaning} needs one number."
    elif meaning in COUNTS and modulus is not None and modulus > 2 ** BITS.get(tag.data_type, 53):
        most = 2 ** BITS.get(tag.data_type, 53)
        yield f"{tag.name} is {_type(tag)} and cannot have a modulus of {modulus:,}, only {most:,} or less."


def _fault_bits(tag: TagSpec, bit: int | None, offset: float, own_bits: int) -> Iterator[str]:
    if not own_bits:
        yield f"{tag.name} is {_type(tag)} and has no fault bits."
        return
    wide = 1 if bit is not None else own_bits
    if offset < 0 or offset != int(offset) or offset + wide > FAULTS:
        yield (
            f"{tag.name} gives faults {offset:g} to {offset + wide - 1:g}; a machine has faults 0 to {FAULTS - 1}. "
            "Read fewer elements, or single bits with bit and offset."
        )


def _type(tag: TagSpec) -> str:
    return tag.data_type if tag.length == 1 else f"{tag.data_type}[{tag.length}]"
