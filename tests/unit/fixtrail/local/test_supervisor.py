"""Child processes are kept running, and never outlive who started them."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest

from fixtrail.local import ping, supervisor
from fixtrail.local.ping import answers
from fixtrail.local.supervisor import Child, RefusalError, Spec
from runtime.failure import ExitError
from runtime.process import is_alive
from tests.clickhouse_node import free_ports

# Any program of the standard library will do that says when it is ready and runs until it is stopped.
SERVER = Spec("server", "http.server", ("--bind", "127.0.0.1", "0"), ready_line="Serving", stop_within_s=5)
FAILING = Spec("failing", "json.tool", ("/nowhere/at/all",), ready_line="never")


async def until(condition, limit_s=60.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        await asyncio.sleep(0.02)


async def test_a_child_that_is_killed_runs_again(tmp_path):
    lines = []
    child = Child(SERVER, tmp_path, lines.append, lambda: None)
    child.start()
    await child.wait_ready(60)
    first = child.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: child.pid not in (None, first))
    await child.wait_ready(60)

    assert "server was killed by SIGKILL; it starts again in 0.5 s" in lines
    assert (child.restarts, child.ended) == (1, "was killed by SIGKILL")
    pid = child.pid
    await child.stop()
    assert not is_alive(pid)
    assert "Serving HTTP" in (tmp_path / "server.log").read_text()


async def test_a_child_that_runs_but_does_not_answer_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(ping, "EVERY_S", 0.1)
    monkeypatch.setattr(ping, "ANSWER_LIMIT_S", 2.0)
    [port] = free_ports(1)
    spec = replace(SERVER, arguments=("--bind", "127.0.0.1", str(port)), ping=f"http://127.0.0.1:{port}/")
    lines = []
    child = Child(replace(spec, stop_within_s=0.5), tmp_path, lines.append, lambda: None)
    child.start()
    await child.wait_ready(60)
    await asyncio.sleep(1)
    first = child.pid
    assert child.restarts == 0

    os.kill(first, signal.SIGSTOP)
    await until(lambda: child.pid not in (None, first))
    await child.wait_ready(60)

    assert child.ended == f"did not answer http://127.0.0.1:{port}/ any more and was stopped"
    assert any(line.startswith(f"server {child.ended}; it starts again") for line in lines)
    assert answers(spec.ping)
    await child.stop()
    assert not answers(spec.ping)


async def test_a_child_that_does_not_start_says_why(tmp_path):
    child = Child(FAILING, tmp_path, lambda _: None, lambda: None)
    child.start()
    with pytest.raises(ExitError, match=r"(?s)(not ready after|ended \d times).*No such file"):
        await child.wait_ready(4)
    await child.stop()


def crashing(tmp_path, body):
    """A child that a signal ends after `body`, which finds in `starts` how many times it was started."""
    (tmp_path / "crashing.py").write_text(
        "import os, signal\nfrom pathlib import Path\n"
        f"count = Path({str(tmp_path / 'starts')!r})\n"
        "starts = int(count.read_text()) + 1 if count.exists() else 1\n"
        f"count.write_text(str(starts))\n{body}\nos.kill(os.getpid(), signal.SIGKILL)"
    )
    return Spec("crashing", "crashing", (), {"PYTHONPATH": str(tmp_path)}, ready_line="up")


async def test_a_child_that_crashes_before_it_is_ready_gets_more_attempts(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.01)
    body = f"if starts > {supervisor.FALSE_STARTS}: print('up', flush=True); signal.pause()"
    child = Child(crashing(tmp_path, body), tmp_path, lambda _: None, lambda: None)
    child.start()
    await child.wait_ready(60)

    assert child.restarts == supervisor.FALSE_STARTS
    log = (tmp_path / "crashing.log").read_text()
    assert log.count("--- crashing was killed by SIGKILL; it starts again in") == supervisor.FALSE_STARTS
    await child.stop()


async def test_a_child_that_always_crashes_is_given_up_and_how_it_died_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.05)
    lines = []
    child = Child(crashing(tmp_path, "print('loading', flush=True)"), tmp_path, lines.append, lambda: None)
    child.start()
    with pytest.raises(ExitError, match=r"(?s)ended 6 times before .*last time it was killed by SIGKILL .*  loading"):
        await child.wait_ready(60)
    await child.stop()

    pauses = [float(line.split()[-2]) for line in lines]
    assert len(pauses) == supervisor.CRASHED_STARTS and pauses == sorted(pauses) and pauses[0] < pauses[-1]


async def test_a_child_that_ends_with_an_exit_code_is_given_up_sooner(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "FIRST_PAUSE_S", 0.25)
    child = Child(FAILING, tmp_path, lambda _: None, lambda: None)
    child.start()
    with pytest.raises(
        ExitError, match=r"(?s)ended 3 times before .*last time it ended with exit code 2 .*No such file"
    ):
        await child.wait_ready(60)
    await child.stop()


async def test_a_child_that_refuses_to_go_on_says_why(tmp_path):
    refusing = tmp_path / "refusing.py"
    refusing.write_text("""print('{"event": "worker ends", "reason": "50 records in a row"}'); raise SystemExit(78)""")
    lines = []
    child = Child(
        Spec("refusing", "refusing", (), {"PYTHONPATH": str(tmp_path)}),
        tmp_path,
        lambda _: None,
        lambda: lines.append(child.ended),
    )
    child.start()
    with pytest.raises(RefusalError, match=r"refusing ended with exit code 78 .*50 records in a row"):
        await child.wait_ready(60)

    assert child.ended == "ended with exit code 78 (it refuses to go on): 50 records in a row"
    assert lines[-1] == child.ended
    await child.stop()


async def test_a_one_shot_gives_its_exit_code(tmp_path):
    child = Child(FAILING, tmp_path, lambda _: None, lambda: None)

    assert await child.run_once() == 2
    assert "No such file" in child.last_lines[-1]


async def test_a_child_that_ignores_the_polite_request_is_killed(tmp_path):
    stubborn = tmp_path / "stubborn.py"
    stubborn.write_text(
        "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('up')\ntime.sleep(60)"
    )
    spec = Spec("stubborn", "stubborn", (), {"PYTHONPATH": str(tmp_path)}, stop_within_s=0.3, ready_line="up")
    lines = []
    child = Child(spec, tmp_path, lines.append, lambda: None)
    child.start()
    await child.wait_ready(60)
    pid = child.pid
    await child.stop()

    assert not is_alive(pid)
    assert lines == ["stubborn did not stop within 0 s and is killed"]


def test_no_child_outlives_a_parent_that_is_killed(tmp_path):
    program = textwrap.dedent(f"""
        import asyncio, pathlib
        from fixtrail.local.supervisor import Child, Spec
        async def main():
            spec = Spec("server", "http.server", ("--bind", "127.0.0.1", "0"), ready_line="Serving")
            child = Child(spec, pathlib.Path({str(tmp_path)!r}), print, lambda: None)
            child.start()
            await child.wait_ready(60)
            print(child.pid, flush=True)
            await asyncio.sleep(60)
        asyncio.run(main())
    """)
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()

    deadline = time.monotonic() + 30
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(pid)
