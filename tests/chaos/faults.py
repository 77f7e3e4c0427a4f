"""How each kind of fault is done to a fleet, and undone."""

import asyncio
import contextlib
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from tests.chaos.fleet import Fleet
from tests.chaos.plan import Fault
from tests.chaos.watch import READ_BY
from tests.providers.server import Mood
from tests.stack import wait_for

# A process that is asked for by a fault may just be starting again.
THERE_LIMIT_S = 60.0
BACK_LIMIT_S = 240.0
# The members of a group that was stopped are forgotten when their session ends.
REWIND_LIMIT_S = 60.0
LOST_BATCHES = 6
# What follows the app id in a group's name.
GROUP_OF = {"workers": "", "writers": "-clickhouse", "push": "-push"}
# What a provider does while a fault of this name lasts (tests.providers.server.Mood).
MOODS: dict[str, Mood] = {"lose": "lose", "hang": "hang", "fail": 500, "throttle": 429}


@dataclass(slots=True)
class FaultRun:
    """A fault as it happened, by the monotonic clock and by the wall. `failed` says what could not be done of it."""

    fault: Fault
    began: float
    ended: float = 0.0
    began_wall: float = field(default_factory=time.time)
    ended_wall: float = 0.0
    failed: str | None = None


class Chaos(threading.Thread):
    """Does what the plan says, each fault at its time and on a thread of its own."""

    def __init__(self, fleet: Fleet, plan: list[Fault], say: Callable[[str], object] = print) -> None:
        super().__init__(name="chaos", daemon=True)
        self.fault_runs: list[FaultRun] = []
        self.fleet, self._plan, self._say = fleet, plan, say
        self._began = time.monotonic()
        self._running: list[threading.Thread] = []
        self._frozen: set[int] = set()
        self._stopped = threading.Event()
        # One that takes longer than planned must not meet the next: what two brokers lose at once may be lost.
        self._brokers = threading.Lock()

    def run(self) -> None:
        for fault in self._plan:
            if self._stopped.wait(max(0.0, self._began + fault.at_s - time.monotonic())):
                return
            fault_run = FaultRun(fault, time.monotonic())
            late = fault_run.began - self._began - fault.at_s
            self._say(f"{fault}{f'  ({late:.0f} s late)' if late > 3 else ''}")
            self.fault_runs.append(fault_run)
            thread = threading.Thread(target=self._do, args=(fault_run,), name=fault.kind, daemon=True)
            self._running.append(thread)
            thread.start()

    def finish(self) -> None:
        """Return once every fault is over; nothing is frozen or cut off any more."""
        self.join()
        for thread in self._running:
            thread.join(BACK_LIMIT_S)
        self.undo()

    def undo(self) -> None:
        """Let everything run and connect again, as far as that can be done at once."""
        self._stopped.set()
        for pid in list(self._frozen):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        for proxy in self.fleet.proxies.values():
            with contextlib.suppress(OSError):
                proxy.set("pass")
        for provider in self.fleet.providers.values():
            provider.always = "ok"
        if self.fleet.cluster is not None and self.fleet.cluster.network is not None:
            self.fleet.cluster.network.heal()

    def _do(self, fault_run: FaultRun) -> None:
        fault = fault_run.fault
        try:
            with self._brokers if fault.victim.startswith("broker") else contextlib.nullcontext():
                HOW[fault.kind](self, fault)
        except Exception as error:
            fault_run.failed = f"{type(error).__name__}: {error}".splitlines()[0]
            self._say(f"           {fault.kind} on {fault.victim} went wrong: {fault_run.failed}")
        fault_run.ended, fault_run.ended_wall = time.monotonic(), time.time()

    # Processes

    def kill(self, fault: Fault) -> None:
        self.fleet.signal(fault.victim, signal.SIGKILL, limit_s=THERE_LIMIT_S)

    def kill_at_step(self, fault: Fault) -> None:
        """Kill the box now; its next process ends by itself at the step."""
        self.fleet.parts[fault.victim].once = {"FIXTRAIL_CRASH_AT": fault.detail}
        self.fleet.signal(fault.victim, signal.SIGKILL, limit_s=THERE_LIMIT_S)

    def terminate(self, fault: Fault) -> None:
        self.fleet.signal(fault.victim, signal.SIGTERM, limit_s=THERE_LIMIT_S)

    def freeze(self, fault: Fault) -> None:
        pid = self.fleet.signal(fault.victim, signal.SIGSTOP, limit_s=THERE_LIMIT_S)
        self._frozen.add(pid)
        time.sleep(fault.for_s)
        self._frozen.discard(pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)

    def kill_all_boxes(self, _: Fault) -> None:
        for name in self.fleet.boxes_now():
            self.fleet.signal(name, signal.SIGKILL, limit_s=THERE_LIMIT_S)

    def scale(self, fault: Fault) -> None:
        """Have so many workers from now on."""
        before, self.fleet.workers = self.fleet.workers_now(), int(fault.detail)
        now = self.fleet.workers_now()
        self.fleet.want(*(name for name in now if name not in before))
        self.fleet.stop(*(name for name in before if name not in now))

    def new_release(self, _: Fault) -> None:
        """Restart the boxes one after the other from the other copy of the code, with another size of batches."""
        self.fleet.release = release = 3 - max(1, self.fleet.release)
        for name in self.fleet.boxes_now():
            self.fleet.move_to_release(name, release, FIXTRAIL_BATCH=str({1: 1000, 2: 150}[release]))
            starts = self.fleet.parts[name].starts
            self.fleet.signal(name, signal.SIGTERM, limit_s=THERE_LIMIT_S)
            wait_for(lambda name=name, n=starts: self.fleet.parts[name].starts > n, 60, f"{name} starts")  # type: ignore[misc]
            self.fleet.wait_ready(name, limit_s=BACK_LIMIT_S)

    def rewind(self, fault: Fault) -> None:
        """Stop all of a group, set what it has committed to 0, start them again."""
        whose = fault.kind.partition("-")[2]
        names = self.fleet.now(whose.removesuffix("s"))
        self.fleet.stop(*names)
        try:
            asyncio.run(
                rewind(
                    self.fleet.kafka,
                    self.fleet.app_id + GROUP_OF[whose],
                    READ_BY[GROUP_OF[whose]],
                    self.fleet.partitions,
                )
            )
        finally:
            self.fleet.want(*names)

    # Servers

    def kill_and_return(self, fault: Fault) -> None:
        self._away(fault, signal.SIGKILL)

    def stop_and_return(self, fault: Fault) -> None:
        self._away(fault, signal.SIGTERM)

    def stop_with_a_writer(self, fault: Fault) -> None:
        """While ClickHouse is away, a writer goes for longer than its session and comes back: its group rebalances."""
        self.fleet.stop("clickhouse")
        try:
            time.sleep(2)
            self.fleet.stop(fault.detail)
            time.sleep(15)
            self.fleet.want(fault.detail)
            time.sleep(max(0.0, fault.for_s - 17))
        finally:
            self.fleet.want("clickhouse", fault.detail)

    def lose_changelog_tail(self, _: Fault) -> None:
        """Workers and broker die, and what the broker had not yet brought to the disk of its changelogs is gone."""
        names = self.fleet.workers_now()
        self.fleet.stop(*names, "broker", number=signal.SIGKILL)
        for path in sorted((self.fleet.folder / "broker" / "data").rglob("*-changelog*/**/*.log")):
            lose_batches(path, LOST_BATCHES)
        self.fleet.want("broker")
        self.fleet.wait_ready("broker")
        self.fleet.want(*names)

    def _away(self, fault: Fault, number: signal.Signals) -> None:
        self.fleet.stop(fault.victim, number=number)
        time.sleep(fault.for_s)
        self.fleet.want(fault.victim)

    def fill_disk(self, fault: Fault) -> None:
        """Leave no byte on the disk of a server's data for a while."""
        if not self.fleet.has_own_disk(fault.victim):
            raise RuntimeError("its data are not on a disk of their own: mounting one was refused")
        ballast = self.fleet.folder / fault.victim / "ballast"
        try:
            _fill(ballast)
            time.sleep(fault.for_s)
        finally:
            ballast.unlink(missing_ok=True)

    # Networks

    def disturb_clickhouse(self, fault: Fault) -> None:
        self._disturb("clickhouse", fault)

    def disturb_kafka(self, fault: Fault) -> None:
        self._disturb(fault.victim, fault)

    def _disturb(self, name: str, fault: Fault) -> None:
        effect = fault.kind.partition("-")[0]
        proxy = self.fleet.proxies[name]
        mode = {"slow": "delay", "lose": "cut"}.get(effect, effect)
        proxy.set(mode, float(fault.detail or 0))  # type: ignore[arg-type]
        try:
            time.sleep(fault.for_s)
        finally:
            proxy.set("pass")

    # Those who tell the customers

    def upset_provider(self, fault: Fault) -> None:
        """It takes messages and its answers are lost or never come, or it takes none."""
        provider = self.fleet.providers[fault.victim]
        provider.always = MOODS[fault.kind.partition("-")[0]]
        try:
            time.sleep(fault.for_s)
        finally:
            provider.always = "ok"


