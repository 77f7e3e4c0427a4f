"""docs/reliability.md out of what runs wrote with --report: `python -m tests.chaos.page [--write]`.

Results are kept in tests/chaos/results: run-*.json, mutants*.json, hangs*.json, poison.json.
"""

import argparse
import json
import statistics
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from tests.chaos.shortages import rows
from tests.paths import ROOT

RESULTS = Path(__file__).parent / "results"
LONG_ENOUGH_MIN = 10
PAGE = ROOT / "docs" / "reliability.md"

HEAD = """\
# Reliability

"Right numbers, messages once" is tried rather than stated: real processes under load, faults from a seed, and a checker
that shares no code with `streams/`. Everything below is written by `python -m tests.chaos.page --write` out of what
the runs reported; a test holds this page to it.

| command | what it does |
| --- | --- |
| `make chaos SEED=1 MINUTES=30` | faults on Kafka, ClickHouse, the ledger and every box (up to 3 workers) |
| `make chaos CLUSTER=1 SEED=1 FAULTS=60` | so many faults with three brokers: replication 3, TLS and SCRAM |
| `make chaos SMOKE=1 SEED=51 BROKER=embedded` | the smoke size of continuous integration |
| `make chaos MINUTES=120 RATE=25 TODAY=30 GAP=100000` | a soak: one fault, then memory and open files of every part |
| `python -m tests.chaos.mutants` | rules of the design taken out one by one: the checker must see each |
| `python -m tests.chaos.hangs` | cases in which stream processors are known to hang |
| `python -m benchmarks.poison` | what bad records cost |

Without Java and Maven, or with `BROKER=embedded`, the embedded broker takes the place of Apache Kafka.

**Load.** 10 % of the events come twice, up to ten days of event time (minutes by the clock) later, 10 % out of order by
up to an hour, 3 % late by an hour to five days, one in two hundred says something else under an id that was used, and
1 % of the records are bad, of all kinds that `tests/bad_records.py` knows. What the broker acknowledged is the truth;
what it did not is counted as "of unknown fate" and may be there or not. Among them are orders of today, a dozen a
minute, whose customers are told by webhook and by SMS: events stamped when they are sent, 10 % of them twice, 5 % late.
One in eight repairs, part requests and checks that come once goes through `POST /v1/events`, again until it is accepted
(not in the smoke size, and not in the runs before 30 November).

**Faults.** Between every box and Kafka, and between the writers and ClickHouse, stands a TCP proxy that refuses,
resets, swallows, delays, or serves requests and loses their answers. Processes are killed, killed at a named step,
terminated, frozen for longer than their session, scaled 1 to 3, restarted from another copy of the code with another
batch size; groups are set back to offset 0; servers die, stop, freeze and run out of disk (on a small file system of
their own; where mounting one is not allowed the run says so). The receiver of webhooks and the SMS gateway take
messages and lose their answers, do not answer, fail, or ask to be left alone. Where PostgreSQL is installed it holds
the push sinks' ledger, and is killed and frozen, too (`--ledger sqlite` leaves it out). Faults overlap.

With `CLUSTER=1` (Java, Maven; root for network namespaces, else ports on 127.0.0.1 and no partitions) there are three
brokers, two of which must have a record before it counts, and every second of the first faults is one of theirs:
killed, the controllers' leader killed, two of three away, frozen, disk full, disk wiped, all restarted in turn, cut off
from the boxes, from the other brokers, from both. A cut loses packets without a word. Targets for going on are printed,
a median of 30 s and none above 180 s: they are meant for a quiet machine and break no run.

**Seconds until work went on** are from a fault's end until no group was further behind than what comes in three
seconds; where another fault came in between, its time is in it. The runs shared their machine with other work: these
times are upper bounds.
"""
FINDINGS = """\
## What the runs have found

Mended, each with a test:

- A worker's commit went back by up to the replay margin when a rebalance fell into what it read again.
- A ClickHouse whose disk was full answered the writer's question for its columns with nothing, which was held against
  the rows: good ones could have become dead letters.
- A ClickHouse writer whose batch a rebalance had dropped unwritten could commit past it with the next one: the run of
  seed 1 was without up to 6,642 rows of one partition so, until a rewind brought them back. It ran the code before,
  the others the mended code.
- A push sink, and once a writer, ended with code 1 while Kafka was away: the stop of an aiokafka consumer raises the
  CancelledError of a fetch that it cancelled itself. Nothing was lost; they are stopped with that in mind now. Two runs
  of 28 November that met it are not in the tables: seeds 12 and 13, at the same time and beside a soak on two cores,
  where the last lag took 216 and 147 s, too. Seeds 12 and 13 below are these runs again, on the mended code.
- A late event that proves a milestone anew (another job that began earlier) would have had a customer told once more
  that the repair has begun. The texts differ in their time, so no rule of the checker saw it; the ledger did.
- A worker frozen beyond its session still sent what it had prepared, so an older version of a fact could stand behind a
  newer one.
- A push sink held up by its ledger, whose partitions went to another one and came back meanwhile, took back what that
  one had committed (three brokers, seed 2). A commit that waits for a broker is sent by aiokafka under the group's
  newest generation, whenever that is: it is given up at a rebalance since. Nothing was sent twice, as the ledger
  decides that.
- A worker that had sent a center hour's row, and ended or lost its partition before it could keep why: who took over
  read the events again together with a late check-in, so that the order never was in that hour for it, and the row
  stayed as it was (three brokers, seed 4: one check-in too many in one hour; in the run's logs this was not found, in
  a test it is so). An order leaves every hour now in which any part of a batch would have put it.
- Workers whose group rebalanced for longer than a minute were ended by their watchdogs in turn, and each end made the
  others begin their recovery anew: on two cores with a load of 30 to 47 a group of three stood still for 20 minutes
  (three brokers, seed 4). Up to five rebalances in a row without a record between them count as going on since.
- A worker of which a new leader said for a moment that there is no record where it reads began at the oldest one, and
  committed that (three brokers, seed 5: 15,036, then 1,000; read again, no figure differed). It ends (75) since, and
  the next start asks the brokers several times.
- A recovery believed the end of a changelog that a broker told. Where a new leader tells one that is too low, the state
  would have lacked the rest in silence: the first record that is written must come right behind what was read, or the
  worker ends (75) and reads again.
- Clients of brokers that had all got other addresses tried the old ones for ever.
- A clock set back by an hour hid for an hour that a worker stood still, and held up alerts and messages as long.
- A ClickHouse whose disk was full answered queries with none of their rows, or the first megabyte, as if that were all.
- A push sink that could open no file gave messages up for good.

Seen once, and not explained:

- In a first run of seed 3 of three brokers, on the code of before the last mend above, the 1,041 orders that had come
  first were not in ClickHouse's table `journeys`, though its table `events`, the topics and all commits were whole,
  and a replay had them again. They were of all partitions of Kafka, so no box had passed over them. The run in the
  tables is its repetition on the mended code: nothing was missing. A ClickHouse that starts with a part which it
  cannot read goes on without it, in silence, which looks just so; the writer asks for such parts and tells of them
  since (a test breaks one), and a run counts them.

The replay of seed 1 met the same early commits. Else it differs only in the last digits of sums of floating point
numbers, which depend on the order of adding; since then sums are compared to the millisecond.

With three brokers a commit seems to go back where the asking meets a broker that was the group's coordinator before:
48 of the 50 in the first run of seed 3 were three samples that alternated between two answers. The worker's commit
there went to the beginning of a partition whose new leader told an end far too low; all of it was read again, and no
figure changed. Since the evening of 30 November 2026 commits are read where Kafka itself keeps them, each in order and
with its time; samples serve where the broker is the embedded one.

With seed 1 of three brokers every promise held. That machine was far too busy for its times to say anything: two
cores for three brokers, thirteen boxes and eight other jobs (load 35 to 50), where a controller took up to 11 s for
one heartbeat. For the same reason replicas were not in sync within the 150 s that a wiped disk and the restart in
turn waited for, so these two were not done in the run of seed 1; they wait 240 s since, and the controllers are more
patient.

A first repetition of seed 12 met a fault of the runner's own: its history began exactly as long before now as orders
are kept, so a duplicate for an order closed in its first minutes was rightly "too late". So it was once more with
seed 4 of three brokers, where an appointment two days before the history's first visit was called off: of that car 31
events were rightly "too late" and all that depends on them differed. Orders are kept four days longer than that
since. That run left no report, so it is not in the tables. Nor are four repetitions of it on 30 November: beside
other work (load 30 to 47) the first stood still as told above; of the second every promise held but that of notices,
where the checker did not know that a center without checks tells a car as ready ten minutes after its work was done;
of the third all held, with 60 faults, but that commits never went back: 20 of 21 such were one sample, as told above,
and one partition of a writer began anew without a difference in any figure. The fourth (60 faults, load 12 to 24) was
the first to read commits in Kafka's own topic: every promise held, but the check of the replay met the commits of the
run before it, which were set back on purpose (24 of them); it reads its own since. The fifth is in the tables.

What a reader has to know: on the topic `journeys` an older version may follow a newer one (a process ended between its
output and its state, and said it again); the highest version is the one that counts. A box that is started while Kafka
is away ends with exit code 1 and is started again by whoever supervises it.
"""


