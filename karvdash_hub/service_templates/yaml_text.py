"""YAML text to plain trees, in bounded time and memory, with every mistake and its line.

The tree is built here from libyaml's events instead of with yaml.safe_load, because safe_load
lets the last of two equal keys win, copies aliases without end, follows nesting until the
interpreter's stack is full, and reads ``12:30`` as 750 and ``2026-01-01`` as a date, none of
which kubectl does. Scalars mean what they mean to Karvdash and to kubectl (YAML 1.1 without
base 60 and dates): ``yes`` and ``on`` are true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from karvdash_hub.errors import FieldError
from karvdash_hub.service_templates.tree import Path, shorten, show_path

MAX_TEXT = 1024 * 1024  # characters of one file
MAX_DOCUMENTS = 100
MAX_DEPTH = 64
MAX_NODES = 20_000  # mappings, lists and scalars of one file, aliases counted as often as used
MAX_CHARACTERS = 2 * MAX_TEXT  # the same for the characters of all scalars
MAX_ERRORS = 100

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_NULL = re.compile(r"~|null|Null|NULL|")
_TRUE = re.compile(r"yes|Yes|YES|true|True|TRUE|on|On|ON")
_FALSE = re.compile(r"no|No|NO|false|False|FALSE|off|Off|OFF")
_INTEGER = re.compile(r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)", re.ASCII)
# With a point only: an image tag such as 12e5 is no number.
_FLOAT = re.compile(r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]{1,2})?", re.ASCII)

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null")} | {"!"}


class SpelledFloat(float):
    """A float that knows how it was written, since ``default: 4.10`` may be a version."""

    text: str

    def __new__(cls, text: str) -> SpelledFloat:
        number = super().__new__(cls, text.replace("_", ""))
        number.text = text
        return number


@dataclass(frozen=True)
class Document:
    """One document of a file: ``index`` from 0, ``line`` from 1 where it starts."""

    index: int
    line: int
    value: Any


@dataclass
class _Node:
    """A finished subtree with what it costs when an alias repeats it."""

    value: Any
    nodes: int = 1
    characters: int = 0
    height: int = 1


@dataclass
class _Frame:
    """A mapping or list under construction; ``key`` is what the next value belongs to."""

    node: _Node
    anchor: str | None
    key: str | None = None
    merging: bool = False  # the next value belongs to <<
    merges: list[dict[str, Any]] = field(default_factory=list)


class _Stop(Exception):
    """Reading on makes no sense or costs too much."""


def load(text: str) -> tuple[list[Document], list[FieldError]]:
    """Read every document of a file.

    Returns: the documents that could be read, and the mistakes found on the way. After a syntax
        error or a limit the rest of the file is left unread, and the documents are those before it.
    """
    if len(text) > MAX_TEXT:
        return [], [FieldError(None, "", f"The file is larger than {MAX_TEXT // 1024} KiB.")]
    try:
        text.encode()
    except UnicodeEncodeError:
        return [], [FieldError(None, "", "The file is not UTF-8 text.")]
    reader = _Reader()
    try:
        reader.read(yaml.parse(text.removeprefix("\ufeff"), Loader=_Loader))
    except _Stop as stop:
        reader.errors.append(FieldError(reader.current, "", str(stop)))
    except yaml.YAMLError as error:
        reader.errors.append(FieldError(reader.current, "", _syntax_error(error)))
    return reader.documents, reader.errors


def _syntax_error(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or getattr(error, "reason", None) or "it cannot be read"
    where = f" at line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"This is not YAML: {reason}{where}."


class _Reader:
    """Builds trees from events; holds no more than the limits allow."""

    def __init__(self) -> None:
        self.documents: list[Document] = []
        self.errors: list[FieldError] = []
        self.current: int | None = None
        self._start = 0
        self._line = 0
        self._stack: list[_Frame] = []
        self._anchors: dict[str, _Node | None] = {}
        self._nodes = 0
        self._characters = 0

    def read(self, events: Iterator[Any]) -> None:
        for event in events:
            self._line = event.start_mark.line + 1
            match event:
                case yaml.DocumentStartEvent():
                    self.current = len(self.documents)
                    if self.current >= MAX_DOCUMENTS:
                        raise _Stop(f"The file has more than {MAX_DOCUMENTS} documents.")
                    self._anchors, self._start = {}, self._line
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._open(event)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self._close()
                case yaml.ScalarEvent():
                    self._scalar(event)
                case yaml.AliasEvent():
                    self._alias(str(event.anchor))

    def fail(self, message: str) -> None:
        if len(self.errors) > MAX_ERRORS:
            raise _Stop("There are more mistakes; only the first are listed.")
        self.errors.append(FieldError(self.current, show_path(self._path()), message))

    def _path(self) -> Path:
        parts = ((frame.node.value, frame.key) for frame in self._stack)
        places = (len(value) if isinstance(value, list) else key for value, key in parts)
        return tuple(place for place in places if place is not None)

    def _open(self, event: Any) -> None:
        if event.tag not in (None, "!", f"{_TAG}map", f"{_TAG}seq"):
            self._bad_tag(event.tag)
        if len(self._stack) >= MAX_DEPTH:
            raise _Stop(f"Line {self._line}: more than {MAX_DEPTH} levels of nesting.")
        self._spend(1, 0)
        if event.anchor:
            self._anchors[event.anchor] = None  # known, and not usable before it is complete
        empty: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Frame(_Node(empty), event.anchor))

    def _close(self) -> None:
        frame = self._stack.pop()
        for merged in frame.merges:
            for key, value in merged.items():
                frame.node.value.setdefault(key, value)
        if frame.anchor:
            self._anchors[frame.anchor] = frame.node
        self._add(frame.node)

    def _scalar(self, event: Any) -> None:
        self._spend(1, len(event.value))
        if self._expects_key():
            self._key(event.value, plain=event.tag is None and event.implicit[0])
            return
        if event.tag is not None and event.tag not in _SCALAR_TAGS:
            self._bad_tag(event.tag)
        plain = event.implicit[0] if event.tag is None else event.tag.startswith(_TAG)
        text = event.tag in ("!", f"{_TAG}str") or not plain
        node = _Node(event.value if text else resolve(event.value), characters=len(event.value))
        if event.anchor:
            self._anchors[event.anchor] = node
        self._add(node)

    def _alias(self, name: str) -> None:
        if name not in self._anchors:
            raise _Stop(f"Line {self._line}: the alias *{shorten(name)} has no anchor before it.")
        node = self._anchors[name]
        if node is None:
            raise _Stop(f"Line {self._line}: the alias *{shorten(name)} is inside what it repeats.")
        if len(self._stack) + node.height > MAX_DEPTH:
            raise _Stop(f"Line {self._line}: more than {MAX_DEPTH} levels of nesting.")
        self._spend(node.nodes, node.characters)
        self._add(node)

    def _expects_key(self) -> bool:
        frame = self._stack[-1] if self._stack else None
        return frame is not None and isinstance(frame.node.value, dict) and frame.key is None

    def _key(self, text: str, plain: bool) -> None:
        frame = self._stack[-1]
        frame.key, frame.merging = text, plain and text == "<<"
        if text in frame.node.value:
            self.fail(f"The key appears twice (again on line {self._line}). Keep one of them.")
        elif plain and _NULL.fullmatch(text):
            self.fail(f"A key is missing (line {self._line}).")

    def _add(self, node: _Node) -> None:
        """Put a finished node into its parent, or finish the document."""
        if not self._stack:
            self.documents.append(Document(self.current or 0, self._start, node.value))
            return
        if self._expects_key():
            self._key("?", plain=False)
            self.fail(f"A key must be text (line {self._line}).")
            return
        frame = self._stack[-1]
        parent = frame.node
        parent.nodes += node.nodes
        parent.characters += node.characters
        parent.height = max(parent.height, node.height + 1)
        if isinstance(parent.value, list):
            parent.value.append(node.value)
            return
        if frame.merging:
            self._merge(frame, node.value)
        else:
            parent.value.setdefault(frame.key, node.value)
        frame.key = None

    def _merge(self, frame: _Frame, value: Any) -> None:
        sources = value if isinstance(value, list) else [value]
        if all(isinstance(source, dict) for source in sources):
            frame.merges += sources
        else:
            self.fail(f"<< takes a mapping or a list of mappings (line {self._line}).")

    def _spend(self, nodes: int, characters: int) -> None:
        """Refuse before memory is spent, not afterwards."""
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES or self._characters > MAX_CHARACTERS:
            raise _Stop(
                f"Line {self._line}: the file is too large: at most {MAX_NODES} values and "
                f"{MAX_CHARACTERS} characters, counting what aliases repeat."
            )

    def _bad_tag(self, tag: str) -> None:
        shown = f"!!{tag.removeprefix(_TAG)}" if tag.startswith(_TAG) else tag
        self.fail(f"The tag {shorten(shown)} is not allowed (line {self._line}). Remove it.")


def resolve(text: str) -> Any:
    """Return what a plain scalar means: None, bool, int, SpelledFloat or the text itself."""
    if _NULL.fullmatch(text):
        return None
    if _TRUE.fullmatch(text):
        return True
    if _FALSE.fullmatch(text):
        return False
    if len(text) <= 20:
        if _INTEGER.fullmatch(text) and (number := _integer(text)) is not None:
            return number
        if _FLOAT.fullmatch(text):
            return SpelledFloat(text)
    return text


def _integer(text: str) -> int | None:
    digits = text.replace("_", "")
    sign, digits = (-1, digits[1:]) if digits.startswith("-") else (1, digits.removeprefix("+"))
    base = {"0b": 2, "0x": 16, "0o": 8}.get(digits[:2], 8 if digits.startswith("0") and digits != "0" else 10)
    try:
        return sign * int(digits, base)
    except ValueError:  # "0x_", which the pattern lets through
        return None


def plain(value: Any, *, spelled: bool = False) -> Any:
    """Copy a tree, with ordinary floats and without shared parts.

    Args:
        spelled: give floats that Python would write differently (4.10) as text.
    """
    if isinstance(value, dict):
        return {key: plain(item, spelled=spelled) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item, spelled=spelled) for item in value]
    if isinstance(value, SpelledFloat):
        return value.text if spelled and repr(float(value)) != value.text else float(value)
    return value
