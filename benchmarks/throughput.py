"""Events per second and CPU of this worker beside other ways to write it, in one run on one broker, verified equal.

    python -m benchmarks.throughput [--events N] [--runs N] [--only NAME,…] [--broker apache|embedded]

The feed is of 100 centers, whose orders lie side by side as in a network: a million events are of 100,000 orders, and
fewer are the first ones of these. Slow contenders get a share of them, and all take turns. Exit code 1 only where
results are not equal; never for a time.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import uuid
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import orjson
from rich.console import Console

from benchmarks.broker import RunningBroker, apache_kafka, broker
from benchmarks.contenders.arguments import NOTICES, topics_of
from benchmarks.contenders.catalog import CONTENDERS
from benchmarks.feed import NETWORK_CENTERS, SCENARIO, feed, send
from benchmarks.machine import Machine, cpu_s
from benchmarks.measure import Contender, ContenderFailedError, Kafka, run
from benchmarks.scores import Facts, Score, aims_table, differences, identity, table_of
from schemas.decode import decode_event
from streams.journey.batch import journey_facts
from tests.kafka_cluster import missing_kafka

PARTITIONS = 4


@dataclass(frozen=True, slots=True)
class Source:
    """A topic with as many events as some contenders get, and the facts that follow."""

    topic: str
    events: int
    facts: Facts


def expected(values: list[bytes]) -> Facts:
    """What the rules say of the events, all at once and by another way than a stream goes."""
    facts = journey_facts(decode_event(value) for value in values)
    return {identity(fact): orjson.loads(orjson.dumps(fact)) for fact in facts}


class Comparison:
    """The contenders' runs on one broker, in turn."""

    def __init__(self, kafka: Kafka, contenders: list[Contender], folder: Path, console: Console) -> None:
        self._kafka, self._contenders, self._folder, self._console = kafka, contenders, folder, console
        self._prefix = f"bench-{uuid.uuid4().hex[:8]}"
        self._events = 0
        self._sources: dict[int, Source] = {}
        self.scores = {contender.name: Score() for contender in contenders}

    async def prepare(self, events: int) -> None:
        """Send the events to a topic for each number of them that a contender gets."""
        self._events = events
        records = list(feed(events, centers=NETWORK_CENTERS))
        for count in sorted({contender.events_of(events) for contender in self._contenders}):
            part = records[:count]
            source = Source(f"{self._prefix}-events-{count}", count, expected([value for _, value in part]))
            await self._kafka.create([source.topic])
            await send(self._kafka.options, part, source.topic)
            self._sources[count] = source
            self._say(f"sent {source.events:,} events of {len(source.facts):,} orders (scenario {SCENARIO})")

    async def take_turns(self, runs: int, machine: Machine) -> None:
        """Run each contender once, then each once more."""
        for number in range(1, runs + 1):
            for contender in self._contenders:
                await self._run(contender, f"{self._prefix}-{contender.name}-{number}")
                score = self.scores[contender.name]
                machine.calibrate()
                machine.account(sum(pace.cpu_per_1000 * score.events / 1000 for pace in score.paces[-1:]))
                self._say(f"run {number}, {contender.title}: {_outcome(score)}")

    async def clean(self) -> None:
        """Delete all topics of this comparison."""
        await self._kafka.delete(self._prefix)

    async def _run(self, contender: Contender, output: str) -> None:
        """Run a contender once, check what it wrote, and note both."""
        score = self.scores[contender.name]
        source = self._sources[contender.events_of(self._events)]
        score.events = source.events
        await self._kafka.create(topics_of(output))
        try:
            pace = await run(contender, self._kafka, source.topic, output, source.events, self._folder / output)
            last, score.outputs = await self._kafka.last_values(output)
            score.paces.append(pace)
            score.wrong += differences(source.facts, list(last.values()), contender)
        except ContenderFailedError as error:
            score.wrong.append(str(error))
        await self._kafka.delete(output)

    def _say(self, text: str) -> None:
        self._console.print(text, highlight=False)


