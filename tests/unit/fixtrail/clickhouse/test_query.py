"""`fixtrail sql` keeps from the server the one call that would end the embedded one."""

import orjson
import pytest

from fixtrail.all_settings import Settings
from fixtrail.cli import main
from fixtrail.clickhouse.query import names_python, print_lines, print_table, rows
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

    said = capsys.readouterr().out
    assert all(char.isprintable() or char == "\n" for char in said)
    assert "R-1\ufffd]0;owned" in said
    assert "[bold]x[/bold]" in said and "null" in said


def test_lines_on_the_terminal_hold_no_command_for_it(capsys: pytest.CaptureFixture[str]):
    print_lines(f"order\tlane\n{HOSTILE}\tquick\n".encode() + b"\xff\n")

    said = capsys.readouterr().out
    assert all(char.isprintable() or char in "\t\n" for char in said)
    assert said.splitlines() == ["order\tlane", said.splitlines()[1], "\ufffd"]
    assert said.splitlines()[1].endswith("\tquick")


def test_an_error_that_quotes_stored_text_commands_no_terminal(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main._end(f"Cannot parse {HOSTILE}\nas a number", 1)

    said = capsys.readouterr().err
    assert all(char.isprintable() or char == "\n" for char in said)
    assert said.endswith("\nas a number\n")
