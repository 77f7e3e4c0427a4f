"""Ctrl-C ends a command within seconds and quietly, also while whom it asks stands still."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest


@pytest.mark.parametrize("command", [("status", "--wait-idle", "60"), ("sql", "SELECT 1")])
def test_ctrl_c_ends_a_command_that_waits_for_a_frozen_server(command: tuple[str, ...], tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        address = f"127.0.0.1:{frozen.getsockname()[1]}"
        environment = {
            **os.environ,
            "FIXTRAIL_DATA": str(tmp_path),
            "FIXTRAIL_KAFKA": address,
            "FIXTRAIL_CLICKHOUSE": f"http://{address}",
        }
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            [sys.executable, "-m", "fixtrail.cli", *command], stdout=pipe, stderr=pipe, env=environment
        )
        frozen.settimeout(60)
        with frozen.accept()[0]:
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            outputs = process.communicate(timeout=30)
        assert process.returncode == 130
        assert outputs == (b"", b"")
        # Three seconds, on a machine that does nothing else.
        assert time.monotonic() - began < 10
