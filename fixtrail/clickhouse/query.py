"""`fixtrail sql`: a query to ClickHouse as the user who may only read the views."""

import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from fixtrail.settings import ClickHouseSettings
from runtime.failure import USAGE, ExitError
from sinks.clickhouse.connection import ANSWER_BUFFER

if TYPE_CHECKING:
    from rich.text import Text

TABLE_FORMAT = "JSONCompact"
_CHUNK_BYTES = 1 << 16
# Each row of these is a line, or several.
_BY_LINE = re.compile(r"(JSON(Compact)?EachRow|TabSeparated|TSV|CSV)")

# The embedded server ends with a crash where somebody asks for chDB's table function of this name.
_PYTHON = re.compile(r"\bpython\s*\(", re.IGNORECASE)
# As ClickHouse's lexer cuts a query up: what stands in quotes of any kind begins no other text, name or comment.
_TOKEN = re.compile(
    r"""
      (?P<text> '(?:[^'\\]|\\.|'')*' | ‘[^’]*’ | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ )
    | (?P<name> "(?:[^"\\]|\\.|"")*" | `(?:[^`\\]|\\.|``)*` | “[^”]*” )
    | (?P<comment> /\*.*?\*/ | --[^\n]* | \#[ !][^\n]* )
    | [A-Za-z_][\w$]* | \$[\w$]* | [0-9]+
    """,
    re.DOTALL | re.VERBOSE | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{2})|(.))", re.DOTALL)


def query(
    settings: ClickHouseSettings,
    text: str,
    output_format: str,
    parameters: Mapping[str, str] | None = None,
    longest_s: float | None = None,
    patience_s: float = 300.0,
) -> Iterator[bytes]:
    """The answer in pieces, in ClickHouse's own `output_format` unless the query names one.

    `parameters` are the values of the query's {name:Type}, as ClickHouse writes them into TabSeparated. `longest_s`
    asks for another limit of time than the reader's own; a server that says nothing for `patience_s` is away.
    Raises ExitError with ClickHouse's message where it refuses the query or cannot be reached, and for the one table
    function that would end the embedded server.
    """
    if names_python(text):
        raise ExitError("the table function Python() is not allowed: it ends the embedded server")
    user, password = settings.reader_login()
    url = settings.clickhouse_url()
    # wait_end_of_query: an error halfway through must not look like a complete answer.
    tables = settings.clickhouse_tables()
    options = {
        "database": tables.database,
        "default_format": output_format,
        "wait_end_of_query": "1",
    } | ANSWER_BUFFER
    if longest_s is not None:
        options["max_execution_time"] = f"{longest_s:g}"
    options |= {f"param_{name}": value for name, value in (parameters or {}).items()}
    request = urllib.request.Request(
        f"{url.rstrip('/')}/?{urllib.parse.urlencode(options)}",
        data=tables.renamed(text).encode(),
        headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password},
    )
    context = _ssl_context(settings) if url.startswith("https") else None
    try:
        with urllib.request.urlopen(request, context=context, timeout=patience_s) as answer:
            lines, end = 0, b""
            while chunk := answer.read(_CHUNK_BYTES):
                lines, end = lines + chunk.count(b"\n"), chunk
                yield chunk
            _require_whole(answer.headers, lines, end)
    except urllib.error.HTTPError as error:
        raise ExitError(_with_advice(error.read().decode(errors="replace").strip())) from None
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise ExitError(
            f"ClickHouse at {url} cannot be reached: {reason}. Is the stack up? `fixtrail status`"
        ) from None


def _require_whole(headers: Mapping[str, str], lines: int, end: bytes) -> None:
    """Raises ExitError where an answer with so many line ends, and this end, has not all of its rows.

    What is too much for its memory ClickHouse puts into a file until the query has ended. Where the disk is full it
    leaves that out, without an error.
    """
    rows = int(orjson.loads(headers.get("X-ClickHouse-Summary") or b"{}").get("result_rows", 0))
    output_format = headers.get("X-ClickHouse-Format") or ""
    if _BY_LINE.match(output_format):
        is_whole = lines >= rows
    elif output_format in ("JSON", TABLE_FORMAT):
        is_whole = end.rstrip().endswith(b"}")
    else:
        is_whole = bool(end) or not rows or output_format == "Null"
    if not is_whole:
        raise ExitError(f"ClickHouse has left out a part of its answer of {rows:,} rows: is its disk full?")


def _ssl_context(settings: ClickHouseSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.clickhouse_ca)
    except (OSError, ssl.SSLError) as error:
        raise ExitError(
            f"wrong setting: FIXTRAIL_CLICKHOUSE_CA: {settings.clickhouse_ca} cannot be used: {error}", USAGE
        ) from None


def _with_advice(message: str) -> str:
    if "DISTRIBUTED_IN_JOIN_SUBQUERY_DENIED" not in message:
        return message
    return (
        f"{message}\nThe reader has settings of a single server: `fixtrail migrate --print-grants` has those of shards."
    )


def names_python(text: str) -> bool:
    """Whether a query calls chDB's table function Python, however it is written; texts and comments do not count."""
    return _PYTHON.search(_TOKEN.sub(_bare, text)) is not None


def _bare(token: re.Match[str]) -> str:
    """A token without what cannot be a call. A text stays a text, so that Python('x') is still one."""
    if token["text"] is not None:
        return "''"
    if token["comment"] is not None:
        return " "
    return token[0] if token["name"] is None else _ESCAPE.sub(_unescaped, token[0][1:-1])


def _unescaped(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16)) if escape[1] else escape[2]


def rows(settings: ClickHouseSettings, text: str) -> list[dict[str, Any]]:
    """The answer's rows as dicts; 64-bit numbers stay numbers."""
    answer = b"".join(query(settings, text, "JSONEachRow"))
    return [orjson.loads(line) for line in answer.splitlines() if line]


def print_table(answer: bytes) -> None:
    """An answer in TABLE_FORMAT as a table on the terminal; other bytes (the query named a format) as lines of text.

    What a terminal would take for a command is replaced in both: ids and texts come from other systems.
    """
    from rich.console import Console
    from rich.table import Table

    from fixtrail.terminal.printable import cell

    try:
        parsed = orjson.loads(answer)
        names = [(column["name"], column["type"]) for column in parsed["meta"]]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        print_lines(answer)
        return
    table = Table(caption=f"{len(parsed['data'])} rows", caption_justify="left")
    for name, kind in names:
        table.add_column(
            cell(name), justify="right" if "Int" in kind or "Float" in kind or "Decimal" in kind else "left"
        )
    for row in parsed["data"]:
        table.add_row(*(_cell(value) for value in row))
    Console().print(table)


def print_lines(answer: bytes) -> None:
    """An answer as text on the terminal; control characters but tabs are replaced."""
    from fixtrail.terminal.printable import printable_lines

    print(printable_lines(answer.decode(errors="replace")), end="")


def _cell(value: object) -> "Text":
    from rich.text import Text

    from fixtrail.terminal.printable import cell

    if value is None:
        return Text("null", style="dim")
    return cell(value if isinstance(value, str) else orjson.dumps(value).decode())
