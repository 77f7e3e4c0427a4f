"""What every box shares: it ends when it stands still, answers for itself, and logs nothing personal."""

import asyncio
import json
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from fixtrail.boxes import state_of
from runtime.health import HealthPage
from runtime.logs import _without_personal, exception_text
from runtime.process import member_instance, run_until_stopped
from runtime.progress import Progress
from runtime.watchdog import Watchdog


def test_a_box_whose_work_stands_still_is_ended():
    ended = threading.Event()
    reasons = []
    watchdog = Watchdog(0.2, lambda: (7, True), lambda reason: (reasons.append(reason), ended.set()))
    watchdog.start()

    assert ended.wait(3)
    assert reasons[0].startswith("there is work and none of it moved")


def test_a_box_whose_event_loop_is_stuck_is_ended():
    reasons = []
    watchdog = Watchdog(0.2, end=reasons.append)

    async def stuck():
        watchdog.follow(asyncio.get_running_loop())
        watchdog.start()
        time.sleep(0.6)  # noqa: ASYNC251 (that is the point)

    asyncio.run(stuck())
    assert reasons and reasons[0].startswith("the event loop has not turned")


def test_a_box_that_works_or_has_nothing_to_do_goes_on():
    started = time.monotonic()
    working = Watchdog(0.2, lambda: (int((time.monotonic() - started) * 100), True))
    idle = Watchdog(0.2, lambda: (0, False))

    while time.monotonic() - started < 0.7:
        assert working.stalled() is None
        assert idle.stalled() is None
        time.sleep(0.02)


def test_the_health_page_says_when_the_box_is_ready():
    state = ["starting"]
    page = HealthPage("worker", lambda: state[0])
    url = f"http://127.0.0.1:{page.start()}"

    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{url}/readyz", timeout=5)
    assert refused.value.code == 503
    assert json.load(refused.value)["state"] == "starting"
    assert urllib.request.urlopen(f"{url}/healthz", timeout=5).status == 200

    state[0] = "ready"
    assert json.load(urllib.request.urlopen(f"{url}/readyz", timeout=5))["state"] == "ready"
    assert b"python_info" in urllib.request.urlopen(f"{url}/metrics", timeout=5).read()


def test_a_box_in_an_outage_is_not_ready_and_does_not_start_again():
    progress = Progress()
    states = [state_of(progress)]
    for is_ready in (True, False, True):
        progress.ready = is_ready
        states.append(state_of(progress))
    assert states == ["starting", "ready", "not ready", "ready"]


def test_a_health_port_that_is_taken_is_told():
    port = HealthPage("one", lambda: "ready").start()

    with pytest.raises(OSError, match="address already in use"):
        HealthPage("two", lambda: "ready", port=port).start()


def test_a_box_that_is_stopped_waits_for_no_thread_that_still_computes():
    program = """
import asyncio, os, signal, time
from runtime.process import run_until_stopped
async def main(stop):
    computing = asyncio.create_task(asyncio.to_thread(time.sleep, 60))
    asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
    await stop.wait()
    return 7
raise SystemExit(run_until_stopped(main))
"""
    began = time.monotonic()
    assert subprocess.run([sys.executable, "-c", program], timeout=30).returncode == 7
    assert time.monotonic() - began < 15


def test_a_box_that_is_stopped_waits_for_nothing_that_never_ends():
    program = """
import os, signal
from runtime.process import run_until_stopped
async def main(stop):
    asyncio.get_running_loop().call_later(0.1, os.kill, os.getpid(), signal.SIGTERM)
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
raise SystemExit(run_until_stopped(main, stop_within_s=0.5))
"""
    code, entries, _ = said_by(program)

    assert code == 0
    assert "the next start repeats it" in entries[-1]["event"]


def test_personal_fields_never_reach_a_log():
    entry = _without_personal(None, "info", {"event": "refused", "vehicle_id": "VIN1", "order_id": "o1"})

    assert entry == {"event": "refused", "vehicle_id": "(withheld)", "order_id": "o1"}


def said_by(program: str) -> tuple[int, list[dict], str]:
    """Exit code, log lines and all of stderr of a program that logs as a box does."""
    code = f"import asyncio\nfrom runtime.logs import log_as_json\nlog_as_json('worker', 'info')\n{program}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    return ended.returncode, [json.loads(line) for line in ended.stderr.splitlines()], ended.stderr


