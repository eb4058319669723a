"""From a plant file's text to plain values, each with the line it stands on.

YAML as people write it: times stay text (plain YAML 1.1 reads 06:30 as the number 390), a key may stand only once, and
aliases, tags and bottomless nesting are refused, so a file of a few hundred bytes cannot become gigabytes.
"""

import re
from typing import NamedTuple, TypeAlias

import yaml

MAX_BYTES = 2_000_000
MAX_DEPTH = 12

Key: TypeAlias = str | int
Path: TypeAlias = tuple[Key, ...]

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {"": None, "~": None, "null": None, "true": True, "false": False}


class Problem(NamedTuple):
    """One thing wrong with the file. `line` counts from 1; 0 when the whole file is meant."""

    line: int
    path: Path
    message: str

    def __str__(self) -> str:
        where = " → ".join(str(key) for key in self.path)
        return ": ".join(part for part in (f"line {self.line}" if self.line else "", where, self.message) if part)


class Refused(Exception):
    """The file is not accepted; `problems` are all of its faults, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = sorted(problems, key=lambda problem: problem.line)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class Document:
    """The file's values and the line of every key and list item."""

    def __init__(self, value: object, lines: dict[Path, int]) -> None:
        self.value = value
        self._lines = lines

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 0)


def read(raw: bytes) -> Document:
    """Raises Refused."""
    if len(raw) > MAX_BYTES:
        raise Refused([Problem(0, (), f"the file has {len(raw):,} bytes; a plant file has at most {MAX_BYTES:,}.")])
    text = _decoded(raw)
    try:
        _check_shape(text)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise Refused([_syntax(error, text)]) from error
    return _Builder().document(node)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Refused([Problem(line, (), "this is not UTF-8 text; save the file as UTF-8.")]) from error


def _check_shape(text: str) -> None:
    """Refuse what could be dangerous before any of it is built."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            raise Refused([Problem(line, (), "aliases (*name) are not accepted; write the values out.")])
        if (tag := getattr(event, "tag", None)) not in (None, "!"):
            raise Refused([Problem(line, (), f"tags such as {tag} are not accepted; write the plain value.")])
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > MAX_DEPTH:
            raise Refused([Problem(line, (), f"nested more than {MAX_DEPTH} levels deep; no part of a plant is.")])
        if documents > 1:
            raise Refused([Problem(line, (), "a second document starts here (---); one file describes one plant.")])


def _syntax(error: yaml.YAMLError, text: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(line, (), f"character {error.character!r} may not stand in a text file.")
    if not isinstance(error, yaml.MarkedYAMLError):
        return Problem(0, (), f"this is not YAML: {error}")
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "unreadable"
    if "'\\t'" in what:
        what = "a tab stands at the start; indent with spaces"
    return Problem(mark.line + 1 if mark else 0, (), f"this is not YAML: {what}.")


class _Builder:
    def __init__(self) -> None:
        self._lines: dict[Path, int] = {}
        self._problems: list[Problem] = []

    def document(self, node: yaml.Node | None) -> Document:
        value = self._value(node, ()) if node is not None else None
        if self._problems:
            raise Refused(self._problems)
        return Document(value, self._lines)

    def _value(self, node: yaml.Node, path: Path) -> object:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._value(item, (*path, position)) for position, item in enumerate(node.value, 1)]
        quoted = isinstance(node, yaml.ScalarNode) and node.style
        return node.value if quoted else _plain(node.value)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[Key, object]:
        found: dict[Key, object] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = _key(key_node)
            if key is None:
                self._problems.append(Problem(line, path, "a key must be one word or number."))
            elif key in found:
                first = self._lines[(*path, key)]
                self._problems.append(Problem(line, (*path, key), f"stands twice; the first is on line {first}."))
            else:
                self._lines[(*path, key)] = line
                found[key] = self._value(value_node, (*path, key))
        return found


def _key(node: yaml.Node) -> Key | None:
    if not isinstance(node, yaml.ScalarNode) or not node.value:
        return None
    value = _plain(node.value) if not node.style else node.value
    # A machine may be called "true" or "1.5": only whole numbers are more than text here.
    return value if isinstance(value, int) and not isinstance(value, bool) else str(node.value)


def _plain(text: str) -> object:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and not (text.isdigit() and text.startswith("0")):
        return float(text)
    return text
