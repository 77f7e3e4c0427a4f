"""`fixtrail up`: broker, ClickHouse and every box on this machine, as supervised child processes on loopback."""

import asyncio
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from fixtrail.base_settings import KAFKA_FOLDER
from fixtrail.kafka_settings import recorded_partitions
from fixtrail.local.apache_kafka import STOP_LIMIT_S
from fixtrail.local.data_folder import locked, require_its_broker
from fixtrail.local.ports import HOST, Ports, fixed_ports, free_port, free_ports
from fixtrail.local.stack_secrets import secrets_of_part, stack_secrets, write_private
from fixtrail.local.supervisor import REFUSED_PAUSE_S, Child, RefusalError, Spec
from fixtrail.local.watch import StackWatch
from fixtrail.operations.boxes_away import START_BOXES, STOP_BOXES
from fixtrail.operations.topics import ensure_topics
from fixtrail.partitions.groups import until_level
from fixtrail.settings import STACK_FILE, PulseSettings, StackSettings
from runtime.failure import ExitError

START_LIMIT_S = 180.0
SINKS_LEVEL_S = 60.0
# A little more than they take (runtime.process, fixtrail.boxes).
BOX_STOP_S, PUSH_STOP_S = 15.0, 35.0
SERVERS, SINKS = ("clickhouse", "broker"), ("sink-clickhouse", "sink-push")

# Where an embedded stack's servers are is its own affair, whatever the shell's environment says of others.
_CONNECTION = ("FIXTRAIL_KAFKA", "FIXTRAIL_CLICKHOUSE", "FIXTRAIL_HEALTH")

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class StackPlan:
    """One embedded stack: its folder, ports, secrets and how many workers."""

    folder: Path
    ports: Ports
    secrets: dict[str, str]
    workers: int
    partitions: int
    # The folder of Apache Kafka's jars; None where the embedded broker serves.
    kafka_jars: Path | None = None

    @property
    def kafka(self) -> str:
        return f"{HOST}:{self.ports.kafka}"

    @property
    def clickhouse(self) -> str:
        return f"http://{HOST}:{self.ports.http}"

    @property
    def web(self) -> str:
        return f"http://{HOST}:{self.ports.web}"

    def broker(self) -> Spec:
        """The broker's process: the embedded one, or Apache Kafka."""
        if self.kafka_jars is None:
            arguments = ("--port", str(self.ports.kafka), "--data", str(self.folder / "broker"))
            return Spec("broker", "fixtrail.local.broker", arguments, ready_line="ready")
        return Spec(
            "broker",
            "fixtrail.local.apache_kafka",
            (
                *("--home", str(self.kafka_jars), "--port", str(self.ports.kafka)),
                *("--data", str(self.folder / KAFKA_FOLDER)),
            ),
            stop_within_s=STOP_LIMIT_S + 5,
            ready_line="ready",
        )

    def environment(self, part: str) -> dict[str, str]:
        """What a part of the stack finds in its environment: where all is, and the secrets that it reads."""
        return {
            "FIXTRAIL_DATA": str(self.folder),
            "FIXTRAIL_KAFKA": self.kafka,
            "FIXTRAIL_CLICKHOUSE": self.clickhouse,
            "FIXTRAIL_PARTITIONS": str(self.partitions),
            "FIXTRAIL_PUBLIC_URL": os.environ.get("FIXTRAIL_PUBLIC_URL") or self.web,
            **secrets_of_part(part, self.secrets),
        }


def run_stack(
    settings: StackSettings, *, workers: int, auto_ports: bool, boxes: bool, say: Say, kafka_jars: Path | None = None
) -> int:
    """Exit code of the whole stack: runs until SIGINT, SIGTERM or SIGHUP. Without `boxes` only its servers.

    With `kafka_jars` Apache Kafka takes the embedded broker's place. Raises ExitError where the folder is in use or its
    topics are in the other broker, a port is taken or a part does not start.
    """
    folder = settings.data.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    with locked(folder):
        require_its_broker(folder, kafka_jars)
        (folder / STACK_FILE).unlink(missing_ok=True)
        ports = free_ports() if auto_ports else fixed_ports()
        is_set = "partitions" in settings.model_fields_set
        partitions = settings.partitions if is_set else recorded_partitions(folder) or settings.partitions
        plan = StackPlan(folder, ports, stack_secrets(folder, settings), workers, partitions, kafka_jars)
        for name in [name for name in os.environ if name.startswith(_CONNECTION)]:
            del os.environ[name]
        watch = StackWatch()
        watch.serve(settings)
        return asyncio.run(_Stack(plan, watch, say, boxes=boxes).run())


