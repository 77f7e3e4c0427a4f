"""Everything that runs in a chaos run, each in a process of its own, kept running whatever becomes of it.

Broker, ClickHouse, stream workers, ClickHouse writers, push sinks with providers to call, the watch and the pulse, and
proxies between them. The boxes run from a copy of the code, so that a run of hours is not disturbed by work on it.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import ctypes
import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGCONT, SIGKILL, SIGSTOP, SIGTERM, Signals
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests import kafka_cluster
from tests.chaos import providers
from tests.chaos.proxy import HOST, Proxy
from tests.providers.server import Provider
from tests.stack import ROOT, Row, rows_of, wait_for

CODE = ("fixtrail", "streams", "sinks", "schemas", "analytics", "tests")
RESULTS = ("journeys", "center-hours", "notices", "service-events.dead-letter")
WORKERS = 3
BOXES: dict[str, tuple[str, ...]] = {
    **{f"worker-{number}": ("worker",) for number in range(1, WORKERS + 1)},
    **dict.fromkeys(("writer-1", "writer-2"), ("sink", "clickhouse")),
    **dict.fromkeys(("push-1", "push-2"), ("sink", "push")),
    "watch-1": ("watch",),
    "pulse-1": ("pulse",),
}
START_LIMIT_S = 120.0
STOP_LIMIT_S = 40.0
ANSWER_LIMIT_S = 300.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 4.0
SETTLED_S = 10.0
CRASHED = 99  # sinks.crash_point: a step at which the process was told to end
DISK_MB = 3072
# Kafka's properties for two nodes: everything is on both.
REPLICATED = (
    "offsets.topic.replication.factor=2\nmin.insync.replicas=1\nunclean.leader.election.enable=false\n"
    "default.replication.factor=2\n"
)


@dataclass(frozen=True, slots=True)
class End:
    """How a process ended: `asked` is the signal that we sent it last, `step` where it had been told to end itself."""

    at: float
    name: str
    code: int
    asked: int | None
    step: str = ""
    said: str = ""

    @property
    def is_allowed(self) -> bool:
        """0 after SIGTERM, a fail-stop, the watchdog, a named step, a signal of ours, or Kafka away at the start."""
        if self.code == 0:
            return self.asked == SIGTERM
        if self.code < 0:
            return self.asked == -self.code
        if self.name.startswith("broker"):
            # Java says 143 after SIGTERM; a broker whose disk is full ends by itself.
            return self.code in (143, 1)
        if self.code == 1:
            return "Kafka cannot be used" in self.said
        return self.code in (70, 75) or (self.code == CRASHED and bool(self.step))


@dataclass
class Part:
    """One process that is to run; started again whenever it has ended, for as long as it is wanted."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    cwd: Path
    is_ready: Callable[[], bool]
    wanted: bool = False
    # For its next start alone.
    once: dict[str, str] = field(default_factory=dict)
    step: str = ""
    process: subprocess.Popen[bytes] | None = None
    asked: int | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    starts: int = 0

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process is not None else None


