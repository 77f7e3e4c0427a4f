"""Report `drivers` as tables, pictures and words."""

from collections.abc import Iterator, Sequence
from math import exp
from typing import Any

from fixtrail.reports.drivers.association import MOST_ROWS, Association, ScoreModel
from fixtrail.reports.drivers.visits import DRIVERS, NAMES
from fixtrail.reports.report import Bilingual, Column, Locale, Picture, Sheet
from fixtrail.reports.stats.correlation import IntervalEstimate

STEPS = {driver.per.en: driver.per for driver in DRIVERS.values()}
MODEL_NAMES = {
    "together": Bilingual("等待合计", "wait as a whole"),
    "wait_by_cause": Bilingual("等待按原因", "wait by cause"),
}
REASONS = {
    "few_data": Bilingual("数据太少", "too few data"),
    "constant": Bilingual("没有差异", "it never differs"),
    "collinear": Bilingual("由其他因素决定", "the others determine it"),
    "separation": Bilingual("完全分离：系数无限大", "it tells scores apart without exception: no finite coefficient"),
    "not_converged": Bilingual("未收敛", "the search did not converge"),
}


def correlation_sheet(associations: Sequence[Association]) -> Sheet:
    columns = (
        Column("driver", Bilingual("因素", "driver"), words=NAMES),
        Column("n", Bilingual("可用工单", "n"), "count"),
        Column("n_all", Bilingual("全部工单", "n of all"), "count"),
        Column("no_score", Bilingual("无评分", "without score"), "count"),
        Column("score_but_no_driver", Bilingual("有评分但因素未知", "scored, driver unknown"), "count"),
        *_estimate_columns("pearson", Bilingual("皮尔逊 r", "Pearson r")),
        *_estimate_columns("spearman", Bilingual("斯皮尔曼 ρ", "Spearman rho")),
        *_estimate_columns("change", Bilingual("评分变化", "score change")),
        Column("per", Bilingual("变化单位", "change per"), words=STEPS),
        Column("not_estimable", Bilingual("无法估计的原因", "not estimable because"), words=REASONS),
    )
    return Sheet(
        "correlations",
        Bilingual("逐一看：每个因素与评分", "One at a time: each driver and the score"),
        columns,
        tuple(_association_row(association) for association in associations),
        Bilingual(
            "相关不等于因果；因素彼此重叠，见下一张表。",
            "Correlation is not cause, and these overlap: the next table takes them together.",
        ),
    )


def model_sheet(models: Sequence[ScoreModel]) -> Sheet:
    columns = (
        Column("model", Bilingual("模型", "model"), words=MODEL_NAMES),
        Column("driver", Bilingual("因素", "driver"), words=NAMES),
        Column("per", Bilingual("单位", "per"), words=STEPS),
        *_estimate_columns("log_odds", Bilingual("评分更低的对数优势", "log-odds of a lower score")),
        Column("odds_ratio", Bilingual("优势比", "odds ratio"), "number"),
        Column("n", Bilingual("可用工单", "n"), "count"),
        Column("n_scored", Bilingual("有评分", "n scored"), "count"),
        Column("adjusted_for", Bilingual("已校正", "adjusted for")),
        Column("not_estimable", Bilingual("无法估计的原因", "not estimable because"), words=REASONS),
    )
    return Sheet(
        "model",
        Bilingual("一起看：有序模型", "All together: ordinal model"),
        columns,
        tuple(row for model in models for row in _model_rows(model)),
        Bilingual(
            "正值把评分拉低；每个因素都在其余因素不变时计。",
            "A positive number pulls scores down; each driver counts with the others held fixed.",
        ),
    )


def definition_sheet() -> Sheet:
    """What each driver means, in both languages."""
    columns = (
        Column("driver", Bilingual("因素", "driver")),
        Column("title_zh", Bilingual("名称", "name (Chinese)")),
        Column("title_en", Bilingual("英文名称", "name")),
        Column("definition_zh", Bilingual("定义", "definition (Chinese)")),
        Column("definition_en", Bilingual("英文定义", "definition")),
    )
    rows = tuple(
        {
            "driver": name,
            "title_zh": driver.title.zh,
            "title_en": driver.title.en,
            "definition_zh": driver.text.zh,
            "definition_en": driver.text.en,
        }
        for name, driver in DRIVERS.items()
    )
    return Sheet("definitions", Bilingual("因素的定义", "What each driver means"), columns, rows)