class _Stack:
    def __init__(self, plan: StackPlan, watch: StackWatch, say: Say, *, boxes: bool) -> None:
        self._plan = plan
        self._watch = watch
        self._say = say
        self._ready = False
        self._boxes = "starting" if boxes else "stopped"
        self._turning: asyncio.Task[None] | None = None
        self._topics_made = asyncio.Event()
        self._health: dict[str, str] = {}
        self._children: dict[str, Child] = {}
        self._refusals: dict[str, str] = {}

    async def run(self) -> int:
        """Start everything, wait for a signal, stop everything; 0 once all is stopped cleanly."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, stop.set)
        for number, turn in ((STOP_BOXES, self._stop_boxes), (START_BOXES, self._start_boxes_again)):
            loop.add_signal_handler(number, self._turn, turn)
        starting = asyncio.create_task(self._start())
        waiting = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([starting, waiting], return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                self._say_ready()
                if self._boxes == "running":
                    self._watch.start_pulse(self._kafka_settings(), self._say)
                await waiting
            self._say("stopping …")
        finally:
            tasks = [task for task in (starting, self._turning) if task is not None]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._ready = False
            (self._plan.folder / STACK_FILE).unlink(missing_ok=True)
            await self._watch.stop_pulse()
            await self._stop()
        self._say("stopped")
        return 0

    async def _start(self) -> None:
        """Servers first, then topics and tables, then the boxes. Raises ExitError where one does not come up."""
        plan = self._plan
        broker = self._child(plan.broker())
        clickhouse = self._child(
            Spec(
                "clickhouse",
                "fixtrail.local.clickhouse",
                (
                    *("--http-port", str(plan.ports.http), "--tcp-port", str(plan.ports.native)),
                    *("--data", str(plan.folder / "clickhouse")),
                ),
                plan.environment("clickhouse"),
                stop_within_s=30.0,
                ready_line="ready",
                ping=f"{plan.clickhouse}/ping",
            )
        )
        for server in (broker, clickhouse):
            server.start()
        for server in (broker, clickhouse):
            await server.wait_ready(START_LIMIT_S)
        if self._boxes != "stopped":
            await self._start_boxes()
        self._ready = True
        self._write_stack_file()

    async def _start_boxes(self) -> None:
        # Side by side: the workers need the topics only, and the tables take longest.
        await _together(
            self._start_workers(), self._start_push(), self._start_watch(), self._start_web(), self._start_writer()
        )
        await self._start_reports()
        self._boxes = "running"

    def _turn(self, turn: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Stop or start the boxes, once the whole stack is there and nothing else of that kind is under way."""
        if self._ready and (self._turning is None or self._turning.done()):
            self._turning = asyncio.create_task(turn())

    async def _stop_boxes(self) -> None:
        """Stop the boxes, the sinks once they have read what the others wrote; the servers go on."""
        if self._boxes != "running":
            return
        self._boxes = "stopping"
        await self._watch.stop_pulse()
        await self._stop_children([name for name in self._children if name not in SERVERS and name not in SINKS])
        try:
            is_level = await until_level(self._kafka_settings(), SINKS_LEVEL_S)
        except (KafkaError, OSError) as error:
            self._say(f"whether the sinks have read all is not known: {type(error).__name__}")
        else:
            if not is_level:
                self._say(f"the sinks have not read all within {SINKS_LEVEL_S:.0f} s")
        await self._stop_children(SINKS)
        self._boxes = "stopped"
        self._write_stack_file()

    async def _start_boxes_again(self) -> None:
        """Start the boxes, with as many partitions as the topics have been given meanwhile."""
        if self._boxes != "stopped":
            return
        partitions = recorded_partitions(self._plan.folder) or self._plan.partitions
        self._plan = replace(self._plan, partitions=partitions)
        self._boxes = "starting"
        try:
            await self._start_boxes()
        except ExitError as error:
            self._boxes = "stopped"
            self._say(f"the boxes do not start: {error}")
        else:
            self._watch.start_pulse(self._kafka_settings(), self._say)
        self._write_stack_file()

    async def _stop_children(self, names: Iterable[str]) -> None:
        children = [self._children.pop(name) for name in names if name in self._children]
        await asyncio.gather(*(child.stop() for child in children))

    async def _start_workers(self) -> None:
        await ensure_topics(self._kafka_settings())
        self._topics_made.set()
        names = [f"worker-{number}" for number in range(1, self._plan.workers + 1)]
        await _together(*(self._start_box(name, ("worker",)) for name in names))

    def _kafka_settings(self) -> PulseSettings:
        return PulseSettings(kafka=self._plan.kafka, partitions=self._plan.partitions, replication=1)

    async def _start_writer(self) -> None:
        await self._migrate()
        await self._topics_made.wait()
        await self._start_box("sink-clickhouse", ("sink", "clickhouse"))

    async def _start_push(self) -> None:
        """Unless FIXTRAIL_PUSH sets up channels, it messages nobody and writes to its log what it would say."""
        await self._topics_made.wait()
        await self._start_box("sink-push", ("sink", "push"))

    async def _start_watch(self) -> None:
        await self._topics_made.wait()
        await self._start_box("watch", ("watch",))

    async def _start_reports(self) -> None:
        """Where FIXTRAIL_REPORTS names schedules; without them there is nothing to send."""
        if os.environ.get("FIXTRAIL_REPORTS"):
            await self._start_box("reports", ("reports",))

    async def _start_web(self) -> None:
        await self._topics_made.wait()
        served = {"FIXTRAIL_WEB_HOST": HOST, "FIXTRAIL_WEB_PORT": str(self._plan.ports.web)}
        await self._start_box("web", ("web",), served)

    async def _migrate(self) -> None:
        environment = self._plan.environment("migrations")
        spec = Spec("migrations", "fixtrail", ("migrate", "--only", "clickhouse"), environment)
        child = self._children[spec.name] = Child(spec, self._logs, self._say, lambda: None)
        code = await child.run_once()
        del self._children[spec.name]
        if code:
            last_lines = "\n".join(child.last_lines)
            raise ExitError(f"the tables could not be made (exit code {code}):\n{last_lines}")

    async def _start_box(self, name: str, arguments: tuple[str, ...], more: Mapping[str, str] | None = None) -> None:
        port = free_port()
        self._health[name] = f"http://{HOST}:{port}"
        environment = {**self._plan.environment(name), "FIXTRAIL_HEALTH_PORT": str(port), **(more or {})}
        stop_within_s = PUSH_STOP_S if name == "sink-push" else BOX_STOP_S
        spec = Spec(name, "fixtrail", arguments, environment, stop_within_s)
        child = self._child(spec)
        child.start()
        try:
            await child.wait_until(lambda: _is_ready(self._health[name]), START_LIMIT_S)
        except RefusalError as refusal:
            # The others serve whoever has to find out why: `status`, `dead-letters`.
            self._refusals[name] = str(refusal)

    def _child(self, spec: Spec) -> Child:
        child = self._children[spec.name] = Child(spec, self._logs, self._say, self._write_stack_file)
        return child

    async def _stop(self) -> None:
        """Stop the writers before the servers that they write to; each drains first."""
        servers = [name for name in SERVERS if name in self._children]
        boxes = [child for name, child in self._children.items() if name not in servers]
        await asyncio.gather(*(box.stop() for box in boxes))
        for name in servers:
            await self._children[name].stop()

    @property
    def _logs(self) -> Path:
        return self._plan.folder / "logs"

    def _write_stack_file(self) -> None:
        """stack.json: where everything is, and which process is which; only while the whole stack is there."""
        self._watch.note(self._children.values(), ready=self._ready)
        if not self._ready:
            return
        plan = self._plan
        children = {
            name: {
                "pid": child.pid,
                "health": self._health.get(name),
                "ping": child.spec.ping,
                "restarts": child.restarts,
                "ended": child.ended,
            }
            for name, child in self._children.items()
        }
        content = {
            "kafka": plan.kafka,
            "clickhouse": plan.clickhouse,
            "clickhouse_native": f"{HOST}:{plan.ports.native}",
            "web": plan.web,
            **plan.secrets,
            "partitions": plan.partitions,
            "boxes": self._boxes,
            "pid": os.getpid(),
            "health": self._watch.url,
            "children": children,
        }
        write_private(plan.folder / STACK_FILE, content)

    def _say_ready(self) -> None:
        plan = self._plan
        self._say("ready")
        kind = "Apache Kafka: one node" if plan.kafka_jars else "development broker: one machine"
        self._say(f"  kafka       {plan.kafka}  ({kind}, no replication, not for production)")
        self._say(f"  clickhouse  {plan.clickhouse}  native {HOST}:{plan.ports.native}")
        self._say(f"  pages       {plan.web}")
        self._say(f"  health      {self._watch.url}/metrics, and of each box: `fixtrail status`")
        self._say(f"  logs        {self._logs}")
        self._say(f"  passwords   {plan.folder / STACK_FILE}")
        self._say(f"Try:  fixtrail status --data {plan.folder}    Ctrl-C stops everything.")
        for name, reason in self._refusals.items():
            self._say(f"NOT RUNNING: {reason}")
            if name.startswith("worker"):
                self._say(f"  What is refused:  fixtrail dead-letters list --data {plan.folder}    and its log")
            self._say(f"  Tried again every {REFUSED_PAUSE_S:.0f} s; see docs/operators.md, 'When things go wrong'")


async def _together(*parts: Coroutine[Any, Any, None]) -> None:
    """Run all at once; the first failure ends the others, so that nothing is started behind it."""
    try:
        async with asyncio.TaskGroup() as group:
            for part in parts:
                group.create_task(part)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


def _is_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=2):
            return True
    except (urllib.error.URLError, OSError):
        return False
