"""`fixtrail sql` keeps from the server the one call that would end the embedded one."""

import io
import urllib.request

import orjson
import pytest

from fixtrail.all_settings import Settings
from fixtrail.cli import main
from fixtrail.clickhouse.query import names_python, print_lines, print_table, query, rows
from runtime.failure import ExitError
from tests.sql_attacks import FATAL

ALLOWED = [
    "SELECT 'Python(x)'",
    "SELECT 1 -- Python(x)",
    "SELECT 1 /* FROM Python(x) */",
    "SELECT python, count() FROM orders GROUP BY python",
    "SELECT 'it''s Python(x)', '\\' Python(x)'",
    "WITH Python AS (SELECT 1) SELECT * FROM Python",
    "SELECT pythonic(1)",
    "SELECT $$ Python(x) $$, $a$ Python(x) $a$, ‘Python(x)’",
    "SELECT 1 # Python(x)",
    """SELECT "it's Python", `python`, 1 AS "a ""b"" " """,
]


@pytest.mark.parametrize("query", FATAL.values(), ids=FATAL)
def test_a_call_is_found_however_it_is_written(query: str):
    assert names_python(query)
    with pytest.raises(ExitError, match="not allowed"):
        rows(Settings(clickhouse="http://127.0.0.1:1"), query)


@pytest.mark.parametrize("query", ALLOWED)
def test_what_only_looks_like_it_is_let_through(query: str):
    assert not names_python(query)


HOSTILE = "R-1\x1b]0;owned\x07\x1b[2J\u202egpj\r\x9b31m"


def test_a_table_on_the_terminal_holds_no_command_for_it(capsys: pytest.CaptureFixture[str]):
    answer = {"meta": [{"name": f"order{HOSTILE}", "type": "String"}], "data": [[HOSTILE], ["[bold]x[/bold]"], [None]]}

    print_table(orjson.dumps(answer))

    output = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in output)
    assert "R-1\ufffd]0;owned" in output
    assert "[bold]x[/bold]" in output and "null" in output


def test_lines_on_the_terminal_hold_no_command_for_it(capsys: pytest.CaptureFixture[str]):
    print_lines(f"order\tlane\n{HOSTILE}\tquick\n".encode() + b"\xff\n")

    output = capsys.readouterr().out
    assert all(char.isprintable() or char in "\t\n" for char in output)
    assert output.splitlines() == ["order\tlane", output.splitlines()[1], "\ufffd"]
    assert output.splitlines()[1].endswith("\tquick")


def test_an_error_that_quotes_stored_text_commands_no_terminal(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main._end(f"Cannot parse {HOSTILE}\nas a number", 1)

    errors = capsys.readouterr().err
    assert all(char.isprintable() or char == "\n" for char in errors)
    assert errors.endswith("\nas a number\n")


class Answer(io.BytesIO):
    """As much of an HTTP answer as a query reads: what came, and how many rows ClickHouse says that there are."""

    def __init__(self, output_format: str, body: bytes, result_rows: int) -> None:
        super().__init__(body)
        self.headers = {
            "X-ClickHouse-Format": output_format,
            "X-ClickHouse-Summary": orjson.dumps({"read_rows": "9", "result_rows": str(result_rows)}).decode(),
        }


@pytest.mark.parametrize(
    ("output_format", "complete", "cut"),
    [
        ("JSONEachRow", b'{"x":1}\n{"x":2}\n', b'{"x":1}\n{"x"'),
        ("JSONEachRow", b'{"x":1}\n{"x":2}\n', b""),
        ("TabSeparatedWithNames", b"x\n1\n2\n", b"x\n"),
        ("CSV", b'"a\nb"\n2\n', b"2\n"),
        ("JSONCompact", b'{"meta":[],"data":[[1],[2]]}\n', b'{"meta":[],"data":[[1]'),
        ("JSONCompact", b'{"meta":[],"data":[[1],[2]]}\n', b""),
        ("Parquet", b"PAR1...PAR1", b""),
    ],
)
def test_an_answer_that_a_full_disk_has_cut_off_is_no_answer(monkeypatch, output_format, complete, cut):
    """ClickHouse says 200 and gives nothing, or the first megabyte: a report of that would be wrong in silence."""
    settings = Settings(clickhouse="http://127.0.0.1:1", clickhouse_reader_password="x")
    answers = [Answer(output_format, body, result_rows=2) for body in (complete, cut)]
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: answers.pop(0))

    assert b"".join(query(settings, "SELECT x FROM orders", output_format)) == complete
    with pytest.raises(ExitError, match="2 rows: is its disk full"):
        list(query(settings, "SELECT x FROM orders", output_format))


def test_an_answer_without_rows_is_one(monkeypatch):
    settings = Settings(clickhouse="http://127.0.0.1:1", clickhouse_reader_password="x")
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Answer("JSONEachRow", b"", result_rows=0))
    assert rows(settings, "SELECT x FROM orders LIMIT 0") == []
    monkeypatch.setattr(urllib.request, "urlopen", lambda *_, **__: Answer("Null", b"", result_rows=5))
    assert list(query(settings, "SELECT x FROM orders", "Null")) == []
