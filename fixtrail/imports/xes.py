"""XES logs (1.0 and 2.0, with any namespace or none) as rows: streamed, and without what makes XML dangerous."""

import codecs
import re
from collections.abc import Iterator
from typing import Any, BinaryIO
from xml.parsers import expat

from fixtrail.imports.errors import LogError

CHUNK = 1 << 16
# A case is kept until its end, since its attributes may stand behind its events. This much XML is the longest one.
LONGEST_CASE = 128 << 20
# An event may be eight bytes of a packed log, and is a hundred times that in memory.
MOST_EVENTS = 200_000
# A key is named after all that are around it.
DEEPEST = 32
# Without one new element in this many bytes it is no log.
LONGEST_ELEMENT = 8 << 20

_ATTRIBUTES = frozenset({"string", "date", "int", "float", "boolean", "id", "list", "container"})
_ATTRIBUTE = "attribute"
# XES has sixteen; namespaces and extensions add some.
_MOST_NAMES = 10_000
_DECLARED = re.compile(rb'^\s*<\?xml[^>]*encoding\s*=\s*["\']([A-Za-z0-9._-]+)')
# What expat reads by itself. Others (GB18030 …) are decoded here.
_EXPAT = frozenset({"utf-8", "utf-16", "iso8859-1", "ascii"})


class XesReader:
    """Iterates over (line, columns) of the events; `columns` and `empty_cases` grow as it goes.

    Columns: an event's attributes by key, `case:` and `log:` before those of its trace and of the log, and
    `key/inner key` for an attribute inside another one. A key that comes twice in one event holds both, joined by `;`.
    Of the log's own attributes, of which there may be thousands, the rows have those in `log_attributes`.
    """

    def __init__(self, stream: BinaryIO, log_attributes: frozenset[str] = frozenset()) -> None:
        self._stream = stream
        self._traces = _Traces(log_attributes)

    @property
    def columns(self) -> list[str]:
        return list(self._traces.columns)

    @property
    def empty_cases(self) -> int:
        return self._traces.empty_cases

    def __iter__(self) -> Iterator[tuple[int, dict[str, str]]]:
        traces = self._traces
        parser = _parser(traces)
        first = self._stream.read(CHUNK)
        decode = _decoder(first)
        try:
            chunk = first
            while chunk:
                parser.Parse(decode(chunk) if decode else chunk, False)
                traces.check_size(len(chunk))
                yield from traces.pop_rows()
                chunk = self._stream.read(CHUNK)
            parser.Parse(decode(b"", True) if decode else b"", True)
        except expat.ExpatError as error:
            raise LogError(f"not well-formed XML: {error}") from None
        except UnicodeDecodeError as error:
            raise LogError(f"near line {traces.line()}: the bytes are no {error.encoding}") from None
        yield from traces.pop_rows()


def _parser(traces: "_Traces") -> expat.XMLParserType:
    parser = expat.ParserCreate(namespace_separator="}")
    parser.StartElementHandler, parser.EndElementHandler = traces.start, traces.end
    parser.StartDoctypeDeclHandler = _refuse_document_type
    traces.line = lambda: parser.CurrentLineNumber
    return parser


def _refuse_document_type(*_: object) -> None:
    raise LogError("the log declares a document type or entities; such XML is refused")


def _decoder(first: bytes) -> Any:
    declared = _DECLARED.match(first)
    if declared is None:
        return None
    try:
        codec = codecs.lookup(declared[1].decode())
    except LookupError:
        raise LogError(f"the XML declares the unknown encoding {declared[1].decode()}") from None
    return None if codec.name in _EXPAT else codec.incrementaldecoder("strict").decode


