"""Data-quality badges: the verdict of the data report for each center, for the board and every report's page.

A center of which nothing is known, or nothing any more, is `unknown`: no badge looks good for want of data.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fixtrail.web.report_cache.cache import ReportRequest, Reports
from schemas.locales import LOCALES, Locale

if TYPE_CHECKING:
    from fixtrail.reports.report import Report, Sheet

UNKNOWN = "unknown"
# The gravest first; a page about several centers has the badge of the gravest.
GRADES = ("stop", UNKNOWN, "note", "go")
DAYS = 28
OLDEST = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Badge:
    """A grade, the flaws behind it in each language, and the report that tells more."""

    grade: str
    flaws: Mapping[str, str]
    link: str


@dataclass(frozen=True, slots=True)
class CentersBadge:
    """The gravest grade of several centers, how many have which, and the report that tells more."""

    grade: str
    counts: Mapping[str, int]
    link: str


@dataclass(frozen=True, slots=True)
class Badges:
    """The verdicts of a data report by center: grade, and the flaws that led to it in each language."""

    since: date
    verdicts: Mapping[str, tuple[str, Mapping[str, str]]] = field(default_factory=dict)

    def of(self, center_id: str | None) -> Badge:
        grade, flaws = self.verdicts.get(center_id or "", (UNKNOWN, dict.fromkeys(LOCALES, "")))
        return Badge(grade, flaws, self.link(center_id))

    def of_all(self, center_ids: Iterable[str]) -> CentersBadge:
        """The badge of a page about these centers and all that the report names; `unknown` where there are none."""
        counts = Counter(self.of(center_id).grade for center_id in {*center_ids, *self.verdicts})
        worst = next((grade for grade in GRADES if counts[grade]), UNKNOWN)
        return CentersBadge(worst, {grade: counts[grade] for grade in GRADES if counts[grade]}, self.link(None))

    def link(self, center_id: str | None) -> str:
        """The page of the report behind it, of one center or all."""
        return f"/analysis/data?{urlencode({'from': self.since, **({'center': center_id} if center_id else {})})}"


class DataBadges:
    """Asks for the data report of the last days in the background and keeps what the last one said."""

    def __init__(self, reports: Reports, clock: Callable[[], int]) -> None:
        self._reports, self._clock = reports, clock
        self._at = datetime.min.replace(tzinfo=UTC)
        self._badges: Badges | None = None

    def current(self) -> Badges:
        """The badges as they are known, at once; a newer report is computed where that is due."""
        now = datetime.fromtimestamp(self._clock() / 1000, UTC)
        since = now.date() - timedelta(days=DAYS)
        computed = self._reports.last(ReportRequest("data", since))
        if computed is not None and computed.at != self._at:
            self._at, self._badges = computed.at, Badges(since, verdicts_of(computed.report))
        if self._badges is None or datetime.now(UTC) - self._at > OLDEST:
            return Badges(since)
        return self._badges


def verdicts_of(report: "Report") -> dict[str, tuple[str, Mapping[str, str]]]:
    """Grade and flaws by center, of a data report."""
    table = report.sheet("verdicts")
    return {
        str(row["center_id"]): (str(row["grade"]), {locale: _flaws(table, row, locale) for locale in LOCALES})
        for row in table.rows
    }


def _flaws(table: "Sheet", row: Mapping[str, Any], locale: Locale) -> str:
    """What is not counted, and what is counted with a note, of one center."""
    from fixtrail.web.report_cache.rows import joined, text

    return joined([text(table, row, name, locale) for name in ("stops", "notes") if row[name]], locale)
