"""Everything that runs in a chaos run, each in a process of its own (tests.chaos.processes keeps them running).

Broker, ClickHouse, stream workers, ClickHouse writers, push sinks with providers to call, the watch and the pulse, and
proxies between them. The boxes run from a copy of the code, so that a run of hours is not disturbed by work on it.
"""

import asyncio
import base64
import contextlib
import secrets
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

from tests import kafka_cluster
from tests.chaos import providers
from tests.chaos.cluster import BROKERS, Cluster, node_of
from tests.chaos.hosts import (
    answers,
    coordinated_by,
    copy_code,
    delete_topics,
    free_ports,
    listeners_of,
    listens,
    python_command,
)
from tests.chaos.postgres import Postgres
from tests.chaos.processes import Part, Processes, inherited
from tests.chaos.proxy import HOST, Proxy
from tests.providers.server import Provider
from tests.stack import Row, rows_of

RESULTS = ("journeys", "center-hours", "notices", "service-events.dead-letter")
WORKERS = 3
BOXES: dict[str, tuple[str, ...]] = {
    **{f"worker-{number}": ("worker",) for number in range(1, WORKERS + 1)},
    **dict.fromkeys(("writer-1", "writer-2"), ("sink", "clickhouse")),
    **dict.fromkeys(("push-1", "push-2"), ("sink", "push")),
    "watch-1": ("watch",),
    "web-1": ("web",),
    "pulse-1": ("pulse",),
}
ANSWER_LIMIT_S = 300.0
DISK_MB = 3072
# Kafka's properties for two nodes: everything is on both.
REPLICATED = (
    "offsets.topic.replication.factor=2\nmin.insync.replicas=1\nunclean.leader.election.enable=false\n"
    "default.replication.factor=2\n"
)


