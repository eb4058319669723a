"""From bytes to a plant file that holds together, or to every sentence about why it does not."""

import types
from collections.abc import Iterable
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ms5.plant_file.check import findings
from ms5.plant_file.document import Document, Path, Problem, Refused, read
from ms5.plant_file.schema import PlantFile, closest

SENTENCES = {
    "missing": "is missing.",
    "greater_than": "must be more than {gt}, not {input}.",
    "greater_than_equal": "must be at least {ge}, not {input}.",
    "less_than_equal": "must be at most {le}, not {input}.",
    "int_parsing": "must be a whole number, not {input}.",
    "int_type": "must be a whole number, not {input}.",
    "int_from_float": "must be a whole number, not {input}.",
    "float_parsing": "must be a number, not {input}.",
    "float_type": "must be a number, not {input}.",
    "finite_number": "must be a number, not {input}.",
    "bool_parsing": "must be true or false, not {input}.",
    "bool_type": "must be true or false, not {input}.",
    "string_type": "must be a text, not {input}.",
    "string_too_long": "is longer than {max_length} characters.",
    "string_too_short": "must not be empty.",
    "string_pattern_mismatch": "{input} is not a code; use letters, digits, dots, hyphens and underscores.",
    "too_short": "must not be empty.",
    "dict_type": "needs keys of its own here, not {input}.",
    "model_type": "needs keys of its own here, not {input}.",
    "model_attributes_type": "needs keys of its own here, not {input}.",
    "list_type": "must be a list, not {input}.",
    "literal_error": "must be {expected}, not {input}.",
    "date_from_datetime_parsing": "{input} is not a date; write 2026-11-30.",
    "date_type": "{input} is not a date; write 2026-11-30.",
}
# A wrong part is cut out so that the rest can still be judged; each round cuts at least one part.
ROUNDS = 50
# What stands in for a wrong value that cannot be left out; nothing is judged by it.
STAND_INS: dict[object, object] = {
    "target_rate": 1,
    "ms": 1,
    "name": "?",
    "text": "?",
    "host": "0.0.0.0",  # noqa: S104  (never connected to)
    "time_zone": "UTC",
}


class Loaded(NamedTuple):
    plant: PlantFile
    document: Document


def load(raw: bytes) -> Loaded:
    """Raises Refused with all problems at once."""
    document = read(raw)
    if not isinstance(document.value, dict):
        raise Refused(
            [Problem(0, (), "the file is empty or is not a list of keys; begin with site:, lines: and controllers:.")]
        )
    try:
        plant = PlantFile.model_validate(document.value)
    except ValidationError as invalid:
        raise Refused(_everything(document, invalid)) from invalid
    if found := [Problem(document.line(path), path, sentence) for path, sentence in findings(plant)]:
        raise Refused(found)
    return Loaded(plant, document)


def _everything(document: Document, invalid: ValidationError) -> list[Problem]:
    """The problems of form, and what else is wrong in the parts that have none."""
    problems = [_problem(document, error) for error in invalid.errors()]
    cut = {problem.path for problem in problems}
    rest, plant = _without(document.value, cut), None
    for _ in range(ROUNDS):
        try:
            plant = PlantFile.model_validate(rest)
            break
        except ValidationError as again:
            paths = {_path(error) for error in again.errors()}
            outer = {path[:-1] for path in paths if path in cut} | (paths - cut)
            if () in outer or outer <= cut:
                return problems
            cut |= outer
            rest = _without(document.value, cut)
    if plant is None:
        return problems
    named = set(_names(document.value))
    for path, sentence in findings(plant):
        if not _touched(path, cut) and not any(f" {name}" in sentence and _is_cut(name, cut) for name in named):
            problems.append(Problem(document.line(path), path, sentence))
    return problems


def _touched(path: Path, cut: set[Path]) -> bool:
    """Something below this place was cut out, so what is said about it may not be true."""
    return any(removed[: len(path)] == path for removed in cut)


def _is_cut(name: object, cut: set[Path]) -> bool:
    return any(removed and removed[-1] == name for removed in cut)


def _names(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from _names(inner)


def _without(value: object, cut: set[Path], path: Path = ()) -> object:
    if isinstance(value, dict):
        kept = {k: _without(v, cut, (*path, k)) for k, v in value.items() if (*path, k) not in cut}
        missing = {at[-1] for at in cut if at[:-1] == path}
        return kept | {key: STAND_INS[key] for key in missing & STAND_INS.keys()}
    if isinstance(value, list):
        places = (n for n in range(1, len(value) + 1) if (*path, n) not in cut)
        return [_without(value[n - 1], cut, (*path, n)) for n in places]
    return value


def _problem(document: Document, error: ErrorDetails) -> Problem:
    path = _path(error)
    return Problem(document.line(path), path, _sentence(error, path))


def _path(error: ErrorDetails) -> Path:
    """pydantic counts list items from 0 and marks a bad key with [key]; people do neither."""
    steps = [
        step + 1 if isinstance(step, int) and _in_list(error["loc"][:n]) else step
        for n, step in enumerate(error["loc"])
    ]
    return tuple(step for step in steps if step != "[key]")


def _in_list(loc: tuple[int | str, ...]) -> bool:
    return get_origin(_bare(_annotation(loc))) is list


def _sentence(error: ErrorDetails, path: Path) -> str:
    if error["type"] == "wrong":
        return str(error["ctx"]["sentence"])
    if error["type"] == "extra_forbidden":
        known = _keys(_annotation(error["loc"][:-1]))
        return f"unknown key {path[-1]}; known here are {', '.join(known)}{closest(str(path[-1]), known)}."
    given = error["input"]
    shown = (
        "nothing"
        if given is None
        else "a group of keys"
        if isinstance(given, dict)
        else "a list"
        if isinstance(given, list)
        else given
    )
    template = SENTENCES.get(error["type"])
    limits = {name: f"{v:.12g}" if isinstance(v, int | float) else v for name, v in error.get("ctx", {}).items()}
    return template.format(input=shown, **limits) if template else f"{error['msg']}."


def _annotation(loc: Iterable[int | str]) -> Any:
    """The type that the schema wants at this place."""
    wanted: Any = PlantFile
    for step in loc:
        wanted = _bare(wanted)
        if isinstance(wanted, type) and issubclass(wanted, BaseModel):
            by_key = {field.alias or name: field.annotation for name, field in wanted.model_fields.items()}
            wanted = by_key.get(str(step))
        elif get_origin(wanted) in (dict, list):
            wanted = get_args(wanted)[-1]
    return wanted


def _bare(wanted: Any) -> Any:
    """Without Annotated and without `| None`."""
    while get_origin(wanted) in (Annotated, Union, types.UnionType):
        wanted = next(arg for arg in get_args(wanted) if arg is not type(None))
    return wanted


def _keys(wanted: Any) -> list[str]:
    bare = _bare(wanted)
    return [field.alias or name for name, field in bare.model_fields.items()]
