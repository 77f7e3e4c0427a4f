"""Ids of any kind in what operators read: nothing breaks, and a terminal takes nothing for a command."""

from pathlib import Path

import pytest

from fixtrail.all_settings import Settings
from fixtrail.terminal.printable import cell, printable
from fixtrail.watch import command
from schemas.facts import Alert

IDS = ["[/x]", "[red]", "\\[", "\x1b[2J", "a\nb", "\u202e", "车🚗"]


def an_alert(name: str) -> Alert:
    return Alert(
        **{"alert_id": "0" * 32, "rule": f"rule {name}", "kind": "wait", "severity": "critical", "subject": name},
        **{"order_id": name, "center_id": name, "lane": "quick", "opening": "x", "since": 0, "opened_at": 0},
        **{"value": 30.0, "limit": 30.0, "unit": "minutes", "level": 0, "version": 1},
    )


@pytest.mark.parametrize("name", IDS)
def test_alerts_of_any_order_and_center_are_listed(name: str, tmp_path: Path, monkeypatch, capsys):
    async def result(*_: object) -> list[Alert]:
        return [an_alert(name)]

    monkeypatch.setattr(command, "_all", result)

    assert command.list_alerts(Settings(data=tmp_path), "all", None, None, as_json=False) == 0
    output = capsys.readouterr().out
    assert "0000000000" in output and "\x1b" not in output and "\u202e" not in output


@pytest.mark.parametrize("name", IDS)
def test_what_is_printed_is_one_line_of_plain_text(name: str):
    assert printable(name).isprintable()
    assert cell(name).plain == printable(name) and not cell(name).spans