HOW: dict[str, Callable[[Chaos, Fault], None]] = {
    "kill": Chaos.kill,
    "kill-at-step": Chaos.kill_at_step,
    "terminate": Chaos.terminate,
    "freeze": Chaos.freeze,
    "freeze-beyond-session": Chaos.freeze,
    "kill-all-boxes": Chaos.kill_all_boxes,
    "scale": Chaos.scale,
    "new-release": Chaos.new_release,
    "rewind-workers": Chaos.rewind,
    "rewind-writers": Chaos.rewind,
    "rewind-push": Chaos.rewind,
    "kill-broker": Chaos.kill_and_return,
    "bounce-broker": Chaos.stop_and_return,
    "stop-broker": Chaos.stop_and_return,
    "freeze-broker": Chaos.freeze,
    "lose-changelog-tail": Chaos.lose_changelog_tail,
    "fill-broker-disk": Chaos.fill_disk,
    "kill-ledger": Chaos.kill_and_return,
    "freeze-ledger": Chaos.freeze,
    "kill-clickhouse": Chaos.kill_and_return,
    "stop-clickhouse": Chaos.stop_and_return,
    "stop-clickhouse-and-a-writer": Chaos.stop_with_a_writer,
    "freeze-clickhouse": Chaos.freeze,
    "fill-clickhouse-disk": Chaos.fill_disk,
    **{
        f"{effect}-clickhouse{'-answers' * (effect == 'lose')}": Chaos.disturb_clickhouse
        for effect in ("refuse", "reset", "blackhole", "slow", "lose")
    },
    **{
        f"{effect}-kafka{'-answers' * (effect == 'lose')}": Chaos.disturb_kafka
        for effect in ("refuse", "reset", "blackhole", "slow", "lose")
    },
    **{f"{effect}-{provider}": Chaos.upset_provider for effect in MOODS for provider in ("webhooks", "sms")},
}


