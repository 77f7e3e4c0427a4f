"""What other systems sent is no command for a terminal, whichever command shows it; a pipe gets it unchanged."""

import re
import sys
from collections import Counter

import pytest
from rich.console import Console

from fixtrail.cli.app import say, say_json
from fixtrail.cli.print_overview import print_overview
from fixtrail.customers.preview import Preview, print_preview
from fixtrail.operations.dead_letters import Letter, LetterList, print_letter, print_list
from fixtrail.operations.overview import Overview
from fixtrail.reports.forms.terminal import print_report
from fixtrail.reports.report import Bilingual, Column, Report, Sheet
from fixtrail.terminal.printable import write_stdout
from schemas.dead_letter import DeadLetter

# Sets the window's title, CSI in one character, turns the direction, deletes what stands before it.
HOSTILE = "\x1b]0;gone\x07\x1b[2J\x9b31m\u202e\b\x00"
# Colours, which are the table's own.
_STYLE = re.compile("\x1b\\[[0-9;]*m")
COMMANDS = set(HOSTILE) - set("]0;gone[2J31m")


def a_letter() -> Letter:
    about = DeadLetter(f"code{HOSTILE}", f"reason{HOSTILE}", f"topic{HOSTILE}", 0, 7, 1000)
    return Letter(0, 1, f"key{HOSTILE}".encode(), f"value{HOSTILE}".encode(), (("h", HOSTILE.encode()),), about, 9)


def a_report() -> Report:
    column = Column("name", Bilingual("名", f"Name {HOSTILE}"))
    sheet = Sheet("s", Bilingual("表", f"Sheet {HOSTILE}"), (column,), ({"name": f"[/b]part{HOSTILE}"},))
    return Report(
        "r", Bilingual("题", f"Title {HOSTILE}"), Bilingual("问", "?"), {"center": f"[/b]{HOSTILE}"}, sheets=(sheet,)
    )


SHOWN = {
    "a dead letter": lambda: print_letter(a_letter()),
    "a list of dead letters": lambda: print_list(LetterList(Counter({f"code{HOSTILE}": 1}), 0, [a_letter()])),
    "a report": lambda: print_report(a_report(), Console(file=sys.stdout, no_color=True, force_terminal=False)),
    "status": lambda: print_overview(Overview(None, [], [], {f"code{HOSTILE}": 1}, [f"[/b]{HOSTILE}"]), {}, 0),
    "a message's preview": lambda: print_preview([Preview(*(f"{n}{HOSTILE}" for n in "abcdefg"))]),
    "a text": lambda: say(f"text {HOSTILE}"),
    "JSON": lambda: say_json({"name": HOSTILE}),
    "bytes": lambda: write_stdout(f"bytes {HOSTILE}".encode() + b"\xff"),
}


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN.keys())
def test_a_terminal_is_given_no_command(show, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    show()

    plain = _STYLE.sub("", capsys.readouterr().out)
    assert "31m" in plain or "9b31m" in plain
    assert not COMMANDS & set(plain)


def test_a_pipe_gets_it_as_it_is(capfdbinary):
    write_stdout(f"bytes {HOSTILE}".encode() + b"\xff")
    say(f"text {HOSTILE}")

    assert capfdbinary.readouterr().out == f"bytes {HOSTILE}".encode() + b"\xff" + f"text {HOSTILE}\n".encode()
