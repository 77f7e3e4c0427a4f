"""Events per second and CPU of this worker beside other ways to write it, in one run on one broker, verified equal.

    python -m benchmarks.throughput [--events N] [--runs N] [--only NAME,…] [--kafka HOST:PORT]

Exit code 1 only where results are not equal; never for a time.
"""

import argparse
import asyncio
import sys
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.broker import broker
from benchmarks.contenders.arguments import topics_of
from benchmarks.contenders.rules import NOT_COMPUTED
from benchmarks.feed import SCENARIO, feed, send
from benchmarks.machine import Machine, cpu_s, median
from benchmarks.measure import Contender, ContenderFailedError, Kafka, Pace, run
from schemas.decode import decode_event
from streams.journey.batch import journey_facts

PARTITIONS = 4
ORDERS_ONLY = "order facts only: no comebacks, center hours or notices"

CONTENDERS = (
    Contender(
        "fixtrail",
        "this worker",
        "benchmarks.contenders.fixtrail",
        "all rules (comebacks, center hours, notices, dead letters), outputs before changelog before commit, "
        "restorable state; output and state once an order and batch",
        # What of an order was let go after 60 days no longer counts in the versions of the others.
        without=frozenset({"version"}),
    ),
    Contender(
        "faust",
        "Faust, textbook",
        "benchmarks.contenders.faust_agent",
        f"{ORDERS_ONLY}; default settings, one table write and one send an event, JSON state",
        share=0.1,
        without=NOT_COMPUTED,
    ),
    Contender(
        "faust-tuned",
        "Faust, tuned settings",
        "benchmarks.contenders.faust_agent",
        "the same code with the settings that the reference offers for throughput",
        share=0.1,
        without=NOT_COMPUTED,
        environment={"FAUST_TUNED": "1"},
    ),
    Contender(
        "aiokafka",
        "aiokafka loop",
        "benchmarks.contenders.aiokafka_loop",
        "all rules, same outputs and changelog, a batch at a time; cannot restore its state, no dead letters",
        without=frozenset({"version"}),
        environment={"RULES": "book"},
    ),
    Contender(
        "aiokafka-orders",
        "aiokafka loop, orders only",
        "benchmarks.contenders.aiokafka_loop",
        f"{ORDERS_ONLY}; state as live objects in memory; output and state once an order and batch",
        without=NOT_COMPUTED,
        environment={"RULES": "orders"},
    ),
    Contender(
        "quix",
        "Quix Streams",
        "benchmarks.contenders.quix",
        f"{ORDERS_ONLY}; state in RocksDB with a changelog, one output an event",
        without=NOT_COMPUTED,
    ),
)
AIMS = (("faust", 20.0), ("aiokafka", 1.0), ("quix", 2.5))

Facts = dict[str, dict[str, Any]]


@dataclass(slots=True)
class Score:
    """A contender's runs, and what is wrong with its results (empty: they are equal)."""

    paces: list[Pace] = field(default_factory=list)
    outputs: int = 0
    wrong: list[str] = field(default_factory=list)

    def per_s(self) -> float:
        """Events per second, the median of the runs."""
        return median(pace.per_s for pace in self.paces)

    def cpu(self) -> float:
        """CPU seconds per 1,000 events, the median of the runs."""
        return median(pace.cpu_per_1000 for pace in self.paces)


def expected(values: list[bytes]) -> Facts:
    """What the rules say of the events, all at once and by another way than a stream goes."""
    facts = journey_facts(decode_event(value) for value in values)
    return {fact["order_id"]: orjson.loads(orjson.dumps(fact)) for fact in facts}


def differences(want: Facts, got: dict[bytes, bytes], without: frozenset[str]) -> list[str]:
    """Where the last fact of an order is another than expected, in a column that the contender computes."""
    wrong = [f"{len(want)} orders expected, {len(got)} found"] if len(want) != len(got) else []
    for order_id, fact in want.items():
        found = orjson.loads(got.get(order_id.encode(), b"{}"))
        columns = [name for name, value in fact.items() if name not in without and found.get(name, ...) != value]
        if columns:
            wrong.append(f"order {order_id}: {', '.join(columns)}")
    return wrong


async def compare(given: argparse.Namespace, chosen: list[Contender], console: Console) -> int:
    machine = Machine()
    with tempfile.TemporaryDirectory(prefix="fixtrail-bench-") as name, broker(given.kafka, Path(name)) as place:
        prefix = f"bench-{uuid.uuid4().hex[:8]}"
        async with Kafka(place.address, PARTITIONS) as kafka:
            try:
                sources = await prepare(given.events, chosen, kafka, prefix, console)
                scores = {each.name: Score() for each in chosen}
                for number in range(1, given.runs + 1):
                    for contender in chosen:
                        await one_run(contender, kafka, sources, f"{prefix}-{contender.name}-{number}", scores, name)
                        machine.calibrate()
                        machine.account(sum(pace.cpu_total_s for pace in scores[contender.name].paces[-1:]))
                        said(console, contender, number, scores[contender.name])
            finally:
                await kafka.delete(prefix)
        machine.account(cpu_s(place.pid) if place.pid else 0.0)
        console.print(table(chosen, scores, f"{given.events:,} events on {place.name}, median of {given.runs} runs"))
    for contender in chosen:
        without = ", ".join(sorted(contender.without))
        console.print(f"{contender.title}: {contender.notes}. Compared in all columns but {without}.", highlight=False)
    ratios(scores, console)
    console.print(machine.said(), highlight=False)
    wrong = {name: score.wrong for name, score in scores.items() if score.wrong}
    for name, lines in wrong.items():
        console.print(f"[red]{name}: NOT EQUAL[/red]: " + "; ".join(lines[:5]), highlight=False)
    return 1 if wrong else 0


