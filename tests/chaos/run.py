"""Faults on everything at once under load, and a check of every promise at the end.

python -m tests.chaos.run --seed 1 --minutes 30 [--broker kafka|embedded] [--smoke] [--rate 150] [--report FILE]
python -m tests.chaos.run --brokers 3 --faults 20    # three brokers: replication 3, min ISR 2, TLS and SCRAM

Prints the plan, what was done, how soon work went on after each fault, and the findings; exit code 1 if a promise is
broken. A failed run keeps its folder with all logs. The same seed gives the same plan and the same load.
"""

import argparse
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from runtime.clock import now_ms
from tests import feed
from tests.chaos import api_load, checker, messages, providers
from tests.chaos.api_load import ApiLoad
from tests.chaos.cluster import BROKERS
from tests.chaos.cluster_faults import CLUSTER_HOW
from tests.chaos.coverage import coverage, recoveries
from tests.chaos.faults import HOW, Chaos
from tests.chaos.fleet import Fleet
from tests.chaos.load import Load, Sent, records_of
from tests.chaos.network import namespaces_work
from tests.chaos.plan import Fault, first_faults, plan_of
from tests.chaos.replay import replay_differences
from tests.chaos.report import growth_of, lines_of, write_json
from tests.chaos.today import RECORDS, among, orders_of_today
from tests.chaos.watch import Watch
from tests.kafka_cluster import missing_kafka
from tests.providers.postgres import find_postgres