def page(results: Path = RESULTS) -> str:
    """The whole page."""
    runs = [_read(path) for path in sorted(results.glob("run-*.json"))]
    mutants = [trial for path in sorted(results.glob("mutants*.json")) for trial in _read(path)["trials"]]
    hangs = [case for path in sorted(results.glob("hangs*.json")) for case in _read(path)["cases"]]
    parts = [HEAD]
    if runs:
        parts += ["\n".join(lines) for lines in (_runs(runs), _promises(runs), _kinds(runs), _coverage(runs))]
        parts.append("\n".join(_growth(runs)))
    if mutants:
        parts.append("\n".join(_mutants(mutants)))
    if hangs:
        parts.append("\n".join(_hangs(hangs)))
    parts.append("\n".join(_shortages()))
    bad = [_read(path) for path in sorted(results.glob("poison*.json"))]
    if bad:
        parts.append("\n".join(_poison(bad)))
    return "\n".join(part.rstrip("\n") + "\n" for part in (*parts, FINDINGS))


def _shortages() -> Iterator[str]:
    yield "## Machines that run short\n"
    yield "Tests below `tests/`, the heavier ones in `make test-long`; faults are those above.\n"
    yield from _table(*rows())


def _read(path: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(path.read_text())
    return result


def _runs(runs: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Runs\n"
    yield from _table(
        ("", *(_name(run) for run in runs)),
        ("began", *(run["began"] for run in runs)),
        ("broker", *(_broker(run) for run in runs)),
        ("minutes of load", *(f"{run['minutes']:g}" for run in runs)),
        ("records a second", *(f"{run['records_per_s']:g}" for run in runs)),
        ("cores; load average of the last 15 minutes", *(_busy(run) for run in runs)),
        ("orders of today a minute, customers told", *(f"{run.get('today', 0):g}" for run in runs)),
        ("ledger", *(run.get("ledger", "sqlite") if run.get("today") else "none" for run in runs)),
        ("records acknowledged", *(f"{run['coverage']['records sent']:,}" for run in runs)),
        ("distinct events", *(f"{run['coverage']['distinct events']:,}" for run in runs)),
        ("faults", *(f"{sum(run['faults'].values())} of {len(run['faults'])} kinds" for run in runs)),
        ("could not be done", *(str(len(run["not_done"])) for run in runs)),
        ("until work went on: median, longest", *(_spread(_all_times(run)) for run in runs)),
        ("no lag left after the last record", *(f"{run['idle_after_s']} s" for run in runs)),
        ("promises broken", *(f"{len(run['broken'])} of {len(run['promises'])}" for run in runs)),
    )


def _broker(run: dict[str, Any]) -> str:
    if run.get("brokers", 1) > 1:
        return f"{run['brokers']} of Apache Kafka, {'in namespaces' if run['namespaces'] else 'on ports'}"
    return {"kafka": "Apache Kafka", "embedded": "embedded"}[run["broker"]]


def _busy(run: dict[str, Any]) -> str:
    return f"{run['cores']}; {run['load_average'][2]}" if "cores" in run else "not noted"


def _promises(runs: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Promises\n"
    yield from _table(
        ("promise", *(_name(run) for run in runs)),
        *(
            (promise, *(_held(run["promises"].get(promise)) for run in runs))
            for promise in dict.fromkeys(promise for run in runs for promise in run["promises"])
        ),
    )


def _held(number: int | None) -> str:
    return "not checked" if number is None else "holds" if number == 0 else f"broken: {number}"


def _kinds(runs: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Faults, and seconds until work went on\n"
    yield from _times([run for run in runs if run.get("brokers", 1) == 1])
    if several := [run for run in runs if run.get("brokers", 1) > 1]:
        yield "\nWith three brokers:\n"
        yield from _times(several)


def _times(runs: list[dict[str, Any]]) -> Iterator[str]:
    rows = []
    for kind in sorted({kind for run in runs for kind in run["recovery_s"] if kind in run["faults"]}):
        # What could not be done has no end after which work might have gone on.
        times = [time for run in runs if kind in run["faults"] for time in run["recovery_s"].get(kind, ())]
        rows.append((kind, str(len(times)), _spread(times)))
    everything = [time for run in runs for time in _all_times(run)]
    yield from _table(("kind", "times", "median, longest"), *rows, ("all", str(len(everything)), _spread(everything)))


def _coverage(runs: list[dict[str, Any]]) -> Iterator[str]:
    yield "## What the faults hit\n"
    names = dict.fromkeys(name for run in runs for name in run["coverage"])
    yield from _table(
        ("", *(_name(run) for run in runs)),
        *((name, *(f"{run['coverage'].get(name, 0):,}" for run in runs)) for name in names),
        ("processes ended, by exit code", *(_ends(run["ends"]) for run in runs)),
    )


def _ends(ends: dict[str, int]) -> str:
    return ", ".join(f"{name}: {number}" for name, number in sorted(ends.items()))


def _growth(runs: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Memory and open files\n"
    grown = [
        (_name(run), part, growth)
        for run in runs
        for part, growth in run["growth"].items()
        if growth["minutes"] >= LONG_ENOUGH_MIN
    ]
    if not grown:
        yield f"No process lived {LONG_ENOUGH_MIN} minutes under these faults: a slope would say nothing."
        return
    yield (
        "Of each part's longest-lived process, from its third minute on: faults end processes all the time. In a soak\n"
        "no order is let go, so what workers, watch and push sinks keep of each grows with their number.\n"
    )
    yield from _table(
        ("run", "part", "minutes", "MB", "MB an hour", "open files"),
        *(
            (
                name,
                part,
                f"{growth['minutes']:.0f}",
                f"{growth['memory_mb'][0]:.0f} to {growth['memory_mb'][1]:.0f}",
                f"{growth['mb_per_hour']:+.0f}",
                f"{growth['files'][0]} to {growth['files'][1]}",
            )
            for name, part, growth in grown
        ),
    )


def _mutants(trials: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Rules taken out\n"
    yield "Short runs on the embedded broker; each mutant differs from its control in one rule alone.\n"
    yield from _table(
        ("run", "ended", "rule taken out", "promises broken", "as it should"),
        *(
            (
                trial["name"],
                trial["ended"],
                trial["rule"] or "none",
                str(len(trial["broken"])),
                "yes" if trial["as_it_should"] else "NO",
            )
            for trial in sorted(trials, key=lambda trial: bool(trial["rule"]))
        ),
    )


def _hangs(cases: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Where stream processors hang\n"
    yield "Under load on Apache Kafka, nobody helps; seconds from the end of the fault until work went on.\n"
    yield from _table(
        ("case", "ended", "seconds", "promises broken", "processes ended, by exit code"),
        *(
            (
                case["name"],
                case["ended"],
                "not seen" if case["again_after_s"] is None else str(case["again_after_s"]),
                str(len(case["broken"]) + len(case["not_done"])),
                _ends(case["ends"]) or "none",
            )
            for case in cases
        ),
    )


def _poison(results: list[dict[str, Any]]) -> Iterator[str]:
    yield "## Bad records\n"
    yield (
        "Embedded broker, one worker that starts behind all records; bad ones of every kind mixed in, the largest of\n"
        "2 MB. By default a worker stops where more than 5 % of a partition's last 5,000 records are bad.\n"
    )
    yield from _table(
        ("began", "", "records", "bad", "records/s", "CPU s per 1,000 records", "memory, MB", "orders", "dead letters"),
        *(
            (
                result["began"],
                row["name"],
                f"{row['records']:,}",
                f"{result['bad'] / row['records']:.0%}" if row["letters"] else "none",
                f"{row['per_s']:,}",
                str(row["cpu_s_per_1000"]),
                f"{row['memory_mb'][0]} to {row['memory_mb'][1]}",
                f"{row['orders']:,}",
                f"{row['letters']:,}",
            )
            for result in results
            for row in result["rows"]
        ),
    )
    for result in results:
        alone, mixed = result["rows"]
        right = "every bad record is in the dead letters with its code" if result["right"] else "NOT ALL ACCOUNTED FOR"
        cpu = mixed["cpu_s_per_1000"] / alone["cpu_s_per_1000"] - 1
        yield (
            f"\n{result['bad']:,} bad records of {result['kinds']} kinds: throughput {-result['fall']:+.0%}, "
            f"CPU per record {cpu:+.0%}; {right}. {result['machine']}."
        )


def _name(run: dict[str, Any]) -> str:
    if run.get("brokers", 1) > 1:
        return f"{run['brokers']} brokers, seed {run['seed']}"
    return f"seed {run['seed']}" if sum(run["faults"].values()) > 1 else f"soak, seed {run['seed']}"


def _all_times(run: dict[str, Any]) -> list[float | None]:
    return [time for kind, times in run["recovery_s"].items() if kind in run["faults"] for time in times]


def _spread(times: Iterable[float | None]) -> str:
    measured = [time for time in times if time is not None]
    return f"{statistics.median(measured):.1f}, {max(measured):.1f}" if measured else "not seen"


def _table(*rows: tuple[str, ...]) -> Iterator[str]:
    for number, row in enumerate(rows):
        yield f"| {' | '.join(row)} |"
        if number == 0:
            yield f"|{' --- |' * len(row)}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md; else print it")
    if parser.parse_args().write:
        PAGE.write_text(page())
    else:
        print(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