def _outcome(score: Score) -> str:
    if not score.paces:
        return f"failed: {score.wrong[-1]}"
    pace = score.paces[-1]
    start = " with its start (too few events to leave that out)" if pace.from_start else ""
    growth = "" if pace.growth is None else f", second half {pace.growth:.2f} × the first 30 %"
    equal = "NOT EQUAL: " + "; ".join(score.wrong[:3]) if score.wrong else "equal"
    return f"{pace.per_s:,.0f} events/s{start}, {pace.cpu_per_1000:.4f} CPU s per 1,000{growth}, {equal}"


def broker_of(options: argparse.Namespace, folder: Path) -> AbstractContextManager[RunningBroker]:
    """The broker that was asked for: Apache Kafka where there is Java, unless told otherwise."""
    kind = options.broker or ("embedded" if missing_kafka() else "apache")
    return apache_kafka(folder) if kind == "apache" and not options.kafka else broker(options.kafka, folder)


async def compare(options: argparse.Namespace, console: Console) -> int:
    """Measure, print all tables; the exit code."""
    machine, contenders = Machine(), present(options.contenders, console)
    with tempfile.TemporaryDirectory(prefix="fixtrail-bench-") as name, broker_of(options, Path(name)) as running:
        async with Kafka(running.address, PARTITIONS) as kafka:
            comparison = Comparison(kafka, contenders, Path(name), console)
            try:
                await comparison.prepare(options.events)
                await comparison.take_turns(options.runs, machine)
            finally:
                await comparison.clean()
        machine.account(cpu_s(running.pid) if running.pid else 0.0)
    scores = comparison.scores
    console.print(
        table_of(contenders, scores, f"{options.events:,} events, {running.name}, median of {options.runs} runs")
    )
    for contender in contenders:
        console.print(f"{contender.title}: {contender.notes}. Compared in {_compared(contender)}.", highlight=False)
    console.print(aims_table(scores))
    console.print(machine.summary(), highlight=False)
    for contender in contenders:
        if wrong := scores[contender.name].wrong:
            console.print(f"[red]{contender.name}: NOT EQUAL[/red]: " + "; ".join(wrong[:5]), highlight=False)
    return int(any(score.wrong for score in scores.values()))


def present(contenders: list[Contender], console: Console) -> list[Contender]:
    """Those that can run here; of the others it is said what they need."""
    reasons = {contender.name: contender.missing() for contender in contenders}
    for contender in contenders:
        if reason := reasons[contender.name]:
            console.print(f"{contender.title}: not measured, {reason}", highlight=False)
    return [contender for contender in contenders if reasons[contender.name] is None]


def _compared(contender: Contender) -> str:
    names = "all columns" if contender.columns is None else f"columns {', '.join(sorted(contender.columns))}"
    return f"{names} but {', '.join(sorted(contender.without))}" if contender.without else names


def arguments(texts: list[str] | None = None) -> argparse.Namespace:
    """The options; `contenders` are the chosen ones."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput", description=(__doc__ or "").partition("\n")[0]
    )
    names = [contender.name for contender in CONTENDERS]
    parser.add_argument(
        "--events", type=int, default=1_000_000, help="events sent; slow contenders get a share of them"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each, taking turns")
    parser.add_argument("--only", default=",".join(names), help="some of them (default: %(default)s)")
    parser.add_argument(
        "--broker", choices=("apache", "embedded"), help="default: Apache Kafka where Java and Maven are"
    )
    parser.add_argument("--kafka", metavar="HOST:PORT", help="a broker that runs already")
    parser.add_argument(
        "--notices", action="store_true", help="make notices that have expired, as all of the feed's have"
    )
    options = parser.parse_args(texts)
    chosen = options.only.split(",")
    if unknown := set(chosen) - set(names):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    options.contenders = [contender for contender in CONTENDERS if contender.name in chosen]
    return options


def main() -> int:
    """Measure as the command line says; the exit code."""
    options = arguments()
    if options.notices:
        os.environ[NOTICES] = "1"
    return asyncio.run(compare(options, Console(width=None if sys.stdout.isatty() else 170)))


if __name__ == "__main__":
    sys.exit(main())
