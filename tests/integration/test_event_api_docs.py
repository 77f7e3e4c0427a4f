"""The examples for integrators work as they are printed."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.contract.broker.brokers import ROOT, start_embedded
from tests.event_api import SURVEY
from tests.kafka_io import read_topic
from tests.web_process import WebProcess, web_process

PAGE = (ROOT / "docs/integrators.md").read_text()


def blocks(section: str) -> list[tuple[str, str]]:
    """Language and text of each example under a heading."""
    text = PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return re.findall(r"```(sh|python|json)\n(.*?)```", text, re.DOTALL)


BLOCKS = blocks("Over HTTP")
LINES = [json.dumps({**SURVEY, "event_id": f"line-{number}"}) for number in range(1200)]


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebProcess]:
    broker = start_embedded(tmp_path_factory.mktemp("broker"))
    with web_process(tmp_path_factory.mktemp("web"), broker.bootstrap) as running:
        yield running
    broker.stop()


def run(web: WebProcess, folder: Path, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    key = web.key("events:write", "consents:write", "orders:read", "centers:read")
    environment = {
        **os.environ,
        **{"FIXTRAIL_URL": web.url, "FIXTRAIL_API_KEY": key, "FIXTRAIL_DATA": str(web.folder), "no_proxy": "127.0.0.1"},
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    return subprocess.run(command, cwd=folder, env=environment, input=text, capture_output=True, text=True, timeout=300)


def test_the_examples_of_the_page(web: WebProcess, tmp_path: Path):
    (tmp_path / "events.ndjson").write_text("\n".join(LINES[:3]))
    shells = [code for kind, code in BLOCKS if kind == "sh"]
    (python,) = [code for kind, code in BLOCKS if kind == "python"]
    answer, log = [json.loads(code) for kind, code in BLOCKS if kind == "json"]

    result = run(web, tmp_path, "bash", "-e", "-c", shells[0].split("fixtrail api-keys list")[0])
    single, lines, reading, requests = (run(web, tmp_path, "bash", "-e", "-c", shell) for shell in shells[1:])
    by_python = run(web, tmp_path, sys.executable, "-c", python)

    assert result.stdout.startswith("ftk_")
    assert json.loads(single.stdout) == answer
    assert json.loads(lines.stdout)["accepted"] == 3
    # No worker runs here, so the order is not there yet; the center has none.
    assert '"status":404' in reading.stdout and '"center_id":"east-01","orders":[]' in reading.stdout
    by_problem, by_event = requests.stdout.splitlines() if "\n" in requests.stdout else requests.stdout.split("}{")
    assert log.keys() == json.loads(by_problem.rstrip("}") + "}").keys() and '"requests":[]' in by_event
    assert (by_python.stdout.split(), by_python.stderr) == (["0", "accepted", "1", "accepted"], "")


def test_a_stock_is_taken_as_the_page_says(web: WebProcess, tmp_path: Path):
    ((_, shell),) = blocks("Reference events")

    assert json.loads(run(web, tmp_path, "bash", "-e", "-c", shell).stdout)["accepted"] == 1


def test_a_consent_is_told_as_the_page_says(web: WebProcess, tmp_path: Path):
    (_, shell), (_, answer) = blocks("What customers agree to")
    first, again = (run(web, tmp_path, "bash", "-e", "-c", shell) for _ in range(2))

    assert json.loads(first.stdout) == json.loads(answer)
    assert json.loads(again.stdout) == json.loads(answer) | {"repeated": True}


def test_the_sender_sends_all_that_is_good_and_tells_the_rest(web: WebProcess, tmp_path: Path):
    (tmp_path / "events.ndjson").write_text("\n".join([*LINES, "{broken", "", '{"type": "wash"}']) + "\n")

    done = run(web, tmp_path, sys.executable, str(ROOT / "examples/api/send_events.py"), "events.ndjson")

    assert (done.returncode, done.stdout) == (1, "1200 accepted, 2 refused\n")
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["not_json", "unknown_type"]
    sent = {orjson.loads(record.value)["event_id"] for record in read_topic(web.bootstrap, "service-events")}
    assert {orjson.loads(line)["event_id"] for line in LINES} <= sent
