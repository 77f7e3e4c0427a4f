"""`send --history` and `import --history` as they are called: what they refuse before anything is written, and say."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from fixtrail.all_settings import Settings
from fixtrail.cli.main import main
from fixtrail.history import command, import_command
from fixtrail.history.command import HistoryReport, run_history, show
from fixtrail.history.judging import Judging
from fixtrail.history.plan import Counts
from fixtrail.history.reading import HistoryFile
from fixtrail.sending.sources import ImportRun
from runtime.failure import ExitError
from schemas.event_topics import REFERENCE
from schemas.times import DAY_MS
from tests.workshop import ms, repaired_visit

KEY = "a secret of these tests, long enough"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("send f --dry-run", "--dry-run goes with --history"),
        ("send f --history --check", "--history goes without --check"),
        ("send f --history --reference", "--history goes without"),
        ("send f --history --rate 5", "--history goes without"),
        ("import f --mapping m.toml --history --out o", "--history goes without --out"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(
    words: str, reason: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["fixtrail", *words.split()])
    with pytest.raises(SystemExit) as ended:
        main()

    assert ended.value.code == 2
    assert reason in capsys.readouterr().err


async def nothing(_: HistoryFile) -> None:
    """A file without lines."""


def test_free_text_that_erasing_would_not_find_is_refused() -> None:
    with pytest.raises(ExitError, match="FIXTRAIL_KEEP_FREE_TEXT is on") as refused:
        asyncio.run(run_history(Settings(keep_free_text=True), nothing, dry_run=True))

    assert refused.value.exit_code == 2


def file_of(*lines: bytes) -> HistoryFile:
    judging = Judging(KEY.encode(), 1, ms("08:00", 300), 256 * 1024, DAY_MS)
    with HistoryFile(judging, {0: 0}) as file:
        for line in lines:
            file.add(line)
        file.end()
    return file


GOOD = [json.dumps(event).encode() for event in repaired_visit("brakes")]


@pytest.mark.parametrize(("bad", "good", "is_refused"), [(50, 900, True), (50, 1000, False), (49, 0, False)])
def test_a_file_of_which_too_much_is_no_event_is_refused_unless_that_is_wanted(
    bad: int, good: int, is_refused: bool
) -> None:
    file = file_of(*[b"{"] * bad, *(GOOD * 200)[:good])
    command._require_good(Settings(dead_letter_limits=False), file, ms("08:00", 300))
    if not is_refused:
        command._require_good(Settings(), file, ms("08:00", 300))
        return
    with pytest.raises(ExitError, match="50 of 950 lines are no event, more than 5%: nothing was written"):
        command._require_good(Settings(), file, ms("08:00", 300))


def test_events_that_clickhouse_would_delete_at_once_are_refused() -> None:
    file = file_of(*GOOD)
    command._require_good(Settings(clickhouse_days=301), file, ms("08:00", 300))
    with pytest.raises(ExitError, match="the first event is of 2026-03-02") as refused:
        command._require_good(Settings(clickhouse_days=299), file, ms("08:00", 300))

    assert refused.value.exit_code == 2


def report(**fields: Any) -> HistoryReport:
    counts = Counts(2, 3, 20, 0, 4, 50, 1)
    return HistoryReport(**{"dry_run": False, "lines": 71, "refused": {"not_json": 1}, "counts": counts, **fields})


def test_what_was_done_is_said_in_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []

    assert show(report(), lines.append, as_json=False) == 0
    assert "20 events of 3 orders, 2 vehicles went straight into ClickHouse" in lines[1]
    assert "50 events of 4 vehicles went through the stream" in lines[2]
    assert [line.strip() for line in lines[3:]] == [
        "1 of these vehicles were known already",
        "1 lines are no event: not_json",
    ]


def test_a_dry_run_says_that_nothing_was_written_and_a_line_too_long_fails() -> None:
    lines: list[str] = []

    assert show(report(dry_run=True, too_long=[7]), lines.append, as_json=False) == 1
    assert "would go straight into ClickHouse" in lines[1]
    assert lines[-1] == "nothing was written or sent (dry run)"


def test_scripts_get_one_document() -> None:
    lines: list[str] = []
    show(report(hours=9), lines.append, as_json=True)
    document = json.loads(lines[0])

    assert document["history_orders"] == 3 and document["streamed_events"] == 50 and document["hours"] == 9
    assert document["refused"] == {"not_json": 1} and document["dry_run"] is False
    assert "counts" not in document


def test_a_mapping_of_reference_events_is_no_history(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class OfReference:
        topic = REFERENCE

    monkeypatch.setattr(import_command, "load_mapping", lambda _: OfReference())
    run = ImportRun(tmp_path / "log.csv", tmp_path / "m.toml", True, None, None)
    with pytest.raises(ExitError, match="--history is about the events of orders"):
        import_command.run_history_import(Settings(), run, as_json=False, say=lambda _: None)