class _Traces:
    """The parser's target: gathers one trace at a time and puts its rows on `done` when it ends."""

    def __init__(self, log_attributes: frozenset[str]) -> None:
        self.columns: dict[str, None] = {}
        self.empty_cases = 0
        self._log_attributes = log_attributes
        self.line: Any = lambda: 0
        self._rows: list[tuple[int, dict[str, str]]] = []
        self._events: list[tuple[int, dict[str, str]]] = []
        self._log: dict[str, str] = {}
        self._trace: dict[str, str] = {}
        self._event: dict[str, str] = {}
        self._scope = ""
        self._in_trace = False
        self._keys: list[str] = []
        self._names: dict[str, str] = {}
        self._bytes_of_case = 0
        self._bytes_of_element = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._bytes_of_element = 0
        name = self._names.get(tag) or self._name(tag)
        if name == _ATTRIBUTE:
            if self._scope == "event" and not self._keys:
                self._event_attribute(attributes)
            else:
                self._attribute(attributes)
        elif name == "event":
            if len(self._events) >= MOST_EVENTS:
                raise LogError(f"near line {self.line()}: a case of more than {MOST_EVENTS:,} events")
            self._event = {}
            self._events.append((self.line(), self._event))
            self._scope = "event"
        elif name == "trace":
            self._trace, self._in_trace, self._scope = {}, True, "trace"
        elif name == "global":
            self._scope = f"global {attributes.get('scope', 'event')}"
        elif not self._scope:
            if name != "log":
                raise LogError(f"no XES: the outermost element is <{name}>, not <log>")
            self._scope = "log"

    def end(self, tag: str) -> None:
        name = self._names[tag]
        if name == _ATTRIBUTE:
            self._keys.pop()
        elif name == "event":
            self._scope = "trace" if self._in_trace else "log"
            if not self._in_trace:
                self._finish()
        elif name == "trace":
            self.empty_cases += not self._events
            self._finish()
            self._in_trace, self._scope = False, "log"
        elif name == "global":
            self._scope = "log"

    def _name(self, tag: str) -> str:
        """The element's name without its namespace; one name for all kinds of attributes."""
        name = tag.rpartition("}")[2]
        if name in _ATTRIBUTES:
            name = _ATTRIBUTE
        if len(self._names) >= _MOST_NAMES:
            raise LogError(f"near line {self.line()}: more than {_MOST_NAMES} kinds of elements")
        self._names[tag] = name
        return name

    def pop_rows(self) -> list[tuple[int, dict[str, str]]]:
        rows, self._rows = self._rows, []
        return rows

    def check_size(self, chunk_bytes: int) -> None:
        """Refuse what would fill the memory: called after each chunk with its bytes."""
        self._bytes_of_case = self._bytes_of_case + chunk_bytes if self._in_trace else 0
        self._bytes_of_element += chunk_bytes
        if self._bytes_of_element > LONGEST_ELEMENT:
            raise LogError(f"near line {self.line()}: an element of more than {LONGEST_ELEMENT >> 20} MB")
        if self._bytes_of_case > LONGEST_CASE:
            raise LogError(f"near line {self.line()}: a case of more than {LONGEST_CASE >> 20} MB")

    def _event_attribute(self, attributes: dict[str, str]) -> None:
        """An event's own attribute, as nearly all are; `_attribute` would do the same."""
        key = attributes.get("key", "")
        self._keys.append(key)
        self.columns[key] = None
        if (value := attributes.get("value")) is not None:
            event = self._event
            event[key] = f"{event[key]};{value}" if key in event else value

    def _attribute(self, attributes: dict[str, str]) -> None:
        key, keys, scope = attributes.get("key", ""), self._keys, self._scope
        if len(keys) >= DEEPEST:
            raise LogError(f"near line {self.line()}: attributes within attributes, {DEEPEST} deep")
        if keys:
            key = f"{keys[-1]}/{key}"
        keys.append(key)
        if scope == "event":
            holder = self._event
        elif scope == "trace":
            key, holder = f"case:{key}", self._trace
        elif scope == "log":
            key, holder = f"log:{key}", self._log
        else:
            # A global attribute tells that the column exists; its value is a placeholder (IEEE 1849, section 4.5).
            self.columns[key if scope == "global event" else f"case:{key}"] = None
            return
        self.columns[key] = None
        value = attributes.get("value")
        if value is not None and (scope != "log" or key in self._log_attributes):
            holder[key] = f"{holder[key]};{value}" if key in holder else value

    def _finish(self) -> None:
        around = {**self._log, **self._trace}
        self._rows += [(line, {**around, **event}) for line, event in self._events]
        self._events, self._trace, self._bytes_of_case = [], {}, 0
