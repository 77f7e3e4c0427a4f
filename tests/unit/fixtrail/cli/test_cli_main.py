"""The command line as a whole: how it is started, and which errors are one line instead of a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError
from clickhouse_connect.driver.exceptions import DatabaseError

from fixtrail.cli import main as cli
from fixtrail.settings import NoEndpointError
from runtime.failure import NEGATIVE, ExitError


@pytest.mark.parametrize("module", ["fixtrail", "fixtrail.cli"])
def test_every_command_group_is_there_however_it_is_started(module: str, tmp_path: Path):
    command = [sys.executable, "-m", module, "users", "list", "--data", str(tmp_path)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=120)

    assert ended.returncode == 0, ended.stderr
    assert "no accounts" in ended.stdout + ended.stderr


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NoEndpointError("FIXTRAIL_KAFKA is not set"), "FIXTRAIL_KAFKA is not set"),
        (KafkaConnectionError("no broker"), "Kafka cannot be used: KafkaConnectionError: no broker. Is it running?"),
        (FileNotFoundError(2, "No such file or directory", "events.ndjson"), "there is no file events.ndjson"),
        (PermissionError(13, "Permission denied", "users.toml"), "users.toml cannot be used: Permission denied"),
        (OSError(30, "Read-only file system", "backup"), "backup cannot be used: Read-only file system"),
        (OSError(28, "No space left on device"), "a file cannot be used: No space left on device"),
        (
            DatabaseError("Code: 497. Not enough privileges. (ACCESS_DENIED)"),
            "ClickHouse cannot be used: Code: 497. Not enough privileges. (ACCESS_DENIED). Its users and rights: "
            "`fixtrail migrate --print-grants`",
        ),
        (ExitError("no account of this name"), "no account of this name"),
    ],
)
def test_an_expected_failure_is_one_line(
    error: Exception, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert _end_of(error, monkeypatch) == NEGATIVE

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"fixtrail: {message}")


def test_an_error_that_only_has_such_a_name_is_a_bug(monkeypatch: pytest.MonkeyPatch):
    lookalike = type("NoEndpointError", (Exception,), {"__module__": "aiokafka.errors"})

    with pytest.raises(lookalike):
        _end_of(lookalike(), monkeypatch)


def _end_of(error: Exception, monkeypatch: pytest.MonkeyPatch) -> int | str | None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code
