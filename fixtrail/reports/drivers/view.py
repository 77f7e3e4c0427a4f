"""Report `drivers` as tables, pictures and words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import exp
from typing import TYPE_CHECKING, Any

from fixtrail.reports.drivers.association import MOST_ROWS, Association, Model
from fixtrail.reports.drivers.visits import DRIVERS, NAMES
from fixtrail.reports.report import Column, Locale, Sheet, Words
from fixtrail.reports.stats.correlation import Estimate

STEPS = {driver.per.en: driver.per for driver in DRIVERS.values()}
MODEL_NAMES = {
    "together": Words("等待合计", "wait as a whole"),
    "wait_by_cause": Words("等待按原因", "wait by cause"),
}
REASONS = {
    "few_data": Words("数据太少", "too few data"),
    "constant": Words("没有差异", "it never differs"),
    "collinear": Words("由其他因素决定", "the others determine it"),
    "separation": Words("完全分离：系数无限大", "it tells scores apart without exception: no finite coefficient"),
    "not_converged": Words("未收敛", "the search did not converge"),
}

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture


def correlation_sheet(found: Sequence[Association]) -> Sheet:
    columns = (
        Column("driver", Words("因素", "driver"), words=NAMES),
        Column("n", Words("可用工单", "n"), "count"),
        Column("n_all", Words("全部工单", "n of all"), "count"),
        Column("no_score", Words("无评分", "without score"), "count"),
        Column("score_but_no_driver", Words("有评分但因素未知", "scored, driver unknown"), "count"),
        *_estimate_columns("pearson", Words("皮尔逊 r", "Pearson r")),
        *_estimate_columns("spearman", Words("斯皮尔曼 ρ", "Spearman rho")),
        *_estimate_columns("change", Words("评分变化", "score change")),
        Column("per", Words("变化单位", "change per"), words=STEPS),
        Column("not_estimable", Words("无法估计的原因", "not estimable because"), words=REASONS),
    )
    return Sheet(
        "correlations",
        Words("逐一看：每个因素与评分", "One at a time: each driver and the score"),
        columns,
        tuple(_association_row(each) for each in found),
        Words(
            "相关不等于因果；因素彼此重叠，见下一张表。",
            "Correlation is not cause, and these overlap: the next table takes them together.",
        ),
    )


def model_sheet(fitted: Sequence[Model]) -> Sheet:
    columns = (
        Column("model", Words("模型", "model"), words=MODEL_NAMES),
        Column("driver", Words("因素", "driver"), words=NAMES),
        Column("per", Words("单位", "per"), words=STEPS),
        *_estimate_columns("log_odds", Words("评分更低的对数优势", "log-odds of a lower score")),
        Column("odds_ratio", Words("优势比", "odds ratio"), "number"),
        Column("n", Words("可用工单", "n"), "count"),
        Column("n_scored", Words("有评分", "n scored"), "count"),
        Column("adjusted_for", Words("已校正", "adjusted for")),
        Column("not_estimable", Words("无法估计的原因", "not estimable because"), words=REASONS),
    )
    return Sheet(
        "model",
        Words("一起看：有序模型", "All together: ordinal model"),
        columns,
        tuple(row for each in fitted for row in _model_rows(each)),
        Words(
            "正值把评分拉低；每个因素都在其余因素不变时计。",
            "A positive number pulls scores down; each driver counts with the others held fixed.",
        ),
    )


def definition_sheet(names: Sequence[str] = tuple(DRIVERS)) -> Sheet:
    """What each driver means, in both languages."""
    columns = (
        Column("driver", Words("因素", "driver")),
        Column("title_zh", Words("名称", "name (Chinese)")),
        Column("title_en", Words("英文名称", "name")),
        Column("definition_zh", Words("定义", "definition (Chinese)")),
        Column("definition_en", Words("英文定义", "definition")),
    )
    rows = tuple(
        {
            "driver": name,
            "title_zh": DRIVERS[name].title.zh,
            "title_en": DRIVERS[name].title.en,
            "definition_zh": DRIVERS[name].text.zh,
            "definition_en": DRIVERS[name].text.en,
        }
        for name in names
    )
    return Sheet("definitions", Words("因素的定义", "What each driver means"), columns, rows)


def methods(longest_wait_min: float, intervals: int) -> tuple[Words, ...]:
    """How it was computed; `intervals` is how many there are on the page."""
    by_chance = max(1, round(intervals / 20))
    return (
        Words(
            f"本页有 {intervals} 个区间，各自成立：即使什么都没有，约二十分之一"
            f"（此处约 {by_chance} 个）也会碰巧不含 0。",
            f"There are {intervals} intervals on this page, and each holds by itself: where there is nothing at all, "
            f"one in twenty, here about {by_chance}, excludes 0 by chance.",
        ),
        Words(
            "范围：时段内已交车的工单；每个相关系数只用评分与该因素都已知的工单，缺失数量列在旁边。",
            "Scope: orders handed off in the period. Each correlation uses the orders of which score and driver are "
            "known; how many lack either stands beside it.",
        ),
        Words(
            "皮尔逊 r：Fisher z 变换，标准误取自 r 的影响函数，不假定正态；教科书区间（1/√(n−3)）另列，"
            "评分拥挤在 9–10 分时它偏窄。",
            "Pearson r: Fisher's z with the standard error of r's influence function, which supposes no normal "
            "distribution. The textbook's 1/sqrt(n - 3) is too narrow for scores that crowd at 9 and 10; it is given "
            "beside it.",
        ),
        Words(
            "斯皮尔曼 ρ：并列取平均秩，Fisher z，方差 (1+ρ²/2)/(n−3)（Bonett 与 Wright，2000）。",
            "Spearman rho: ties at their mean rank, Fisher's z with variance (1 + rho^2/2)/(n - 3) "
            "(Bonett and Wright 2000).",
        ),
        Words(
            "评分变化：最小二乘直线，HC3 标准误；等待不截断。",
            "Score change: least-squares line, HC3 standard errors; waits as they are.",
        ),
        Words(
            "模型：比例优势有序 logit（statsmodels OrderedModel），按中心、通道、故障来源校正；"
            f"等待超过 {longest_wait_min:g} 分钟按此计；没有批准金额按未超报价计、从未完工按未失约计，各有单独一列；"
            f"超过 {MOST_ROWS:,} 个工单时取固定随机样本。区间为 Wald 95%。",
            "Model: proportional-odds ordinal logit (statsmodels OrderedModel), adjusted for center, lane and fault "
            f"origin; waits over {longest_wait_min:g} min count as that; orders without an approved amount count as on "
            "quote, cars that never were ready as on time, each with a column of its own; of more than "
            f"{MOST_ROWS:,} orders a fixed random sample. Wald 95 % intervals.",
        ),
        Words(
            "一次修复只用交车满 30 天的工单：否则失败先于成功被计入。",
            "First-time fix is taken of orders handed off more than 30 days ago: sooner, failures are known before "
            "successes.",
        ),
    )


def _estimate_columns(name: str, title: Words) -> tuple[Column, ...]:
    return (
        Column(name, title, "number"),
        Column(f"{name}_low", Words(f"{title.zh} 下限", f"{title.en} low"), "number"),
        Column(f"{name}_high", Words(f"{title.zh} 上限", f"{title.en} high"), "number"),
    )


def _said(name: str, estimate: Estimate) -> dict[str, Any]:
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
        f"{name}_method": estimate.method,
    }


def _association_row(each: Association) -> dict[str, Any]:
    return {
        "driver": each.driver.name,
        "n": each.n,
        "n_all": each.n_all,
        "no_score": each.no_score,
        "score_but_no_driver": each.score_but_no_driver,
        **_said("pearson", each.pearson),
        **_said("spearman", each.spearman),
        **_said("change", each.change),
        "per": each.driver.per.en,
        "not_estimable": each.pearson.reason,
        "pearson_textbook_low": each.textbook.low,
        "pearson_textbook_high": each.textbook.high,
    }


def _model_rows(each: Model) -> Iterator[dict[str, Any]]:
    for name, found in each.fit.drivers.items():
        yield {
            "model": each.name,
            "driver": name,
            "per": DRIVERS[name].per.en,
            **_said("log_odds", found),
            "odds_ratio": None if found.value is None else exp(found.value),
            "n": each.used,
            "n_scored": each.scored,
            "adjusted_for": list(each.fit.adjusted_for),
            "not_estimable": found.reason,
        }


def draw_correlations(found: Sequence[Association], locale: Locale) -> Picture:
    labels = [each.driver.title.said(locale) for each in found]
    series = (
        (Words("皮尔逊 r", "Pearson r"), [each.pearson for each in found]),
        (Words("斯皮尔曼 ρ", "Spearman rho"), [each.spearman for each in found]),
    )
    return forest(
        labels,
        [(words.said(locale), estimates) for words, estimates in series],
        Words("与评分的相关系数，95% 区间", "correlation with the score, 95 % interval").said(locale),
    )


def draw_model(fitted: Sequence[Model], locale: Locale) -> Picture:
    chosen: dict[str, Estimate] = {}
    for each in fitted:
        chosen = {**each.fit.drivers, **chosen}
    names = [name for name in DRIVERS if name in chosen]
    labels = [f"{DRIVERS[name].title.said(locale)} ({DRIVERS[name].per.said(locale)})" for name in names]
    axis = Words("评分更低的对数优势，95% 区间", "log-odds of a lower score, 95 % interval").said(locale)
    return forest(labels, [("", [chosen[name] for name in names])], axis)


def forest(labels: Sequence[str], series: Sequence[tuple[str, Sequence[Estimate]]], axis: str) -> Picture:
    """A line for each label, for each series a point with its interval; what is not estimable has no point."""
    from fixtrail.reports.forms.pictures import COLOURS, MUTED, picture

    made, axes = picture(8.0, 0.9 + 0.42 * len(labels))
    axes.axvline(0, color=MUTED, linewidth=1)
    for number, (title, estimates) in enumerate(series):
        lift = (number - (len(series) - 1) / 2) * 0.24
        for place, each in enumerate(estimates):
            if each.value is not None and each.low is not None and each.high is not None:
                axes.plot([each.low, each.high], [place + lift] * 2, color=COLOURS[number], linewidth=2)
                axes.plot([each.value], [place + lift], "o", color=COLOURS[number], markersize=5)
        if title:
            axes.plot([], [], "o-", color=COLOURS[number], label=title)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(axis)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=9)
    return made