HOW.update(CLUSTER_HOW)
# What is promised, and how long is waited to see whether it is merely late.
IDLE_WITHIN_S = 120.0
REPLAY_LIMIT_S = 900.0
# "Ready" waits two minutes whether it stays so; a short run does not wait for it.
TOLD_WITHIN_S = 240.0
# So long after all first visits have begun, the last comeback is over.
LAST_COMEBACK_DAYS = 43


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What kind of run is asked for."""

    seed: int = 1
    minutes: float = 3.0
    rate: float = 150.0
    broker: str = "kafka"
    smoke: bool = False
    gap_s: float = 19.0
    with_replay: bool = True
    revision: str | None = None
    mutant: str | None = None
    settings: Mapping[str, str] = field(default_factory=dict)
    idle_limit_s: float = 400.0
    brokers: int = 1
    # A share of the events comes through a web server.
    api: bool = False
    ledger: str = "sqlite"
    # Orders of today a minute, whose customers are told: 0 leaves out the push sinks and the watch.
    today: float = 0.0
    # Days over which the other orders come.
    days: int = feed.DAYS

    def plan(self) -> list[Fault]:
        return plan_of(
            self.seed,
            self.minutes * 60,
            mean_gap_s=self.gap_s,
            broker=self.broker,
            smoke=self.smoke,
            has_customers=self.today > 0,
            cluster=self.brokers == len(BROKERS),
            namespaces=namespaces_work(),
            api=self.api,
            postgres=self.ledger == "postgresql",
        )

    def records(self) -> list[Sent]:
        """All but the orders of today; where there are those, the others came just before, so that none is let go."""
        began = datetime.now(UTC) - timedelta(days=self.days + LAST_COMEBACK_DAYS) if self.today else feed.START
        number = self.minutes * (60 * self.rate - self.today * RECORDS)
        return records_of(self.seed, round(number), began, self.days)


def run(options: RunOptions, folder: Path, plan: list[Fault] | None = None) -> dict[str, Any]:
    """What a run came to; `broken` is empty where all promises held."""
    plan = options.plan() if plan is None else plan
    print(
        f"seed {options.seed}, {options.minutes:g} minutes, {options.rate:g} records/s, {len(plan)} faults", flush=True
    )
    print(f"broker {options.broker}, folder {folder}\n" + "\n".join(map(str, plan)), flush=True)
    records = options.records()
    began_wall = time.time()
    with Fleet(
        folder,
        broker=options.broker,
        brokers=options.brokers,
        mutant=options.mutant,
        revision=options.revision,
        settings={
            # An appointment is booked three days before its visit and may be called off at once; and now goes on.
            **({"FIXTRAIL_HOLD_DAYS": str(options.days + LAST_COMEBACK_DAYS + 4)} if options.today else {}),
            **options.settings,
        },
        has_customers=options.today > 0,
        api=options.api,
        ledger=options.ledger,
    ) as fleet:
        if options.today:
            records = _with_today(options, records, fleet)
        assert checker.canaries_are_known(records)
        loads = _loads(options, records, fleet, folder / "sent.jsonl")
        watch, chaos = Watch(fleet), Chaos(fleet, plan, say=_say)
        print("\nrunning", flush=True)
        watch.start()
        for load in loads:
            load.start()
        chaos.start()
        try:
            chaos.finish()
            for load in loads:
                load.join(options.minutes * 60 + 600)
        finally:
            chaos.undo()
        for load in loads:
            if load.failed is not None or load.is_alive():
                raise RuntimeError(f"the {load.name} did not get through: {load.failed!r}")
        print("everything is sent", flush=True)
        # A heartbeat would be something left to do.
        pulses = fleet.now("pulse")
        fleet.stop(*pulses)
        idle_after_s, still = _wait_idle(watch, options.idle_limit_s)
        ended_ms = now_ms()
        if options.today and not still:
            if not options.smoke:
                fleet.want(*pulses)
                messages.wait_watching(fleet, TOLD_WITHIN_S)
                messages.wait_told(fleet, TOLD_WITHIN_S, even_later=True)
            ended_ms = now_ms()
            fleet.stop(*pulses, *fleet.now("watch"))
            _, still = _wait_idle(watch, options.idle_limit_s)
            messages.wait_told(fleet, TOLD_WITHIN_S, even_later=False)
            fleet.stop(*fleet.now("push"))
        watch.stop()
        evidence = checker.gather(fleet, loads[0].log, watch, chaos.fault_runs, ended_ms)
        findings = checker.check(evidence)
        findings.broken["no lag is left within 120 s of the last fault and record"] = still or (
            [f"it took {idle_after_s:.0f} s"] if idle_after_s > IDLE_WITHIN_S else []
        )
        result = {
            "seed": options.seed,
            "minutes": options.minutes,
            "records_per_s": options.rate,
            "today": options.today,
            "broker": options.broker,
            "brokers": options.brokers,
            "api": options.api,
            "ledger": options.ledger,
            "namespaces": options.brokers == len(BROKERS) and namespaces_work(),
            "began": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(began_wall)),
            "faults": dict(Counter(run.fault.kind for run in chaos.fault_runs if run.failed is None)),
            "not_done": [f"{run.fault.kind}: {run.failed}" for run in chaos.fault_runs if run.failed is not None],
            "recovery_s": recoveries(chaos.fault_runs, watch.samples, options.rate),
            "idle_after_s": round(idle_after_s, 1),
            "ends": dict(Counter(f"{end.name.partition('-')[0]} {end.code}" for end in fleet.ends)),
            "coverage": coverage(evidence),
            "growth": growth_of(watch.sizes),
            "load_average": [round(minutes, 1) for minutes in os.getloadavg()],
            "cores": os.cpu_count(),
        }
        if options.with_replay and not still:
            print("reading it all again from the first event", flush=True)
            findings.broken["read again from the first event, all is the same"] = replay_differences(
                evidence, REPLAY_LIMIT_S
            )
    result["promises"] = {promise: len(differences) for promise, differences in findings.broken.items()}
    result["broken"] = {promise: differences[:50] for promise, differences in findings.broken.items() if differences}
    result["took_s"] = round(time.time() - began_wall)
    print("\n".join(["", *lines_of(result)]), flush=True)
    print(findings, flush=True)
    return result


def _loads(options: RunOptions, records: list[Sent], fleet: Fleet, path: Path) -> tuple[Load, *tuple[ApiLoad, ...]]:
    """What sends the records: a producer, and a client of the API for its share of them; they share a log."""
    if not options.api:
        return (Load(fleet.kafka, records, options.rate, path),)
    produced, through_api = api_load.split(records)
    share = len(through_api) / len(records)
    load = Load(fleet.kafka, produced, options.rate * (1 - share), path)
    return load, ApiLoad(fleet.web_url, fleet.api_key(), through_api, options.rate * share, load.log)


def _with_today(options: RunOptions, records: list[Sent], fleet: Fleet) -> list[Sent]:
    """The records with the orders of today among them, from now on."""
    contacts = partial(providers.contacts, providers=fleet.providers)
    today = orders_of_today(options.seed, datetime.now(UTC), options.minutes * 60, options.today, contacts)
    return among(records, today, options.rate)


def _with_faults(options: RunOptions, number: int) -> tuple[RunOptions, list[Fault]]:
    """A run as long as the first so many faults of the plan take."""
    ample_minutes = (number + 10) * options.gap_s * 5 / 60
    faults, seconds = first_faults(replace(options, minutes=ample_minutes).plan(), number)
    return replace(options, minutes=round(seconds / 60, 1)), faults


def _wait_idle(watch: Watch, limit_s: float) -> tuple[float, list[str]]:
    try:
        return watch.wait_idle(limit_s), []
    except TimeoutError as error:
        return limit_s, [str(error)]


def _say(line: str) -> None:
    print(line, flush=True)


def _stop(*_: object) -> None:
    raise KeyboardInterrupt


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=3.0)
    parser.add_argument("--rate", type=float, default=150.0, help="records a second")
    parser.add_argument("--today", type=float, default=12.0, help="orders a minute whose customers are told")
    parser.add_argument("--days", type=int, default=feed.DAYS, help="over which the other orders come")
    parser.add_argument("--gap", type=float, default=19.0, help="seconds from one fault to the next, in the mean")
    parser.add_argument("--broker", choices=("kafka", "embedded"), help="default: Apache Kafka where it can be started")
    parser.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="three: replication 3, TLS and SCRAM")
    parser.add_argument("--ledger", choices=("sqlite", "postgresql"), help="default: PostgreSQL where it is installed")
    parser.add_argument("--faults", type=int, help="so many faults and no more, in place of --minutes")
    parser.add_argument("--smoke", action="store_true", help="only the quick kinds of faults")
    parser.add_argument("--no-replay", action="store_true", help="do not read everything again at the end")
    parser.add_argument("--code", metavar="REVISION", help="run the code of this commit rather than the working tree's")
    parser.add_argument("--report", type=Path, help="write what was found to this file, as JSON")
    parser.add_argument("--keep", action="store_true", help="keep the folder of a good run, too")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, _stop)
    # A broker that is killed on purpose is no news.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    broker = arguments.broker or ("embedded" if missing_kafka() else "kafka")
    if arguments.brokers > 1 and (broker != "kafka" or missing_kafka()):
        parser.error(f"three brokers are Apache Kafka's: {missing_kafka() or 'leave --broker embedded out'}")
    # A short run leaves out what only takes time to start.
    ledger = arguments.ledger or ("sqlite" if arguments.smoke or find_postgres() is None else "postgresql")
    options = RunOptions(
        arguments.seed,
        arguments.minutes,
        arguments.rate,
        broker,
        arguments.smoke,
        arguments.gap,
        not arguments.no_replay,
        arguments.code,
        brokers=arguments.brokers,
        api=not arguments.smoke,
        ledger=ledger,
        today=arguments.today,
        days=arguments.days,
    )
    plan = None
    if arguments.faults is not None:
        options, plan = _with_faults(options, arguments.faults)
    folder = Path(tempfile.mkdtemp(prefix=f"fixtrail-chaos-{options.seed}-"))
    is_clean = False
    try:
        result = run(options, folder, plan)
        is_clean = not result["broken"]
        if arguments.report is not None:
            write_json(arguments.report, result)
    finally:
        if is_clean and not arguments.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(
                f"kept: {folder}; run again with --seed {options.seed} --minutes {options.minutes:g} --broker {broker}"
            )
    return 0 if is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