class Fleet(Processes):
    """`with Fleet(folder, …) as fleet:` starts everything and leaves nothing running.

    `mutant` names a fault of tests.chaos.mutants that the boxes are started with; `settings` are further FIXTRAIL_*.
    `told`: customers are told, so push sinks, their providers, the watch and the pulse run as well; with `api` a web
    server, too. `ledger` is where the push sinks keep what they sent: "sqlite" or "postgresql".
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
        has_customers: bool = False,
        api: bool = False,
        ledger: str = "sqlite",
    ) -> None:
        super().__init__(folder)
        self.broker, self.workers = broker, workers
        self.has_customers, self.api = has_customers, api
        self.postgres: Postgres | None = None
        self._ledger_kind = ledger
        self.brokers = list(BROKERS) if brokers == len(BROKERS) else ["broker", "broker-2"][:brokers]
        self.cluster: Cluster | None = None
        self.settings = dict(settings or {})
        self.mutant = mutant
        self.proxies: dict[str, Proxy] = {}
        self.providers: dict[str, Provider] = {}
        self.passwords = {name: secrets.token_hex(16) for name in ("app", "reader", "hash")}
        self.app_id = "fixtrail"
        self.partitions = 4
        self.release = 0
        self.health: dict[str, int] = {}
        self._mounted: list[Path] = []
        self._revision = revision

    # Start and end

    def __enter__(self) -> "Fleet":
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
        self.supervise()
        self._make_broker()
        self._make_clickhouse()
        self.want(*self.brokers, "clickhouse")
        self.wait_ready(*self.brokers, "clickhouse")
        if len(self.brokers) == 2:
            self.app_id = asyncio.run(coordinated_by(2, self.kafka))
        self.migrate()
        if self.has_customers:
            self._make_ledger()
            self.providers = providers.start(self.passwords["hash"])
            self.settings |= providers.write_settings(self.folder, self.providers)
        self._start_boxes()

    def close(self) -> None:
        """End everything, boxes first, and unmount what was mounted."""
        boxes = [name for name in self.parts if name in BOXES]
        with contextlib.suppress(TimeoutError):
            self.stop(*boxes)
        with contextlib.suppress(TimeoutError):
            self.stop(*(name for name in ("clickhouse", "ledger", *reversed(self.brokers)) if name in self.parts))
        self.supervise_no_more()
        for proxy in self.proxies.values():
            with contextlib.suppress(OSError):
                proxy.stop()
        for provider in self.providers.values():
            provider.stop()
        if self.postgres is not None:
            self.postgres.close()
        if self.cluster is not None:
            self.cluster.close()
        for path in self._mounted:
            subprocess.run(["umount", "-l", str(path)], check=False, stderr=subprocess.DEVNULL)

    def start_anew(self, app_id: str) -> None:
        """Begin once more at the first event: no state, no commits, an empty ClickHouse, empty topics of results.

        What the boxes read, and the ledger of what customers were told, are left as they are. The watch, the pulse and
        the web server stay away: nobody looks at the clock again. Returns once the boxes are ready.
        """
        self.stop(*self.boxes_now())
        self.stop("clickhouse")
        self.app_id = app_id
        self._make_clickhouse(f"clickhouse-{app_id}")
        self.want("clickhouse")
        self.wait_ready("clickhouse")
        asyncio.run(delete_topics(self.kafka, RESULTS))
        self.migrate()
        self._start_boxes(without=("watch-", "pulse-", "web-"))

    # What there is

    def workers_now(self) -> list[str]:
        """The workers that are to run at present."""
        return [f"worker-{number}" for number in range(1, self.workers + 1)]

    def now(self, kind: str) -> list[str]:
        """The parts of this kind that are to run at present."""
        return [name for name, part in self.parts.items() if name.startswith(f"{kind}-") and part.is_enabled]

    def boxes_now(self) -> list[str]:
        """All boxes that are to run at present."""
        return [name for name, part in self.parts.items() if name in BOXES and part.is_enabled]

    @property
    def ledger(self) -> Path:
        """The push sinks' ledger."""
        return self.folder / "data" / "push.sqlite3"

    @property
    def kafka(self) -> str:
        """The brokers themselves, past all proxies."""
        if self.cluster is not None:
            return self.cluster.bootstrap
        return ",".join(f"{HOST}:{self.ports[name]}" for name in ("kafka", "kafka-2") if name in self.ports)

    def _make_cluster(self) -> None:
        self.ports = free_ports("http", "tcp", "clickhouse")
        self.cluster = Cluster(self.folder, self._folder_on_disk)
        self.cluster.open()
        self.settings = {**self.cluster.settings(), **self.settings}
        for name in self.brokers:
            node = node_of(name)
            self._add(name, self.cluster.command(node), {}, partial(self.cluster.answers, node))
        self._proxy("clickhouse", self.ports["clickhouse"], self.ports["http"])

    def _make_broker(self) -> None:
        if len(self.brokers) == len(BROKERS):
            self._make_cluster()
            return
        data = self._folder_on_disk("broker")
        if self.broker == "embedded":
            self.ports = free_ports("kafka", "http", "tcp", "clickhouse")
            command = [
                *python_command("fixtrail.local.broker"),
                "--port",
                str(self.ports["kafka"]),
                "--data",
                str(data),
            ]
            ready = lambda: listens(self.ports["kafka"])  # noqa: E731
        elif len(self.brokers) > 1:
            # Without proxies, each of which would have to know both.
            self.ports = free_ports("kafka", "kafka-2", "controller", "http", "tcp", "clickhouse")
            self.settings = {"FIXTRAIL_REPLICATION": "2", **self.settings}
            first, second = self.ports["kafka"], self.ports["kafka-2"]
            command = kafka_cluster.prepare_kafka(data, first, self.ports["controller"], REPLICATED)
            more = (
                f"{REPLICATED}process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://{HOST}:{second}\n"
                f"advertised.listeners=PLAINTEXT://{HOST}:{second}\n"
            )
            second_broker = kafka_cluster.prepare_kafka(
                self._folder_on_disk("broker-2"), second, self.ports["controller"], more
            )
            self._add("broker-2", second_broker, {}, lambda: kafka_cluster.kafka_answers(second))
            ready = lambda: kafka_cluster.kafka_answers(first)  # noqa: E731
        else:
            boxes = list(self._boxes())
            named = ("kafka", "controller", "http", "tcp", "clickhouse")
            self.ports = free_ports(*named, *boxes, *(f"behind {box}" for box in boxes))
            command = kafka_cluster.prepare_kafka(
                data, self.ports["kafka"], self.ports["controller"], listeners_of(boxes, self.ports)
            )
            for box in boxes:
                self._proxy(box, self.ports[box], self.ports[f"behind {box}"])
            ready = lambda: kafka_cluster.kafka_answers(self.ports["kafka"])  # noqa: E731
        self._add("broker", command, {}, ready)
        self._proxy("clickhouse", self.ports["clickhouse"], self.ports["http"])

    def _make_ledger(self) -> None:
        if self._ledger_kind != "postgresql":
            return
        self.postgres = Postgres(free_ports("ledger")["ledger"])
        self.settings["FIXTRAIL_LEDGER"] = self.postgres.dsn
        self._add("ledger", self.postgres.command, {}, self.postgres.answers)
        self.want("ledger")
        self.wait_ready("ledger")

    def _make_clickhouse(self, name: str = "clickhouse") -> None:
        ports = self.ports
        command = [
            *python_command("fixtrail.local.clickhouse"),
            *("--http-port", str(ports["http"]), "--tcp-port", str(ports["tcp"])),
            *("--data", str(self._folder_on_disk(name))),
        ]
        environment = {
            "FIXTRAIL_CLICKHOUSE_PASSWORD": self.passwords["app"],
            "FIXTRAIL_CLICKHOUSE_READER_PASSWORD": self.passwords["reader"],
            # The checker reads everything at once, on a machine that may be busy.
            "FIXTRAIL_READER_S": "300",
        }
        self._add("clickhouse", command, environment, lambda: answers(f"http://{HOST}:{ports['http']}/ping"))

    def _boxes(self) -> Iterator[str]:
        """Those that this fleet can have."""
        return (
            name
            for name in BOXES
            if name.startswith(("worker-", "writer-")) or (self.api if name.startswith("web-") else self.has_customers)
        )

    def _start_boxes(self, without: tuple[str, ...] = ()) -> None:
        """All of them but the workers that come by scaling; returns once they are ready."""
        for name in self._boxes():
            port = self.health[name] = free_ports("health")["health"]
            url = f"http://{HOST}:{port}/readyz"
            environment = {**self.environment(name), "FIXTRAIL_HEALTH_PORT": str(port)}
            if name.startswith("web-"):
                self.ports[name] = free_ports(name)[name]
                environment["FIXTRAIL_WEB_PORT"] = str(self.ports[name])
            self._add(name, [*self._box(), *BOXES[name]], environment, lambda url=url: answers(url))  # type: ignore[misc]
        extra = {f"worker-{number}" for number in range(self.workers + 1, WORKERS + 1)}
        names = [name for name in self._boxes() if name not in extra and not name.startswith(without)]
        self.want(*names)
        self.wait_ready(*names)

    def _box(self) -> list[str]:
        if self.mutant is not None:
            return [*python_command("tests.chaos.mutants.box"), self.mutant]
        return python_command("fixtrail")

    def environment(self, box: str | None = None) -> dict[str, str]:
        """What a box finds in its environment: where its proxies are; without a name, where the servers are."""
        kafka = f"{HOST}:{self.proxies[box].port}" if box in self.proxies else self.kafka
        http = self.ports["clickhouse"] if box else self.ports["http"]
        return {
            "FIXTRAIL_DATA": str(self.folder / "data"),
            "FIXTRAIL_APP_ID": self.app_id,
            # The checker looks at the milestones of all events, old ones too.
            "FIXTRAIL_OLD_NOTICES": "true",
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

    def run(self, *arguments: str) -> str:
        """What a `fixtrail` command prints, past the proxies. Raises CalledProcessError where it fails."""
        completed = subprocess.run(
            [*python_command("fixtrail"), *arguments],
            cwd=self.folder / "release-1",
            env={**inherited(), **self.environment()},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=180,
            check=True,
        )
        return completed.stdout.decode()

    def migrate(self) -> None:
        """Create topics and tables."""
        self.run("migrate")

    @property
    def web_url(self) -> str:
        """Where the API is."""
        return f"http://{HOST}:{self.ports['web-1']}"

    def api_key(self) -> str:
        """A key that may send every event."""
        return self.run("api-keys", "add", "chaos", "--scope", "events:write", "--per-minute", "1000000").split()[0]

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

    def metrics(self) -> dict[str, str]:
        """The metrics pages of all boxes that answer."""
        pages = {}
        for name, port in self.health.items():
            url = f"http://{HOST}:{port}/metrics"
            with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
                pages[f"metrics of {name}"] = answer.read().decode()
        return pages