def test_what_a_library_says_ten_times_a_second_is_one_line_that_counts_the_others():
    program = """
import logging, time
client, ours = logging.getLogger("aiokafka.client"), logging.getLogger("runtime.kafka")
now = [100.0]
time.monotonic = lambda: now[0]
log_as_json("worker", "info")
for number in range(50):
    client.error("Unable connect to node with id %s: refused", number % 2)
    ours.warning("waiting")
now[0] += 11
client.error("Unable connect to node with id %s: refused", 0)
client.error("Unable connect to node with id %s: refused", 0)
"""
    _, entries, _ = said_by(program)

    of_client = [(entry["event"], entry.get("left_out")) for entry in entries if entry["logger"] == "aiokafka.client"]
    assert of_client == [
        ("Unable connect to node with id 0: refused", None),
        ("Unable connect to node with id 1: refused", None),
        ("Unable connect to node with id 0: refused", 24),
    ]
    assert sum(entry["event"] == "waiting" for entry in entries) == 50


def test_a_box_without_files_to_open_does_not_fill_its_disk_with_saying_so():
    """asyncio says it 128 times a second, each time with an exception."""
    program = """
import errno, logging
library = logging.getLogger("asyncio")
log_as_json("worker", "info")
for error in [OSError(errno.EMFILE, "Too many open files")] * 128 + [ValueError("a bug")] * 2:
    library.error("socket.accept() out of system resource", exc_info=error)
"""
    _, entries, _ = said_by(program)

    assert sum("Too many open files" in entry["exception"] for entry in entries) == 1
    assert sum("a bug" in entry["exception"] for entry in entries) == 2


# Says: invalid literal for int() with base 10: 'canary'.
BUG = """\
from schemas.dead_letter import read_dead_letter
read_dead_letter([(f'fixtrail-{name}', b'canary') for name in ('code', 'reason', 'topic', 'partition')])"""


@pytest.mark.parametrize(
    "program",
    [
        BUG,
        f"import threading\ndef run():\n  {BUG.replace(chr(10), chr(10) + '  ')}\nthreading.Thread(target=run).start()",
        f"try:\n  {BUG.replace(chr(10), chr(10) + '  ')}\nexcept ValueError:\n  raise RuntimeError('canary')",
        f"async def main():\n  async def run():\n    {BUG.replace(chr(10), chr(10) + '    ')}\n"
        "  asyncio.create_task(run())\n  await asyncio.sleep(0.1)\nasyncio.run(main())",
    ],
    ids=["main", "thread", "chain", "task"],
)
def test_an_exception_is_one_line_and_quotes_no_data(program):
    _, (entry,), output = said_by(program)

    assert "canary" not in output
    assert "schemas/dead_letter.py" in entry["exception"]
    assert "message withheld" in entry["exception"]
    assert entry["level"] in ("critical", "error")


def test_a_tracking_link_in_any_log_line_opens_nothing():
    token = "AbCdEf012345-_AbCdEf012345-_AbCdEf012345"
    logging_it = f"import logging\nlogging.getLogger('x').warning('GET %s', 'https://a.example/t/{token}/live?lang=en')"

    _, entries, output = said_by(f"{logging_it}\nraise ConnectionError('https://a.example/t/{token}')")

    assert token[:20] not in output
    assert entries[0]["event"] == "GET https://a.example/t/…/live?lang=en"
    assert entries[1]["exception"].endswith("ConnectionError: https://a.example/t/…")


def test_an_exception_that_saw_no_data_says_what_it_was():
    code, (entry,), _ = said_by("open('/nowhere/at/all')")

    assert code == 1
    assert entry["event"] == "ended by an exception"
    assert entry["exception"].endswith("FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at/all'")


def test_exceptions_of_a_group_are_all_told():
    group = ExceptionGroup("two", [ValueError("one"), KeyError("other")])

    assert exception_text(group).splitlines() == [
        "ExceptionGroup: two (2 sub-exceptions)",
        "of which",
        "ValueError: one",
        "of which",
        "KeyError: 'other'",
    ]
    assert exception_text(None) == "no exception"


def test_a_box_gives_its_own_exit_code():
    async def refuses(_stop):
        return 78

    assert run_until_stopped(refuses) == 78


def test_two_folders_of_one_host_never_share_an_instance_id(tmp_path: Path):
    folders = [tmp_path / name for name in ("one", "two")]
    ids = []
    for folder in folders:
        with member_instance(folder, "fixtrail") as first, member_instance(folder, "fixtrail") as second:
            ids += [first, second]
    shutil.copytree(folders[0], tmp_path / "copy")
    with member_instance(tmp_path / "copy", "fixtrail") as copied:
        ids.append(copied)

    assert len(set(ids)) == 5


def test_a_process_that_is_started_again_takes_the_instance_id_of_before(tmp_path: Path):
    ids = set()
    for _ in range(2):
        with member_instance(tmp_path, "fixtrail") as instance:
            ids.add(instance)

    assert len(ids) == 1