def methods(longest_wait_min: float, intervals: int) -> tuple[Bilingual, ...]:
    """How it was computed; `intervals` is how many there are on the page."""
    by_chance = max(1, round(intervals / 20))
    return (
        Bilingual(
            f"本页有 {intervals} 个区间，各自成立：即使什么都没有，约二十分之一"
            f"（此处约 {by_chance} 个）也会碰巧不含 0。",
            f"There are {intervals} intervals on this page, and each holds by itself: where there is nothing at all, "
            f"one in twenty, here about {by_chance}, excludes 0 by chance.",
        ),
        Bilingual(
            "范围：时段内已交车的工单；每个相关系数只用评分与该因素都已知的工单，缺失数量列在旁边。",
            "Scope: orders handed off in the period. Each correlation uses the orders of which score and driver are "
            "known; how many lack either stands beside it.",
        ),
        Bilingual(
            "皮尔逊 r：Fisher z 变换，标准误取自 r 的影响函数，不假定正态；教科书区间（1/√(n−3)）另列，"
            "评分拥挤在 9–10 分时它偏窄。",
            "Pearson r: Fisher's z with the standard error of r's influence function, which supposes no normal "
            "distribution. The textbook's 1/sqrt(n - 3) is too narrow for scores that crowd at 9 and 10; it is given "
            "beside it.",
        ),
        Bilingual(
            "斯皮尔曼 ρ：并列取平均秩，Fisher z，方差 (1+ρ²/2)/(n−3)（Bonett 与 Wright，2000）。",
            "Spearman rho: ties at their mean rank, Fisher's z with variance (1 + rho^2/2)/(n - 3) "
            "(Bonett and Wright 2000).",
        ),
        Bilingual(
            "评分变化：最小二乘直线，HC3 标准误；等待不截断。",
            "Score change: least-squares line, HC3 standard errors; waits as they are.",
        ),
        Bilingual(
            "模型：比例优势有序 logit（statsmodels OrderedModel），按中心、通道、故障来源校正；"
            f"等待超过 {longest_wait_min:g} 分钟按此计；没有批准金额按未超报价计、从未完工按未失约计，各有单独一列；"
            f"超过 {MOST_ROWS:,} 个工单时取固定随机样本。区间为 Wald 95%。",
            "Model: proportional-odds ordinal logit (statsmodels OrderedModel), adjusted for center, lane and fault "
            f"origin; waits over {longest_wait_min:g} min count as that; orders without an approved amount count as on "
            "quote, cars that never were ready as on time, each with a column of its own; of more than "
            f"{MOST_ROWS:,} orders a fixed random sample. Wald 95 % intervals.",
        ),
        Bilingual(
            "一次修复只用交车满 30 天的工单：否则失败先于成功被计入。",
            "First-time fix is taken of orders handed off more than 30 days ago: sooner, failures are known before "
            "successes.",
        ),
    )


def _estimate_columns(name: str, title: Bilingual) -> tuple[Column, ...]:
    return (
        Column(name, title, "number"),
        Column(f"{name}_low", Bilingual(f"{title.zh} 下限", f"{title.en} low"), "number"),
        Column(f"{name}_high", Bilingual(f"{title.zh} 上限", f"{title.en} high"), "number"),
    )


def _estimate_fields(name: str, estimate: IntervalEstimate) -> dict[str, Any]:
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
        f"{name}_method": estimate.method,
    }


def _association_row(association: Association) -> dict[str, Any]:
    return {
        "driver": association.driver.name,
        "n": association.n,
        "n_all": association.n_all,
        "no_score": association.no_score,
        "score_but_no_driver": association.score_but_no_driver,
        **_estimate_fields("pearson", association.pearson),
        **_estimate_fields("spearman", association.spearman),
        **_estimate_fields("change", association.change),
        "per": association.driver.per.en,
        "not_estimable": association.pearson.reason,
        "pearson_textbook_low": association.textbook.low,
        "pearson_textbook_high": association.textbook.high,
    }


def _model_rows(model: ScoreModel) -> Iterator[dict[str, Any]]:
    for name, estimate in model.fit.drivers.items():
        yield {
            "model": model.name,
            "driver": name,
            "per": DRIVERS[name].per.en,
            **_estimate_fields("log_odds", estimate),
            "odds_ratio": None if estimate.value is None else exp(estimate.value),
            "n": model.used,
            "n_scored": model.scored,
            "adjusted_for": list(model.fit.adjusted_for),
            "not_estimable": estimate.reason,
        }


def draw_correlations(associations: Sequence[Association], locale: Locale) -> Picture:
    labels = [association.driver.title.in_locale(locale) for association in associations]
    series = (
        (Bilingual("皮尔逊 r", "Pearson r"), [association.pearson for association in associations]),
        (Bilingual("斯皮尔曼 ρ", "Spearman rho"), [association.spearman for association in associations]),
    )
    return forest(
        labels,
        [(words.in_locale(locale), estimates) for words, estimates in series],
        Bilingual("与评分的相关系数，95% 区间", "correlation with the score, 95 % interval").in_locale(locale),
    )


def draw_model(models: Sequence[ScoreModel], locale: Locale) -> Picture:
    estimates: dict[str, IntervalEstimate] = {}
    for model in models:
        estimates = {**model.fit.drivers, **estimates}
    names = [name for name in DRIVERS if name in estimates]
    labels = [f"{DRIVERS[name].title.in_locale(locale)} ({DRIVERS[name].per.in_locale(locale)})" for name in names]
    axis = Bilingual("评分更低的对数优势，95% 区间", "log-odds of a lower score, 95 % interval").in_locale(locale)
    return forest(labels, [("", [estimates[name] for name in names])], axis)


def forest(labels: Sequence[str], series: Sequence[tuple[str, Sequence[IntervalEstimate]]], axis: str) -> Picture:
    """A line for each label, for each series a point with its interval; what is not estimable has no point."""
    from fixtrail.reports.forms.pictures import COLOURS, MUTED, picture

    drawing, axes = picture(8.0, 0.9 + 0.42 * len(labels))
    axes.axvline(0, color=MUTED, linewidth=1)
    for number, (title, estimates) in enumerate(series):
        lift = (number - (len(series) - 1) / 2) * 0.24
        for row, estimate in enumerate(estimates):
            if estimate.value is not None and estimate.low is not None and estimate.high is not None:
                axes.plot([estimate.low, estimate.high], [row + lift] * 2, color=COLOURS[number], linewidth=2)
                axes.plot([estimate.value], [row + lift], "o", color=COLOURS[number], markersize=5)
        if title:
            axes.plot([], [], "o-", color=COLOURS[number], label=title)
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.set_xlabel(axis)
    if len(series) > 1:
        axes.legend(frameon=False, fontsize=9)
    return drawing
