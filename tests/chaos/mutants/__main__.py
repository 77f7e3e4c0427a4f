"""Rules taken out one by one: the checker must see each, and nothing where all are in place.

python -m tests.chaos.mutants [NAME …] [--report FILE]

Every mutant runs in the same short run of faults as a control that differs in that rule alone. Exit code 1 where a
mutant passes or a control fails.
"""

import argparse
import contextlib
import io
import logging
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chaos.plan import Fault
from tests.chaos.report import merge_json
from tests.chaos.run import RunOptions, run

MINUTES, RATE = 0.6, 150.0
# Nothing may be read again that hides what was lost.
NO_MARGIN = {"FIXTRAIL_REPLAY_MARGIN": "0"}
KILLS = [Fault(at, "kill", f"worker-{1 + number % 2}") for number, at in enumerate((8, 13, 18, 23, 28, 32))]
WRITERS_KILLED = [
    Fault(5, "slow-clickhouse", "clickhouse", 27, "1.0"),
    *(Fault(at, "kill", f"writer-{1 + number % 2}") for number, at in enumerate((9, 14, 19, 24, 29))),
]
CUSTOMERS_TOLD_FAULTS = [
    Fault(5, "lose-sms", "sms", 5),
    *(Fault(6, "kill-at-step", f"push-{number}", 8, f"push.planned:{number + 1}") for number in (1, 2)),
    Fault(18, "lose-sms", "sms", 5),
    Fault(19, "kill", "push-1"),
    # Reads again what was lost, too: not for a trial of that.
    Fault(24, "rewind-push", "boxes"),
]
TAIL_LOST = [Fault(at, "lose-changelog-tail", "broker") for at in (12.0, 26.0)]


@dataclass(frozen=True)
class Trial:
    """A run with these changes of tests.chaos.mutants.changes; `rule` is what is taken out, none for a control."""

    changes: str
    plan: list[Fault]
    settings: dict[str, str] = field(default_factory=lambda: NO_MARGIN)
    rule: str = ""
    # Orders of today a minute, whose customers are told.
    today: float = 0.0


TRIALS = {
    "control: slow writes, workers killed": Trial("slow-writes", KILLS),
    "control: a bug now and then": Trial("bug-now-and-then", KILLS[:2]),
    "control: writers killed, ClickHouse slow": Trial("", WRITERS_KILLED),
    "control: changelog's tail lost": Trial("", TAIL_LOST, {}),
    "ack before write": Trial("slow-writes+ack-before-write", KILLS, rule="ack only when all is durable"),
    "flush without awaiting": Trial("slow-writes+flush-without-awaiting", KILLS, rule="every produce future awaited"),
    "changelog before outputs": Trial(
        "slow-writes+changelog-before-outputs", KILLS, rule="outputs acknowledged, then the changelog"
    ),
    "exception skips the batch": Trial(
        "bug-now-and-then+exception-skips-the-batch",
        KILLS[:2],
        rule="nothing escapes an agent",
    ),
    "counters instead of sets": Trial("counters-instead-of-sets", KILLS[:2], rule="state is a set of events"),
    "versions by arrival": Trial("versions-by-arrival", KILLS[:2], rule="versions are functions of the set"),
    "notice ids by attempt": Trial("notice-ids-by-attempt", KILLS[:2], rule="ids are functions of the set"),
    "control: customers told, push sinks killed": Trial("", CUSTOMERS_TOLD_FAULTS, today=90.0),
    "send ids by attempt": Trial(
        "send-ids-by-attempt", CUSTOMERS_TOLD_FAULTS, rule="send ids are functions of notice and recipient", today=90.0
    ),
    "commit before the ledger": Trial(
        "commit-before-ledger", CUSTOMERS_TOLD_FAULTS[:-1], rule="notices are in the ledger first", today=90.0
    ),
    "unknown texts again": Trial(
        "unknown-texts-again", CUSTOMERS_TOLD_FAULTS, rule="UNKNOWN is never sent again", today=360.0
    ),
    "no replay margin": Trial("", TAIL_LOST, NO_MARGIN, rule="read again some records behind the commit"),
    "commit before insert": Trial("commit-before-insert", WRITERS_KILLED, rule="commit what ClickHouse acknowledged"),
}


def trial(name: str, minutes: float = MINUTES, revision: str | None = None) -> dict[str, Any]:
    """What the checker says of one trial: which promises it found broken, and how often."""
    planned = TRIALS[name]
    folder = Path(tempfile.mkdtemp(prefix="fixtrail-mutant-"))
    output = io.StringIO()
    began = time.monotonic()
    try:
        with contextlib.redirect_stdout(output):
            result = run(
                RunOptions(
                    1,
                    minutes,
                    RATE,
                    "embedded",
                    with_replay=False,
                    revision=revision,
                    mutant=planned.changes or None,
                    settings=planned.settings,
                    idle_limit_s=60.0,
                    today=planned.today,
                    # A short run does not wait for what is to be told later.
                    smoke=True,
                ),
                folder,
                [fault for fault in planned.plan if fault.at_s < minutes * 60 - 2],
            )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    broken = {promise: number for promise, number in result["promises"].items() if number}
    return {
        "name": name,
        "rule": planned.rule,
        "broken": broken,
        "as_it_should": bool(broken) == bool(planned.rule),
        "took_s": round(time.monotonic() - began),
        "said": output.getvalue(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="*", choices=[[], *TRIALS], help="default: all")
    parser.add_argument("--report", type=Path, help="put what was found into this file, as JSON")
    parser.add_argument("--code", metavar="REVISION", help="run the code of this commit")
    parser.add_argument("--minutes", type=float, default=MINUTES)
    arguments = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    results = []
    for name in arguments.name or TRIALS:
        result = trial(name, arguments.minutes, arguments.code)
        output = result.pop("said")
        results.append(result)
        verdict = "as it should" if result["as_it_should"] else "WRONG"
        print(f"{verdict:<13} {name} ({result['took_s']} s)", flush=True)
        for promise, number in result["broken"].items():
            print(f"              {number:>6} against: {promise}", flush=True)
        if not result["as_it_should"]:
            print(output)
    if arguments.report is not None:
        merge_json(arguments.report, "trials", results)
    return 0 if all(result["as_it_should"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
