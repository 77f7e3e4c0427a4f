"""The KPI report from known answers: figures, targets, periods and what their files may say."""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from types import MappingProxyType

import pandas as pd
import pytest

from fixtrail.reports.forms.document import as_json
from fixtrail.reports.kpi import report as kpi
from fixtrail.reports.options import Options, check_cut, parse_day, parse_days, refuse_cut
from fixtrail.reports.periods import ResolvedPeriod, Span, bucket_days, resolve
from fixtrail.reports.report import Bilingual
from fixtrail.reports.targets import Period, read_targets, targets_of
from runtime.failure import ExitError
from tests.paths import ROOT

EXAMPLES = ROOT / "examples"
NOW = datetime(2026, 11, 8, 12, tzinfo=UTC)
COUNTS = {
    "key": "", "orders": 120, "closed": 110, "handed_off": 100, "judged": 90, "fixed": 72, "judged_confirmed": 60,
    "fixed_confirmed": 45, "scores": 50, "promoters": 40, "detractors": 5, "requests": 30, "backordered": 3,
    "requests_all": 33, "young": 25, "approved": 75, "with_promise": 90,
    "cancelled_waits": 9, "cancelled_wait_mean_s": 18000.0, "cancelled_wait_deviation_s": 600.0,
    "cancelled_wait_quantiles_s": [17900.0, 18500.0], "open_with_times": 8, "open_age_quantiles_s": [86400.0, 2e6],
    "open_age_longest_s": 2.2e6, "open_wait_quantiles_s": [43200.0, 1e6], "open_wait_longest_s": 1.1e6,
    "open_not_ready": 7, "open_promised": 6, "open_past_promise": 5, "open_silent": 1,
    "odd": [["missing_check_in", "negative_gap"], [3, 6]],
    "complaints": 4, "quick": 20, "quick_ready": 18, "quick_in_time": 9, "promised": 80, "promise_kept": 60,
    "quoted": 70, "quote_kept": 63, "waits": 99, "wait_mean_s": 1200.0, "wait_deviation_s": 300.0,
    "wait_quantiles_s": [1100.0, 2000.0],
}  # fmt: skip
ANSWERS = {
    "kpi_emergencies": {"key": "", "center_id": "A", "emergencies_all": 10, "emergencies": 8, "in_time": 6},
    "kpi_answers": {
        "key": "", "center_id": "A", "answers": 50, "early": 40, "early_promoters": 36, "early_detractors": 2,
        "late_promoters": 4, "late_detractors": 3,
    },
    "kpi_complainers": {"key": "", "complaints": 4, "squares": 4, "most": 1},
    "kpi_complaints": {"key": "", "complaints": 9, "squares": 9, "most": 1},
    "kpi_refused": {"code": "too_late", "records": 7, "diverted": 7, "newest": None},
}  # fmt: skip
CENTERS = pd.DataFrame(
    {
        "center_id": ["A", "B", "C"],
        "wave": [1, 2, 0],
        "wave_start": pd.to_datetime(["2026-08-17", "2026-09-07", None]),
    }
)
SPAN = Span(date(2026, 7, 6), date(2026, 11, 8), date(2026, 11, 8))


