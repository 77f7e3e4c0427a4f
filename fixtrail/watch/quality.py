"""Quality warnings in the watch: computed from ClickHouse now and then, told as alerts by one shard.

What is computed is what report `warning` shows. Where it cannot be computed, what is known goes on: nothing opens, and
nothing ends.
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from fixtrail.reports.warning.case import QualityCase
from fixtrail.watch.config import QualityWarningRule, WatchConfig
from fixtrail.watch.rules import Due
from runtime.failure import ExitError
from schemas.times import MINUTE_MS

log = logging.getLogger(__name__)

# Warnings are of all centers: the shard of one partition tells of them.
PARTITION = 0
# ClickHouse may only just begin, as it does with a whole stack.
RETRY_MINUTES = 1.0

Compute = Callable[[], Sequence[QualityCase]]


class QualityCases:
    """The cases as last computed; None while that was never done.

    They are computed only while `needed` is set: of several watches one tells of them.
    """

    def __init__(self, config: WatchConfig, compute: Compute | None) -> None:
        self.rules = [rule for rule in config.rule if isinstance(rule, QualityWarningRule)]
        self.cases: Sequence[QualityCase] | None = None
        self.needed = asyncio.Event()
        self._compute = compute

    async def run(self) -> None:
        """Compute them again and again until cancelled."""
        while self._compute is not None and self.rules:
            await self.needed.wait()
            pause_minutes = min(rule.every_minutes for rule in self.rules)
            if not await self._is_computed(self._compute):
                pause_minutes = min(pause_minutes, RETRY_MINUTES)
            await asyncio.sleep(60 * pause_minutes)
        await asyncio.Event().wait()

    async def _is_computed(self, compute: Compute) -> bool:
        try:
            self.cases = await asyncio.to_thread(compute)
        except ExitError as error:
            log.warning("quality warnings cannot be computed", extra={"error": str(error)[:200]})
        except Exception:
            log.exception("quality warnings cannot be computed")
        else:
            return True
        return False

    def dues(self, rule: QualityWarningRule, now: int) -> Iterator[Due]:
        """The cases of a rule that are due."""
        for case in self.cases or ():
            if case.cases >= rule.least_cases:
                yield Due(
                    rule=rule,
                    subject=case.subject,
                    opening=f"week:{case.first}",
                    since=case.since,
                    due_at=now // MINUTE_MS * MINUTE_MS,
                    limit=round(case.expected, 1),
                    value=float(case.cases),
                )
