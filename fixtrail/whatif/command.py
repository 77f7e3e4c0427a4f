"""`fixtrail whatif`: history, proof, and the effect of a change."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pandas as pd

from fixtrail.reports.need.holidays import read_holidays
from fixtrail.reports.options import Options
from fixtrail.reports.queries import Ask
from fixtrail.whatif.changes import LANES, WhatIfChange
from fixtrail.whatif.effect import MOST_USED, MOST_USED_OVERTIME, effects_of
from fixtrail.whatif.history import WhatIfHistory, history_of
from fixtrail.whatif.proof import FIT_WEEKS, PROOF_WEEKS, Proof, prove, too_little
from fixtrail.whatif.records import read_center
from fixtrail.whatif.report import WhatIfAnswer
from fixtrail.whatif.usage import check_change, pools_of, unsupported
from runtime.failure import NEGATIVE, ExitError

RUNS = 40
# A center that changed over so many weeks ago is learned from since then alone.
_FEWEST_WEEKS = 12
Moved = Callable[[int, int], object]


@dataclass(frozen=True, slots=True)
class WhatIfRequest:
    """Which change at which center; the runs of proof and effect, and the seed of their chance."""

    change: WhatIfChange
    runs: int = RUNS
    seed: int = 1


def ask_what_if(
    ask: Ask, options: Options, request: WhatIfRequest, moved: Moved = lambda _done, _total: None
) -> WhatIfAnswer:
    """The answer from ClickHouse. `moved` is called with (done, all) of the runs. Raises ExitError."""
    first, last = _days(ask, options)
    records = read_center(ask, options.center, first, last, read_holidays(options.holidays))
    scope = options.scope() | {
        "center": options.center,
        "from": first.isoformat(),
        "to": last.isoformat(),
        "time_zone": records.slots.time_zone,
        "runs": request.runs,
        "seed": request.seed,
    }
    return answer_of(history_of(records), request, scope, moved)


def answer_of(
    history: WhatIfHistory, request: WhatIfRequest, scope: dict[str, object], moved: Moved = lambda _done, _total: None
) -> WhatIfAnswer:
    """The answer from a history. Raises ExitError for a change that this center cannot have."""
    done, total = 0, 2 * request.runs

    def step(count: int) -> None:
        nonlocal done
        done += count
        moved(done, total)

    check_change(history, request.change)
    if refusal := too_little(history) or unsupported(history, request.change):
        return WhatIfAnswer(history, request.change, scope, Proof((), *refusal))
    answer = WhatIfAnswer(history, request.change, scope, prove(history, request.runs, request.seed, step))
    if answer.proof.refusal:
        return answer
    if (overload := _overload(history, request.change)) is not None:
        return replace(answer, proof=replace(answer.proof, refusal="overload", detail=overload))
    return replace(answer, effects=effects_of(history, request.change, request.runs, request.seed, step))


def _overload(history: WhatIfHistory, change: WhatIfChange) -> dict[str, float | str] | None:
    for pool in pools_of(history, change):
        if pool.used_after > (MOST_USED_OVERTIME if history.duty.is_finished else MOST_USED):
            name = "all" if history.technicians.is_shared else LANES[pool.number]
            return {"pool": name, "used": pool.used_after}
    return None


def _days(ask: Ask, options: Options) -> tuple[date, date]:
    """The days of the history: up to the last whole day, from at most 26 weeks before; or since the center's change."""
    last_close = ask("span", time_zone=options.targets.time_zone).iloc[0]["last_close"]
    if pd.isna(last_close):
        raise ExitError("no order has been closed yet", NEGATIVE)
    yesterday = options.now.astimezone(ZoneInfo(options.targets.time_zone)).date() - timedelta(days=1)
    last = min(options.until or yesterday, pd.Timestamp(last_close).date(), yesterday)
    first = last - timedelta(weeks=PROOF_WEEKS + FIT_WEEKS) + timedelta(days=1)
    centers = ask("centers")
    for start in centers[centers["center_id"] == options.center]["wave_start"]:
        day = None if pd.isna(start) else pd.Timestamp(start).date()
        if day is not None and first < day <= last - timedelta(weeks=_FEWEST_WEEKS):
            first = day
    return first, last