Source = tuple[str, int, Facts]


async def prepare(
    events: int, chosen: list[Contender], kafka: Kafka, prefix: str, console: Console
) -> dict[float, Source]:
    """Send the events to a topic for each share of them that somebody is given: (topic, number, facts expected)."""
    records = list(feed(events))
    sources: dict[float, Source] = {}
    for share in sorted({each.share for each in chosen}):
        topic, part = f"{prefix}-events-{round(share * 100)}", records[: round(len(records) * share)]
        await kafka.create([topic])
        await send(kafka.options, part, topic)
        facts = expected([value for _, value in part])
        sources[share] = topic, len(part), facts
        console.print(f"sent {len(part):,} events of {len(facts):,} orders (scenario {SCENARIO})", highlight=False)
    return sources


async def one_run(
    contender: Contender, kafka: Kafka, sources: dict[float, Source], output: str, scores: dict[str, Score], folder: str
) -> None:
    """Run a contender once, check what it wrote, and note both."""
    topic, total, want = sources[contender.share]
    score = scores[contender.name]
    await kafka.create(topics_of(output))
    try:
        score.paces.append(await run(contender, kafka, topic, output, total, Path(folder, output)))
        got, score.outputs = await kafka.last_values(output)
        score.wrong += differences(want, got, contender.without)
    except ContenderFailedError as error:
        score.wrong.append(str(error))
    await kafka.delete(output)


def said(console: Console, contender: Contender, number: int, score: Score) -> None:
    pace = f"{score.paces[-1].per_s:,.0f} events/s" if score.paces else "failed"
    if score.paces and score.paces[-1].from_start:
        pace += " with its start (too few events to leave that out)"
    equal = "NOT EQUAL" if score.wrong else "equal"
    console.print(f"run {number}, {contender.title}: {pace}, {equal}", highlight=False)


def table(chosen: list[Contender], scores: dict[str, Score], title: str) -> Table:
    shown = Table(title=title)
    for column in ("", "events/s", "lowest–highest", "CPU s per 1,000 events", "facts written", "verified"):
        shown.add_column(column, justify="left" if column in ("", "verified") else "right")
    for contender in chosen:
        score = scores[contender.name]
        if not score.paces:
            shown.add_row(contender.title, "failed", "", "", "", "")
            continue
        speeds = sorted(pace.per_s for pace in score.paces)
        shown.add_row(
            contender.title,
            f"{score.per_s():,.0f}",
            f"{speeds[0]:,.0f}–{speeds[-1]:,.0f}",
            f"{score.cpu():.4f}",
            f"{score.outputs:,}",
            "no" if score.wrong else "equal",
        )
    return shown


def ratios(scores: dict[str, Score], console: Console) -> None:
    """How this worker compares, with the aims."""
    ours = scores.get("fixtrail")
    for name, aim in AIMS:
        other = scores.get(name)
        if not (ours and other and ours.paces and other.paces):
            continue
        speed, cpu = ours.per_s() / other.per_s(), other.cpu() / ours.cpu()
        console.print(
            f"this worker against {name}: {speed:.2f} × the events/s (aim {aim:g} ×, "
            f"{'reached' if speed >= aim else 'not reached'}), {cpu:.2f} × the events per CPU second",
            highlight=False,
        )


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.throughput", description=__doc__.partition("\n")[0])
    names = [each.name for each in CONTENDERS]
    parser.add_argument("--events", type=int, default=200_000, help="events sent; the slow ones are given a tenth")
    parser.add_argument("--runs", type=int, default=3, help="runs of each, taking turns")
    parser.add_argument("--only", help=f"some of {','.join(names)}")
    parser.add_argument("--kafka", metavar="HOST:PORT", help="another broker than the embedded one")
    parsed = parser.parse_args(given)
    parsed.chosen = [each for each in CONTENDERS if not parsed.only or each.name in parsed.only.split(",")]
    if unknown := set((parsed.only or names[0]).split(",")) - set(names):
        parser.error(f"--only: there is no {', '.join(sorted(unknown))}")
    return parsed


def main() -> int:
    given = arguments()
    console = Console(width=None if sys.stdout.isatty() else 120)
    return asyncio.run(compare(given, given.chosen, console))


if __name__ == "__main__":
    sys.exit(main())