def lose_batches(path: Path, number: int) -> None:
    """Cut the last record batches off a log file of Kafka's format."""
    content = path.read_bytes()
    starts, at = [], 0
    while at + 12 <= len(content):
        starts.append(at)
        at += 12 + int.from_bytes(content[at + 8 : at + 12], "big")
    if starts:
        os.truncate(path, starts[max(0, len(starts) - number)])


def _fill(ballast: Path) -> None:
    """A file that takes all that is left on its disk."""
    with ballast.open("wb") as file:
        left = shutil.disk_usage(ballast.parent).free
        with contextlib.suppress(OSError):
            os.posix_fallocate(file.fileno(), 0, left)
        # What fallocate left over, piece by piece.
        with contextlib.suppress(OSError):
            while os.write(file.fileno(), bytes(4096)):
                pass


async def rewind(bootstrap: str, group: str, topics: tuple[str, ...], partitions: int) -> None:
    """Commit offset 0 for a group without members; waits until it has none. Raises TimeoutError after a minute."""
    deadline = time.monotonic() + REWIND_LIMIT_S
    while True:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False)
        try:
            await consumer.start()
            places = [TopicPartition(topic, number) for topic in topics for number in range(partitions)]
            consumer.assign(places)
            await asyncio.wait_for(consumer.commit(dict.fromkeys(places, 0)), 10)
            return
        except (KafkaError, TimeoutError) as error:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{group} could not be set back: {error!r}") from error
            await asyncio.sleep(1)
        finally:
            await consumer.stop()