class Fleet:
    """`with Fleet(folder, …) as fleet:` starts everything and leaves nothing running.

    `mutant` names a fault of tests.chaos.mutants that the boxes are started with; `settings` are further FIXTRAIL_*.
    `told`: customers are told, so push sinks, their providers, the watch and the pulse run as well.
    """

    def __init__(
        self,
        folder: Path,
        *,
        broker: str = "kafka",
        brokers: int = 1,
        workers: int = 2,
        settings: Mapping[str, str] | None = None,
        mutant: str | None = None,
        revision: str | None = None,
        told: bool = False,
    ) -> None:
        self.folder, self.broker, self.workers = folder, broker, workers
        self.told = told
        self.brokers = ["broker", "broker-2"][:brokers]
        self.settings = dict(settings or {})
        self.mutant = mutant
        self.parts: dict[str, Part] = {}
        self.ends: list[End] = []
        self.started: list[tuple[float, str]] = []
        self.proxies: dict[str, Proxy] = {}
        self.providers: dict[str, Provider] = {}
        self.passwords = {name: secrets.token_hex(12) for name in ("app", "reader", "hash")}
        self.app_id = "fixtrail"
        self.partitions = 4
        self.release = 0
        self.health: dict[str, int] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._supervisor = threading.Thread(target=self._supervise, name="fleet", daemon=True)
        self._mounted: list[Path] = []
        self._revision = revision

    # Start and end

    def __enter__(self) -> Fleet:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Everything, in order; returns once all boxes are ready."""
        for number in (1, 2):
            copy_code(self.folder / f"release-{number}", self._revision)
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self._supervisor.start()
        self._make_broker()
        self._make_clickhouse()
        self.want(*self.brokers, "clickhouse")
        self.wait_ready(*self.brokers, "clickhouse")
        if len(self.brokers) > 1:
            self.app_id = asyncio.run(_coordinated_by(2, self.kafka))
        self.migrate()
        if self.told:
            self.providers = providers.start(self.passwords["hash"])
            self.settings |= providers.write_settings(self.folder, self.providers)
        self._start_boxes()

    def close(self) -> None:
        """End everything, boxes first, and unmount what was mounted."""
        boxes = [name for name in self.parts if name not in (*self.brokers, "clickhouse")]
        with contextlib.suppress(TimeoutError):
            self.stop(*boxes)
        with contextlib.suppress(TimeoutError):
            self.stop(*(name for name in ("clickhouse", *reversed(self.brokers)) if name in self.parts))
        self._closing.set()
        if self._supervisor.is_alive():
            self._supervisor.join(30)
        for proxy in self.proxies.values():
            with contextlib.suppress(OSError):
                proxy.stop()
        for provider in self.providers.values():
            provider.stop()
        for path in self._mounted:
            subprocess.run(["umount", "-l", str(path)], check=False, stderr=subprocess.DEVNULL)

    def start_anew(self, app_id: str) -> None:
        """Begin once more at the first event: no state, no commits, an empty ClickHouse, empty topics of results.

        What the boxes read, and the ledger of what customers were told, are left as they are. The watch and the pulse
        stay away: nobody looks at the clock again. Returns once the boxes are ready.
        """
        self.stop(*self.boxes_now())
        self.stop("clickhouse")
        self.app_id = app_id
        self._make_clickhouse(f"clickhouse-{app_id}")
        self.want("clickhouse")
        self.wait_ready("clickhouse")
        asyncio.run(delete_topics(self.kafka, RESULTS))
        self.migrate()
        self._start_boxes(without=("watch-", "pulse-"))

    # What there is

    def workers_now(self) -> list[str]:
        """The workers that are to run at present."""
        return [f"worker-{number}" for number in range(1, self.workers + 1)]

    def now(self, kind: str) -> list[str]:
        """The parts of this kind that are to run at present."""
        return [name for name, part in self.parts.items() if name.startswith(f"{kind}-") and part.wanted]

    def boxes_now(self) -> list[str]:
        """All boxes that are to run at present."""
        return [name for name, part in self.parts.items() if name in BOXES and part.wanted]

    @property
    def ledger(self) -> Path:
        """The push sinks' ledger."""
        return self.folder / "data" / "push.sqlite3"

    @property
    def kafka(self) -> str:
        """The broker itself, or both of them, past all proxies."""
        return ",".join(f"{HOST}:{self.ports[name]}" for name in ("kafka", "kafka-2") if name in self.ports)

    def _make_broker(self) -> None:
        data = self._folder_on_disk("broker")
        if self.broker == "embedded":
            self.ports = _free_ports("kafka", "http", "tcp", "clickhouse")
            command = [*_python("fixtrail.local.broker"), "--port", str(self.ports["kafka"]), "--data", str(data)]
            ready = lambda: _listens(self.ports["kafka"])  # noqa: E731
        elif len(self.brokers) > 1:
            # Without proxies, each of which would have to know both.
            self.ports = _free_ports("kafka", "kafka-2", "controller", "http", "tcp", "clickhouse")
            self.settings = {"FIXTRAIL_REPLICATION": "2", **self.settings}
            first, second = self.ports["kafka"], self.ports["kafka-2"]
            command = kafka_cluster.prepare_kafka(data, first, self.ports["controller"], REPLICATED)
            more = (
                f"{REPLICATED}process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://{HOST}:{second}\n"
                f"advertised.listeners=PLAINTEXT://{HOST}:{second}\n"
            )
            other = kafka_cluster.prepare_kafka(
                self._folder_on_disk("broker-2"), second, self.ports["controller"], more
            )
            self._add("broker-2", other, {}, lambda: kafka_cluster.kafka_answers(second))
            ready = lambda: kafka_cluster.kafka_answers(first)  # noqa: E731
        else:
            boxes = list(self._boxes())
            named = ("kafka", "controller", "http", "tcp", "clickhouse")
            self.ports = _free_ports(*named, *boxes, *(f"behind {box}" for box in boxes))
            command = kafka_cluster.prepare_kafka(
                data, self.ports["kafka"], self.ports["controller"], listeners_of(boxes, self.ports)
            )
            for box in boxes:
                self._proxy(box, self.ports[box], self.ports[f"behind {box}"])
            ready = lambda: kafka_cluster.kafka_answers(self.ports["kafka"])  # noqa: E731
        self._add("broker", command, {}, ready)
        self._proxy("clickhouse", self.ports["clickhouse"], self.ports["http"])

    def _make_clickhouse(self, name: str = "clickhouse") -> None:
        ports = self.ports
        command = [
            *_python("fixtrail.local.clickhouse"),
            *("--http-port", str(ports["http"]), "--tcp-port", str(ports["tcp"])),
            *("--data", str(self._folder_on_disk(name))),
        ]
        environment = {
            "FIXTRAIL_CLICKHOUSE_PASSWORD": self.passwords["app"],
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": self.passwords["reader"],
            # The checker reads everything at once, on a machine that may be busy.
            "FIXTRAIL_READER_S": "300",
        }
        self._add("clickhouse", command, environment, lambda: _answers(f"http://{HOST}:{ports['http']}/ping"))

    def _boxes(self) -> Iterator[str]:
        """Those that this fleet can have."""
        return (name for name in BOXES if self.told or name.startswith(("worker-", "writer-")))

    def _start_boxes(self, without: tuple[str, ...] = ()) -> None:
        """All of them but the workers that come by scaling; returns once they are ready."""
        for name in self._boxes():
            port = self.health[name] = _free_ports("health")["health"]
            url = f"http://{HOST}:{port}/readyz"
            environment = {**self.environment(name), "FIXTRAIL_HEALTH_PORT": str(port)}
            self._add(name, [*self._box(), *BOXES[name]], environment, lambda url=url: _answers(url))  # type: ignore[misc]
        extra = {f"worker-{number}" for number in range(self.workers + 1, WORKERS + 1)}
        names = [name for name in self._boxes() if name not in extra and not name.startswith(without)]
        self.want(*names)
        self.wait_ready(*names)

    def _box(self) -> list[str]:
        if self.mutant is not None:
            return [*_python("tests.chaos.mutants.box"), self.mutant]
        return _python("fixtrail")

    def environment(self, box: str | None = None) -> dict[str, str]:
        """What a box finds in its environment: where its proxies are; without a name, where the servers are."""
        kafka = f"{HOST}:{self.proxies[box].port}" if box in self.proxies else self.kafka
        http = self.ports["clickhouse"] if box else self.ports["http"]
        return {
            "FIXTRAIL_DATA": str(self.folder / "data"),
            "FIXTRAIL_APP_ID": self.app_id,
            "FIXTRAIL_KAFKA": kafka,
            "FIXTRAIL_CLICKHOUSE": f"http://{HOST}:{http}",
            "FIXTRAIL_CLICKHOUSE_PASSWORD": self.passwords["app"],
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": self.passwords["reader"],
            "FIXTRAIL_HASH_KEY": self.passwords["hash"],
            **self.settings,
        }

    def _add(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], ready: Callable[[], bool]
    ) -> None:
        with self._lock:
            self.parts[name] = Part(name, command, environment, self.folder / "release-1", ready)

    def _proxy(self, name: str, port: int, target: int) -> None:
        self.proxies[name] = Proxy(port, target)
        self.proxies[name].start()

    def _folder_on_disk(self, name: str) -> Path:
        """A folder on a disk of its own that can be filled; on the usual one where nothing can be mounted."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "fixtrail-chaos", str(path)]
        if shutil.which("mount") and subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0:
            self._mounted.append(path)
        return path / "data"

    def has_own_disk(self, name: str) -> bool:
        """Whether the part's data are on a disk that may be filled."""
        return self.folder / name in self._mounted

    # Its processes

    def want(self, *names: str) -> None:
        """Have these running from now on."""
        with self._lock:
            for name in names:
                part = self.parts[name]
                part.wanted, part.start_at, part.pause_s = True, 0.0, FIRST_PAUSE_S

    def wait_ready(self, *names: str, limit_s: float = START_LIMIT_S) -> None:
        """Return once each of these says that it does its work."""
        for name in names:
            wait_for(self.parts[name].is_ready, limit_s, f"{name} is ready\n{self.tail(name)}")

    def signal(self, name: str, number: Signals, *, limit_s: float = 60.0) -> int:
        """Send a signal to a part, once it runs; its process id."""
        found: list[int] = []

        def sent() -> bool:
            with self._lock:
                part = self.parts[name]
                if part.process is None or part.process.poll() is not None:
                    return False
                if number not in (SIGSTOP, SIGCONT):
                    part.asked = number
                part.process.send_signal(number)
                found.append(part.process.pid)
            return True

        wait_for(sent, limit_s, f"{name} runs")
        return found[0]

    def stop(self, *names: str, number: Signals = SIGTERM) -> None:
        """End these and leave them ended; SIGKILL for those that do not go in time."""
        with self._lock:
            running = []
            for name in names:
                part = self.parts[name]
                part.wanted = False
                if part.process is not None:
                    part.asked = number
                    part.process.send_signal(number)
                    # One that was stopped with SIGSTOP must run to end.
                    part.process.send_signal(SIGCONT)
                    running.append(part)
        for part in running:
            try:
                wait_for(lambda part=part: part.process is None, STOP_LIMIT_S, f"{part.name} ends")  # type: ignore[misc]
            except TimeoutError:
                print(f"{part.name} did not end within {STOP_LIMIT_S:.0f} s and is killed", flush=True)
                self.signal(part.name, SIGKILL)
                wait_for(lambda part=part: part.process is None, 10, f"{part.name} ends")  # type: ignore[misc]

    def move_to_release(self, name: str, number: int, **settings: str) -> None:
        """From its next start on the box runs from the other copy of the code, with these settings."""
        with self._lock:
            part = self.parts[name]
            part.cwd = self.folder / f"release-{number}"
            part.environment = {**part.environment, **settings}

    def _supervise(self) -> None:
        # All processes are started by this one thread: they end with the thread that started them.
        while not self._closing.wait(0.05):
            with self._lock:
                for part in self.parts.values():
                    self._look_after(part)

    def _look_after(self, part: Part) -> None:
        now = time.monotonic()
        if part.process is not None and (code := part.process.poll()) is not None:
            self.ends.append(End(now, part.name, code, part.asked, part.step, self.tail(part.name, 400)))
            part.pause_s = FIRST_PAUSE_S if now - part.started_at > SETTLED_S else part.pause_s
            part.process, part.start_at = None, now + part.pause_s
            part.pause_s = min(2 * part.pause_s, LONGEST_PAUSE_S)
        if part.wanted and part.process is None and now >= part.start_at:
            once, part.once = part.once, {}
            with (self.folder / "logs" / f"{part.name}.log").open("ab") as log:
                part.process = subprocess.Popen(
                    part.command,
                    cwd=part.cwd,
                    env={**_inherited(), **part.environment, **once},
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    preexec_fn=_die_with_parent,
                )
            part.asked, part.started_at, part.step = None, now, once.get("FIXTRAIL_CRASH_AT", "")
            part.starts += 1
            self.started.append((now, part.name))

    def run(self, *arguments: str) -> str:
        """What a `fixtrail` command prints, past the proxies. Raises CalledProcessError where it fails."""
        done = subprocess.run(
            [*_python("fixtrail"), *arguments],
            cwd=self.folder / "release-1",
            env={**_inherited(), **self.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=180,
            check=True,
        )
        return done.stdout.decode()

    def migrate(self) -> None:
        """Create topics and tables."""
        self.run("migrate")

    # What it says

    def ask(self, query: str) -> list[Row]:
        """Rows of a query, asked as the reader of the views; numbers with a point are Decimal."""
        return self._post(query, "reader")

    def ask_raw(self, query: str, limit_s: float = ANSWER_LIMIT_S) -> list[Row]:
        """Like `ask`, as the user who may read the raw tables."""
        return self._post(query, "app", limit_s)

    def _post(self, query: str, user: str, limit_s: float = ANSWER_LIMIT_S) -> list[Row]:
        login = base64.b64encode(f"{user}:{self.passwords[user]}".encode()).decode()
        url = f"http://{HOST}:{self.ports['http']}/?database=fixtrail&default_format=JSONEachRow&wait_end_of_query=1"
        request = urllib.request.Request(url, data=query.encode(), headers={"Authorization": f"Basic {login}"})
        with urllib.request.urlopen(request, timeout=limit_s) as answer:
            return rows_of(answer.read().decode())

    def logs(self) -> dict[str, str]:
        """Everything that was logged so far, by file."""
        return {path.name: path.read_text(errors="replace") for path in sorted((self.folder / "logs").glob("*.log"))}

    def tail(self, name: str, size: int = 2000) -> str:
        path = self.folder / "logs" / f"{name}.log"
        return path.read_text(errors="replace")[-size:] if path.exists() else "(no log)"

    def metrics(self) -> dict[str, str]:
        """The metrics pages of all boxes that answer."""
        found = {}
        for name, port in self.health.items():
            url = f"http://{HOST}:{port}/metrics"
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                found[f"metrics of {name}"] = answer.read().decode()
        return found


async def delete_topics(bootstrap: str, names: Sequence[str]) -> None:
    """Delete these topics; returns once the broker does not list them any more."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(list(names))
        while set(names) & set(await admin.list_topics()):
            await asyncio.sleep(0.2)
    finally:
        await admin.close()


async def _coordinated_by(node: int, bootstrap: str) -> str:
    """An app id whose workers' group has this node for its coordinator."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        for number in range(40):
            name = f"fixtrail{number}"
            for _ in range(20):
                with contextlib.suppress(KafkaError):
                    if await admin.find_coordinator(name) == node:
                        return name
                    break
                await asyncio.sleep(0.5)
    finally:
        await admin.close()
    raise RuntimeError(f"node {node} coordinates no group")


def copy_code(folder: Path, revision: str | None) -> None:
    """The code as it is in the working tree, or at a revision."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    if revision is not None:
        archive = subprocess.run(["git", "archive", revision, *CODE], cwd=ROOT, check=True, stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
        return
    for name in CODE:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))


def listeners_of(boxes: Sequence[str], ports: Mapping[str, int]) -> str:
    """Kafka's properties for one listener a box, each advertised as that box's proxy."""
    names = {box: box.upper().replace("-", "") for box in boxes}
    own = {
        "PLAINTEXT": (ports["kafka"], ports["kafka"]),
        **{names[box]: (ports[f"behind {box}"], ports[box]) for box in boxes},
    }
    listens = [f"{name}://{HOST}:{port}" for name, (port, _) in own.items()]
    told = [f"{name}://{HOST}:{port}" for name, (_, port) in own.items()]
    return (
        f"listeners={','.join(listens)},CONTROLLER://{HOST}:{ports['controller']}\n"
        f"advertised.listeners={','.join(told)}\n"
        f"listener.security.protocol.map={','.join(f'{name}:PLAINTEXT' for name in (*own, 'CONTROLLER'))}\n"
        "inter.broker.listener.name=PLAINTEXT\n"
        "group.max.session.timeout.ms=60000\n"
    )


def _python(module: str) -> list[str]:
    return [sys.executable, "-m", module]


def _inherited() -> dict[str, str]:
    found = {name: value for name, value in os.environ.items() if not name.startswith(("FIXTRAIL_", "PYTHON"))}
    return {**found, "PYTHONFAULTHANDLER": "1", "PYTHONUNBUFFERED": "1"}


def _die_with_parent() -> None:
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, SIGKILL)


def _free_ports(*names: str) -> dict[str, int]:
    """Ports below those that the system gives to outgoing connections, which could take one while its owner is away."""
    found: dict[str, int] = {}
    while len(found) < len(names):
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((HOST, port))
            if port not in found.values():
                found[names[len(found)]] = port
    return found


def _listens(port: int) -> bool:
    try:
        with socket.create_connection((HOST, port), timeout=2):
            return True
    except OSError:
        return False


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError):
        return False


def memory_and_files(pid: int) -> tuple[float, int] | None:
    """Resident memory in MB and open files of a process; None where it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        pages = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(pages.split()[1]) / 1024, len(list(Path(f"/proc/{pid}/fd").iterdir()))
    except (OSError, StopIteration):
        return None


def write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def merge_json(path: Path, key: str, results: list[dict[str, Any]]) -> None:
    """Put results into the list `key` of the file; one of the same name is replaced."""
    kept = json.loads(path.read_text())[key] if path.exists() else []
    began = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    new = {result["name"]: {**result, "ended": began} for result in results}
    write_json(path, {key: [*(each for each in kept if each["name"] not in new), *new.values()]})