class Shop:
    """Answers the queries of the KPI report from these counts, and remembers what it was asked."""

    def __init__(
        self,
        *rows: dict,
        means: Mapping[str, float] = MappingProxyType({"A": 1200.0}),
        of_center: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.means, self.of_center = means, of_center
        self.counts = pd.DataFrame(list(rows) or [], columns=list(COUNTS))
        self.queries: list[tuple[str, dict]] = []

    def __call__(self, query, /, **parameters):
        self.queries.append((query, parameters))
        if query == "span":
            first, last = map(pd.Timestamp, (SPAN.first, SPAN.last))
            return pd.DataFrame({"first_day": [first], "last_day": [last], "last_close": [last], "handed_off": [100]})
        there = min(1, len(self.counts))
        if query in ANSWERS:
            return pd.DataFrame([ANSWERS[query]]).head(there)
        if query == "kpi_centers":
            names = [name for name, n in COUNTS.items() if isinstance(n, int)]
            # One center has all that is counted; of several each counts what the test says.
            of_all = self.counts.iloc[0] if there and len(self.means) == 1 else dict.fromkeys(names, 0)
            share = {"cancelled": 0, **{name: of_all[name] for name in names}}
            return pd.DataFrame(
                [
                    {
                        **share,
                        **self.of_center,
                        "key": key,
                        "center_id": center,
                        "waits": 33,
                        "mean_s": mean,
                        "up_to_median": 0.5,
                        "up_to_p90": 0.9,
                    }
                    for key in parameters["names"]
                    for center, mean in self.means.items()
                ]
            )
        if query == "kpi_wait_ranks":
            keys = list(parameters["ranks"])
            ends = [1000.0, 1150.0, 1800.0, 2500.0, 900.0, 1250.0, 1700.0, 2600.0]
            return pd.DataFrame({"key": keys, "waits_s": [ends] * len(keys)})
        return CENTERS if query == "centers" else self.counts


def figures(targets=None, *rows, **options):
    report = kpi.build(Shop(*rows or (COUNTS,)), Options(NOW, targets=targets_of(targets or {}), **options))
    return {figure["figure"]: figure for figure in as_json(report)["figures"]}


def test_figures_follow_from_the_counts():
    answer = figures()

    assert answer["nps"]["value"] == 70 and (answer["nps"]["n"], answer["nps"]["n_all"]) == (50, 120)
    assert answer["ftfr"]["value"] == 72 / 90 and answer["ftfr"]["count"] == 72
    assert answer["ftfr_confirmed"]["value"] == 45 / 60 and answer["ftfr_provisional"]["value"] == 27 / 30
    assert answer["complaints_per_100"]["value"] == 4
    assert answer["complaints_per_month"]["value"] == pytest.approx(9 / (126 / 30.4375)), "of all orders"
    assert answer["emergency_in_time"]["value"] == 0.75 and answer["quick_lane_in_time"]["value"] == 0.5
    assert (answer["wait_median_s"]["low"], answer["wait_median_s"]["high"]) == (1000.0, 1150.0)
    assert (answer["wait_p90_s"]["low"], answer["wait_p90_s"]["value"], answer["wait_p90_s"]["high"]) == (
        1800,
        2000,
        2500,
    )


def waits_of(means):
    answer = as_json(kpi.build(Shop(COUNTS, means=means), Options(NOW)))["figures"]
    return {figure["figure"]: figure for figure in answer if figure["figure"].startswith("wait_")}


def test_waits_of_centers_that_differ_are_less_certain():
    """Student's t over three means of equal weight: 4.303 standard errors, where orders alone need 1.984."""
    waits = waits_of({"A": 1000.0, "B": 1200.0, "C": 1400.0})

    assert waits["wait_mean_s"]["value"] == 1200
    assert waits["wait_mean_s"]["high"] - 1200 == pytest.approx(4.302653 * 200 / math.sqrt(3))
    assert waits["wait_mean_s"]["orders_high"] - 1200 == pytest.approx(1.984467 * 300 / math.sqrt(99))
    assert (waits["wait_mean_s"]["centers"], waits["wait_mean_s"]["method"]) == (3, "t-centers")
    assert (waits["wait_median_s"]["low"], waits["wait_median_s"]["high"]) == (900, 1250)
    assert (waits["wait_median_s"]["orders_low"], waits["wait_median_s"]["orders_high"]) == (1000, 1150)


def test_centers_that_are_alike_make_nothing_more_certain():
    waits = waits_of(dict.fromkeys("ABC", 1200.0))

    assert waits["wait_mean_s"]["low"] == waits["wait_mean_s"]["orders_low"] < 1200


def test_of_one_center_the_interval_is_that_of_its_orders():
    waits = waits_of({"A": 1200.0})

    assert (waits["wait_mean_s"]["method"], waits["wait_median_s"]["method"]) == ("t", "order-statistics")
    assert waits["wait_mean_s"]["centers"] is None and waits["wait_mean_s"]["orders_low"] is None
    assert (waits["wait_median_s"]["low"], waits["wait_median_s"]["high"]) == (1000, 1150)


def test_every_figure_brings_its_definition_version_unit_and_method():
    for figure in figures().values():
        assert len(figure["definition"]) > 20 and figure["version"] >= 1 and figure["unit"]
        assert (figure["low"] is None) == (figure["no_interval"] is not None), figure["figure"]


def test_an_empty_shop_has_all_figures_without_a_value():
    report = kpi.build(Shop(), Options(NOW))

    assert len(report.figures) == 31
    assert {(figure.value or None, figure.n) for figure in report.figures} == {(None, 0)}


def test_targets_are_judged_by_interval():
    answer = figures({"targets": {"nps": 69, "ftfr": 0.95, "wait_mean_s": 1300}})

    assert answer["nps"]["status"] == "not_distinguishable"
    assert answer["ftfr"]["status"] == answer["ftfr_confirmed"]["status"] == "missed"
    assert answer["ftfr"]["judged_on"] == "ftfr_confirmed", "failures of young orders are known before successes"
    assert answer["wait_mean_s"]["status"] == "met"
    assert answer["stockout_rate"]["status"] is None and answer["stockout_rate"]["target"] is None


def complaints(before, after):
    """Status of complaints against half of what they were, at 10,000 handed-off orders in both periods."""
    shops = {
        "before": Shop({**COUNTS, "closed": 10_000, "handed_off": 10_000, "complaints": before}),
        "after": Shop({**COUNTS, "closed": 10_000, "handed_off": 10_000, "complaints": after}),
    }
    targets = targets_of(
        {
            "period": [{"name": "before", "to": date(2026, 8, 16)}, {"name": "after", "from": date(2026, 8, 17)}],
            "targets": {"complaints_per_100": {"times": 0.5, "of": "before"}},
        }
    )

    def ask(query, /, **parameters):
        return shops["after" if parameters.get("since") else "before"](query, **parameters)

    answer = as_json(kpi.build(ask, Options(NOW, targets=targets)))["figures"]
    return {figure["period"]: figure for figure in answer if figure["figure"] == "complaints_per_100"}


def test_a_target_of_half_as_many_complaints_reckons_with_the_chance_in_both_counts():
    assert complaints(400, 100)["after"]["status"] == "met"
    assert complaints(400, 190)["after"]["status"] == "not_distinguishable"
    assert complaints(400, 350)["after"]["status"] == "missed"
    assert complaints(400, 190)["after"]["target"] == 2.0
    assert complaints(400, 190)["before"]["status"] is None


def test_the_target_of_first_time_fix_takes_no_notice_of_young_orders():
    """95 % of 900 young orders beside 75 % of 60 confirmed ones: the target of 90 % is not met by the former."""
    young = {**COUNTS, "judged": 960, "fixed": 900, "orders": 1000, "closed": 990, "handed_off": 980}
    answer = figures({"targets": {"ftfr": 0.9}}, young)

    assert answer["ftfr"]["value"] > 0.93 and answer["ftfr"]["status"] == "missed"


def test_shares_of_centers_that_differ_are_less_certain():
    of_center = {"judged": 30, "fixed": 24, "scores": 17, "promoters": 14, "detractors": 2, "handed_off": 33}
    shop = Shop(COUNTS, means={"A": 1200.0, "B": 1200.0}, of_center=of_center)
    answer = {figure["figure"]: figure for figure in as_json(kpi.build(shop, Options(NOW)))["figures"]}

    assert answer["ftfr"]["centers"] == 2 and answer["ftfr"]["method"] == "wilson-centers"
    assert answer["ftfr"]["low"] <= answer["ftfr"]["orders_low"]
    assert answer["nps"]["method"] == "adjusted-wald-centers"


def test_a_cut_has_one_set_of_figures_for_each_key():
    shop = Shop({**COUNTS, "key": "quick"}, {**COUNTS, "key": None, "waits": 0, "wait_mean_s": None})
    report = kpi.build(shop, Options(NOW, by="lane"))

    assert {(figure.by, figure.key) for figure in report.figures} == {("lane", "quick"), ("lane", None)}
    ranks = next(parameters["ranks"] for query, parameters in shop.queries if query == "kpi_wait_ranks")
    assert ranks.keys() == {"quick"}, "no waits, nothing to look up"


# Periods


def asked_for(period, **options):
    return resolve(period, Options(NOW, **options), SPAN, CENTERS)


def test_a_period_of_last_days_ends_with_the_last_handoff():
    conditions = asked_for(Period("now", Bilingual("", ""), last_days=28))

    assert (conditions.since, conditions.until, conditions.days) == (date(2026, 10, 12), None, 28)


def test_from_and_to_narrow_every_period():
    period = Period("p", Bilingual("", ""), since=date(2026, 8, 1), until=date(2026, 8, 31))
    parameters = asked_for(period, since=date(2026, 8, 10), until=date(2026, 12, 1))

    assert (parameters.since, parameters.until, parameters.days) == (date(2026, 8, 10), date(2026, 8, 31), 22)


def test_a_wave_is_its_centers_and_one_without_centers_is_nobody():
    assert asked_for(Period("w", Bilingual("", ""), waves=(1, 2))).centers == ("A", "B")
    assert asked_for(Period("w", Bilingual("", ""), waves=(9,))).centers == ("",)
    assert asked_for(Period("c", Bilingual("", ""), centers=("X",))).centers == ("X",)


def test_before_and_after_the_rollout_have_their_days():
    assert asked_for(Period("b", Bilingual("", ""), rollout="before")).last == date(2026, 9, 6)
    assert asked_for(Period("a", Bilingual("", ""), rollout="after", waves=(2,))).first == date(2026, 9, 7)


def test_days_of_weeks_and_months_are_those_with_handoffs():
    period = ResolvedPeriod("p", Bilingual("", ""), None, None, (), None, date(2026, 7, 8), date(2026, 8, 3))

    assert bucket_days("month", "2026-07", period) == 24 and bucket_days("month", "2026-08", period) == 3
    assert bucket_days("week", "2026-07-06", period) == 5 and bucket_days("day", "2026-07-08", period) == 1
    assert bucket_days("month", "2026-09", period) == 0


# Files and options


def test_the_example_of_targets_can_be_read():
    targets = read_targets(EXAMPLES / "targets.toml")

    assert targets.values == {"nps": 90, "ftfr": 0.95, "wait_mean_s": 900} and targets.time_zone == "Asia/Shanghai"
    assert [period.name for period in targets.periods] == ["before", "pilot", "now"]


@pytest.mark.parametrize(
    ("text", "error_text"),
    [
        ("[targets]\nnpss = 90", "no figure npss"),
        ('[targets]\nnps = "90"', "targets.nps is a number"),
        ("[targets]\nnps = true", "targets.nps is a number"),
        ('[targets]\nnps = {times = 2, of = "x"}', "only complaints_per_100"),
        ('[targets]\ncomplaints_per_100 = {times = 2, of = "x"}', "a period's name"),
        ('time_zone = "Mars/Olympus"', "no time zone"),
        ("[[period]]\nfrom = 2026-01-01", "no name"),
        ('[[period]]\nname = "a"\nsince = 2026-01-01', "no key since"),
        ('[[period]]\nname = "a"\nfrom = "2026-01-01"', "from is a day"),
        ('[[period]]\nname = "a"\nfrom = 2026-01-01T00:00:00', "from is a day"),
        ('[[period]]\nname = "a"\nfrom = 2026-01-02\nto = 2026-01-01', "lies before"),
        ('[[period]]\nname = "a"\nrollout = "during"', "rollout is"),
        ('[[period]]\nname = "a"\n[[period]]\nname = "a"', "same name"),
        ("[targets", "targets.toml"),
    ],
)
def test_a_file_of_targets_that_cannot_be_meant_says_why(tmp_path, text, error_text):
    file = tmp_path / "targets.toml"
    file.write_text(text)

    with pytest.raises(ExitError, match=error_text):
        read_targets(file)


def test_options_that_cannot_be_meant_are_refused():
    assert parse_day("2026-07-06", "--from") == date(2026, 7, 6) and parse_day(None, "--from") is None
    with pytest.raises(ExitError, match="--from is a day"):
        parse_day("yesterday", "--from")
    with pytest.raises(ExitError, match="--to 2026-07-05 lies before --from 2026-07-06"):
        parse_days("2026-07-06", "2026-07-05")
    with pytest.raises(ExitError, match="--by is one of"):
        check_cut("technician")
    with pytest.raises(ExitError, match="for report kpi"):
        refuse_cut("parts", Options(NOW, by="lane"))
