"""What an engineer gets to see who looks at a controller by hand: "test connection" and "browse tags"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from plc.drivers.base import BrowsedTag, DriverError, Quality, Reading, Value
from plc.models import Controller
from plc.tiles import QUALITIES

BROWSED = 2000


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    cells: tuple[str, ...]
    is_bad: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    title: str
    at: datetime
    sentence: str = ""
    error: str = ""
    hint: str = ""
    heads: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()


def failed(title: str, error: str, hint: str) -> Look:
    return Look(title, datetime.now(UTC), error=error, hint=hint)


def try_out(controller: Controller) -> Look:
    # Imported here: pycomm3 takes half a second to load, and few who open a page ask for it.
    from plc.probe import probe

    found = probe(controller)
    if found.identity is None:
        return failed("Connection test", found.error, found.hint)
    who = " ".join(word for word in (found.identity.vendor, found.identity.product_name) if word)
    details = [f"firmware {found.identity.revision}", f"serial {found.identity.serial}"]
    good = sum(value.quality is Quality.GOOD for value in found.values.values())
    sentence = (
        f"{who or 'A controller'} ({', '.join(details)}) answered; "
        f"{good} of {len(found.values)} tags were read in {found.duration_s * 1000:.1f} ms."
    )
    rows = tuple(_tested(name, value) for name, value in sorted(found.values.items()))
    return Look("Connection test", datetime.now(UTC), sentence, heads=("Tag", "Value", "Quality", "Why"), rows=rows)


def _tested(name: str, value: Value) -> Row:
    is_good = value.quality is Quality.GOOD
    return Row(name, (_shown(value.value), QUALITIES[value.quality], value.error), not is_good)


def _shown(value: Reading | None) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def browse(controller: Controller) -> Look:
    from plc.probe import browse as list_tags

    try:
        tags = list_tags(controller)
    except DriverError as error:
        return failed("Tags in the controller", error.message, error.hint)
    known = set(controller.tags.values_list("address", flat=True))
    shown = sorted(tags, key=lambda tag: tag.address.lower())[:BROWSED]
    rows = tuple(_browsed(tag, known) for tag in shown)
    heads = ("Tag", "Type", "Configured")
    return Look("Tags in the controller", datetime.now(UTC), _browse_sentence(tags, shown), heads=heads, rows=rows)


def _browse_sentence(tags: Sequence[BrowsedTag], shown: Sequence[BrowsedTag]) -> str:
    if len(shown) < len(tags):
        return f"The controller has {len(tags)} tags; the first {len(shown)} by name are listed."
    return f"The controller has {len(tags)} tags."


def _browsed(tag: BrowsedTag, known: set[str]) -> Row:
    kind = tag.data_type if tag.length == 1 else f"{tag.data_type}[{tag.length}]"
    return Row(tag.address, (kind, "yes" if tag.address in known else "no"))
