"""`fixtrail whatif` against a queue written apart from it: it recovers what one technician more does, or refuses.

The quick tests play two seeds; the proof of fifty is `make test-long`.
"""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.whatif import trial, unfit
from fixtrail.reports.forms.document import as_json
from fixtrail.whatif.changes import WhatIfChange, parse_changes
from fixtrail.whatif.command import WhatIfRequest, answer_of
from fixtrail.whatif.effect import effects_of
from fixtrail.whatif.report import WhatIfAnswer, report_of
from fixtrail.whatif.usage import check_change
from runtime.failure import USAGE, ExitError
from tests.whatif_history import Workshop, history, holds, mean_wait

ONE_MORE = parse_changes(["technicians=+1"])
BUSY = Workshop()
TRUE_SEEDS = range(1000, 1200)
RUNS = 20


def answer(shop: Workshop, seed: int, change: WhatIfChange = ONE_MORE, runs: int = RUNS) -> WhatIfAnswer:
    return answer_of(history(shop, seed), WhatIfRequest(change, runs, seed), {})


def true_effect(seeds: range) -> float:
    """What one technician more does to the mean wait (s), over so many independent runs of the other queue."""
    return float(np.mean([mean_wait(replace(BUSY, technicians=4), s) - mean_wait(BUSY, s) for s in seeds]))


@pytest.mark.long
def test_it_recovers_what_the_simulator_has_planted_and_refuses_what_changed_over():
    """The center of benchmarks.whatif: every event through the rules, with its flaws, two lanes, parts and bays."""
    trials = [trial(seed) for seed in range(1, 51)]
    effect = float(np.mean([trial.after.mean_s - trial.before.mean_s for trial in trials]))

    recovered = [
        trial.changes["mean_s"][1] <= effect <= trial.changes["mean_s"][2] for trial in trials if trial.changes
    ]

    assert sum(recovered) >= 45
    assert all(unfit(seed) for seed in range(1, 6))


def test_the_simulated_center_of_the_proof_has_an_answer():
    assert trial(1).changes


@pytest.fixture(scope="module")
def answers() -> list[WhatIfAnswer]:
    """One technician more, of two seeds."""
    return [answer(BUSY, seed) for seed in (2, 3)]


def test_it_recovers_what_a_technician_more_does(answers: list[WhatIfAnswer]):
    effect = true_effect(TRUE_SEEDS[:30])

    assert all(holds(outcome, effect) for outcome in answers)
    for result in answers:
        assert result.effects is not None
        high = result.effects.of["p90_s"].interval.high
        assert high is not None and high < 0


@pytest.mark.long
def test_it_recovers_what_a_technician_more_does_in_nine_of_ten_of_fifty_seeds():
    effect = true_effect(TRUE_SEEDS)

    recovered = [holds(answer(BUSY, seed, runs=40), effect) for seed in range(1, 51)]

    assert sum(recovered) >= 45


def test_the_same_seed_gives_the_same_answer():
    past = history(BUSY, 3)

    first, second, another_seed = (effects_of(past, ONE_MORE, 3, seed) for seed in (1, 1, 2))

    assert first == second != another_seed


def test_without_the_change_the_model_repeats_the_history(answers: list[WhatIfAnswer]):
    for result in answers:
        waits = {row["figure"]: row for row in report_of(result).sheet("waits").rows}
        assert waits["mean_s"]["before"] == pytest.approx(waits["mean_s"]["observed"], rel=0.1)


def changed_over(week: int, _cars: int) -> float:
    """The cars' own delays are halved with the fourth week before the end."""
    return 8.0 if week < 10 else 4.0


def hidden_bottleneck(_week: int, cars: int) -> float:
    """On days of many cars they wait for something that no event names."""
    return 60.0 if cars > 17 else 1.0


def test_a_workshop_that_changed_over_lately_is_refused():
    result = answer(Workshop(technicians=5, delay_min=changed_over), 1)

    assert result.proof.refusal == "does_not_fit"
    document = as_json(report_of(result))
    assert document["figures"] == []
    assert document["scope"]["refused"] == "does_not_fit"
    assert "the model does not fit the last 8 weeks: mean wait was" in document["scope"]["reason"]["en"]
    assert [row["figure"] for row in document["tables"]["proof"]] == ["mean_s", "p90_s", "busy_s"]
    assert not document["tables"]["proof"][0]["holds"]


def test_waits_that_grow_on_busy_days_without_a_queue_for_people_are_refused():
    """Mean and 90th percentile alone would be met: the delays are the same in all weeks."""
    result = answer(Workshop(technicians=8, delay_min=hidden_bottleneck), 1)

    bands = {band.figure: band for band in result.proof.bands}
    assert result.proof.refusal == "does_not_fit"
    assert bands["mean_s"].holds
    assert not bands["busy_s"].holds


def test_a_history_that_names_no_technician_is_refused():
    assert answer(Workshop(names_technicians=False), 1).proof.refusal == "no_technicians"


def test_eleven_weeks_are_too_few():
    result = answer(Workshop(weeks=11), 1)

    assert result.proof.refusal == "too_little"
    reason = report_of(result).scope["reason"]
    assert reason.en.startswith("too little history: ")
    assert "in 3.0 weeks before the last 8" in reason.en


def test_a_technician_less_than_the_work_takes_is_refused():
    result = answer(replace(BUSY, technicians=3), 3, parse_changes(["technicians=-2"]))

    assert result.proof.refusal == "overload"
    assert "the queue grows without end" in report_of(result).scope["reason"].en


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("technicians=-3", "technicians: there are at most 3; at least one has to remain"),
        ("quick_technicians=+1", "quick_technicians: the lanes share them here; say technicians"),
        ("bays=+1", "bays: no event names its bay here"),
    ],
)
def test_a_change_that_this_center_cannot_have_is_wrong_usage(change: str, reason: str):
    with pytest.raises(ExitError, match=reason) as refusal:
        check_change(history(BUSY, 3), parse_changes([change]))

    assert refusal.value.exit_code == USAGE


def test_the_intervals_and_all_that_is_left_out_stand_beside_the_change(answers: list[WhatIfAnswer]):
    report = report_of(answers[0])

    figures = {figure.figure: figure for figure in report.figures}
    assert set(figures) == {"whatif_wait_mean_s", "whatif_wait_p90_s"}
    for figure in report.figures:
        low, high = figure.interval.low, figure.interval.high
        assert low is not None and high is not None and figure.value is not None
        assert low < figure.value < high
        assert figure.n is not None and figure.n_all is not None
        assert figure.n == figure.n_all - sum(figure.left_out.values())
    assert report.title.en == "What if: +1 technicians of the standard lane, or of all"
    assert report.title.zh == "假如：标准通道技师（未分通道时为全部） +1"
