"""The answer of `fixtrail whatif` as a report, or the refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fixtrail.reports.report import Bilingual, Column, Figure, Report, Sheet
from fixtrail.whatif.changes import COUNTS, LANES, NO_QUICK_LANE, SCALES, STOCKOUT, WhatIfChange
from fixtrail.whatif.effect import WhatIfEffects
from fixtrail.whatif.history import WhatIfHistory
from fixtrail.whatif.lever_sheets import lever_sheets
from fixtrail.whatif.proof import Proof
from fixtrail.whatif.usage import pools_of
from fixtrail.whatif.words import DEFINITIONS, FIGURES, METHODS, POOLS, QUESTION, REFUSALS, TITLE

_FIGURE_OF = {"mean_s": "whatif_wait_mean_s", "p90_s": "whatif_wait_p90_s"}
_FIGURE = Column("figure", Bilingual("指标", "figure"), words=FIGURES)
_PROOF = (
    _FIGURE,
    Column("observed_s", Bilingual("实际", "as it was"), "minutes"),
    Column("modelled_s", Bilingual("模型", "as modelled"), "minutes"),
    Column("low_s", Bilingual("区间下限", "from"), "minutes"),
    Column("high_s", Bilingual("区间上限", "to"), "minutes"),
    Column("holds", Bilingual("落在区间内", "within")),
)
_WAITS = (
    _FIGURE,
    Column("observed", Bilingual("历史", "history"), "number"),
    Column("before", Bilingual("模型，无变化", "modelled, as it is"), "number"),
    Column("after", Bilingual("模型，有变化", "modelled, with the change"), "number"),
    Column("change", Bilingual("变化", "change"), "number"),
    Column("low", Bilingual("自", "from"), "number"),
    Column("high", Bilingual("至", "to"), "number"),
    Column("unit", Bilingual("单位", "unit")),
)
_INPUTS = (
    Column("pool", Bilingual("技师池", "people"), words=POOLS),
    Column("technicians", Bilingual("日均技师", "technicians a day"), "number"),
    Column("bays", Bilingual("工位", "bays"), "number"),
    Column("cars", Bilingual("日均车辆", "cars a day"), "number"),
    Column("work_s", Bilingual("每车作业", "work a car"), "minutes"),
    Column("used", Bilingual("作业占在岗时间", "share of their time used"), "share"),
    Column("used_after", Bilingual("有变化时", "with the change"), "share"),
)


@dataclass(frozen=True, slots=True)
class WhatIfAnswer:
    """The answer; it has no effects where the question was refused."""

    history: WhatIfHistory
    change: WhatIfChange
    scope: Mapping[str, Any]
    proof: Proof
    effects: WhatIfEffects | None = None


def refusal_of(proof: Proof) -> Bilingual:
    """Why there is no answer, in a sentence."""
    detail, words = dict(proof.detail or {}), REFUSALS[proof.refusal]
    texts = []
    for text, locale in ((words.zh, "zh-CN"), (words.en, "en")):
        names = {**FIGURES, **POOLS}
        named = {
            "name" if key == "figure" else key: names[str(value)].in_locale(locale)  # type: ignore[arg-type]
            if key in ("figure", "pool")
            else value
            for key, value in detail.items()
        }
        texts.append(text.format(**named))
    return Bilingual(*texts)


def report_of(answer: WhatIfAnswer) -> Report:
    """The report, also of a refusal, which it says as its first method."""
    sheets = [_inputs(answer), *lever_sheets(answer.history, answer.change)]
    if answer.proof.bands:
        sheets.append(_proof(answer.proof))
    figures: tuple[Figure, ...] = ()
    change = change_text(answer.change)
    scope = {**answer.scope, "change": change, "days_with_shifts": answer.history.duty.planned_days}
    methods: tuple[Bilingual, ...] = METHODS
    if answer.effects is None:
        refusal = refusal_of(answer.proof)
        scope |= {"refused": answer.proof.refusal, "reason": refusal}
        methods = (Bilingual(f"不作答：{refusal.zh}", f"No answer: {refusal.en}"), *METHODS)
    else:
        figures = tuple(_figures(answer, answer.effects))
        sheets.insert(0, _waits(answer, answer.effects))
    title = Bilingual(f"{TITLE.zh}：{change.zh}", f"{TITLE.en}: {change.en}")
    return Report("whatif", title, QUESTION, scope, figures, tuple(sheets), (), methods, DEFINITIONS)


def change_text(change: WhatIfChange) -> Bilingual:
    parts = [(f"{number:+d}", COUNTS[name]) for name, number in change.counts.items()]
    parts += [(f"{100 * (factor - 1):+g} %", SCALES[name]) for name, factor in change.factors.items()]
    texts = [Bilingual(f"{words.zh} {by}", f"{by} {words.en}") for by, words in parts]
    if change.stockout is not None:
        rate = f"{100 * change.stockout:g} %"
        texts.append(Bilingual(f"{STOCKOUT.zh} {rate}", f"{STOCKOUT.en} {rate}"))
    if not change.has_quick_lane:
        texts.append(NO_QUICK_LANE)
    return Bilingual("，".join(text.zh for text in texts), ", ".join(text.en for text in texts))


def left_out(history: WhatIfHistory) -> dict[str, int]:
    """How many orders of the history are not among those whose wait counts, by reason."""
    closed = sum(visit.is_counted for visit in history.visits)
    open_orders = len(history.arrivals) - len(history.visits)
    reasons = {"open": open_orders, "cancelled": len(history.visits) - closed, **history.records.left_out}
    return {name: number for name, number in reasons.items() if number}


def _figures(answer: WhatIfAnswer, effects: WhatIfEffects) -> Sequence[Figure]:
    n = sum(visit.is_counted for visit in answer.history.visits)
    reasons = left_out(answer.history)
    return [
        Figure(
            _FIGURE_OF[name],
            effect.change,
            n,
            n + sum(reasons.values()),
            effect.interval,
            method="paired-runs",
            left_out=reasons,
        )
        for name, effect in effects.of.items()
    ]


def _waits(answer: WhatIfAnswer, effects: WhatIfEffects) -> Sheet:
    observed = _observed(answer.history)
    rows = []
    for name, effect in effects.of.items():
        values = {
            "observed": observed[name],
            "before": effect.before,
            "after": effect.after,
            "change": effect.change,
            **effect.interval.cells(),
        }
        rows.append({"figure": name, **{k: v / 60.0 for k, v in values.items() if v is not None}, "unit": "min"})
    title = Bilingual("等待：历史、模型、有此变化", "Waits: as they were, as modelled, and with the change")
    return Sheet("waits", title, _WAITS, tuple(rows))


def _observed(history: WhatIfHistory) -> dict[str, float]:
    from fixtrail.whatif.runs import waits_of

    counted = [arrival for arrival in history.arrivals if arrival.is_handed_off]
    waits = waits_of([arrival.wait_s for arrival in counted], [arrival.day for arrival in counted])
    return {"mean_s": waits.mean_s, "p90_s": waits.p90_s}


def _proof(proof: Proof) -> Sheet:
    rows = tuple(
        {
            "figure": band.figure,
            "observed_s": band.observed,
            "modelled_s": band.modelled,
            "low_s": band.low,
            "high_s": band.high,
            "holds": band.holds,
        }
        for band in proof.bands
    )
    title = Bilingual(
        f"自证：最近 8 周的 {proof.n_proof} 辆，模型来自之前的 {proof.n_fit} 辆",
        f"The proof: {proof.n_proof} visits of the last 8 weeks, by a model of the {proof.n_fit} before them",
    )
    return Sheet("proof", title, _PROOF, rows)


def _inputs(answer: WhatIfAnswer) -> Sheet:
    rows = tuple(
        {
            "pool": "all" if answer.history.technicians.is_shared else LANES[pool.number],
            "technicians": pool.technicians,
            "bays": pool.bays,
            "cars": pool.cars,
            "work_s": pool.work_s,
            "used": pool.used,
            "used_after": pool.used_after,
        }
        for pool in pools_of(answer.history, answer.change)
    )
    return Sheet("inputs", Bilingual("取自历史", "Taken from the history"), _INPUTS, rows)
