"""What an engineer gets to see who looks at a controller by hand: "test connection" and "browse tags"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from plc.drivers.base import BrowsedTag, DriverError, Quality, Value
from plc.models import Controller
from plc.tiles import QUALITIES, fault_texts, value_text

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
    rows = _tested(controller, found.values)
    return Look("Connection test", datetime.now(UTC), sentence, heads=("Tag", "Value", "Quality", "Why"), rows=rows)


def _tested(controller: Controller, values: Mapping[str, Value]) -> tuple[Row, ...]:
    tags = list(controller.tags.filter(name__in=values).prefetch_related("bindings__equipment").order_by("name"))
    texts = fault_texts({binding.equipment_id for tag in tags for binding in tag.bindings.all()})
    rows = []
    for tag in tags:
        value, quality, error = values[tag.name]
        shown = value_text(tag, list(value) if isinstance(value, tuple) else value, list(tag.bindings.all()), texts)
        rows.append(Row(tag.name, (shown, QUALITIES[quality], error), quality is not Quality.GOOD))
    return tuple(rows)


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
