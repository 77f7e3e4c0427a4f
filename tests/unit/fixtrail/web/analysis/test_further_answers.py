"""What the reports on parts, product quality, people, data and voices answer in one sentence, in both languages."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pytest

from fixtrail.reports.catalogue import REPORTS
from fixtrail.reports.report import Bilingual, Column, Definition, Figure, Report, Sheet
from fixtrail.web.analysis.answers import _ANSWERS, answer

NOTHING = Bilingual("x", "x")
KINDS = {
    **dict.fromkeys(("share", "share_of_wait", "ftfr"), "share"),
    **dict.fromkeys(("count", "cases"), "count"),
    "expected": "number",
}


def definitions_of(report: str) -> Mapping[str, Definition]:
    """The report's own, wherever it has them."""
    merged: dict[str, Definition] = {}
    for module in ("words", "report"):
        try:
            merged |= getattr(import_module(f"fixtrail.reports.{report}.{module}"), "DEFINITIONS", {})
        except ModuleNotFoundError:
            continue
    return {**import_module("fixtrail.reports.definitions").DEFINITIONS, **merged}


def a_report(name: str, figures: Mapping[str, float | tuple[float, int, int]], **tables: Any) -> Report:
    """Figures by name, as a value or as (value, n, count); tables by name as lists of rows."""
    texts = []
    for figure, value in figures.items():
        amount, n, count = value if isinstance(value, tuple) else (value, 100, None)
        texts.append(Figure(figure, amount, n, n, count=count))
    sheets = tuple(
        Sheet(table, NOTHING, tuple(Column(key, NOTHING, KINDS.get(key, "text")) for key in rows[0]), tuple(rows))
        for table, rows in tables.items()
    )
    return Report(name, NOTHING, NOTHING, figures=tuple(texts), sheets=sheets, definitions=definitions_of(name))


CASES = [
    (
        a_report(
            "change",
            {},
            changes=[
                {"figure": "wait_mean_s", "verdict": "worse"},
                {"figure": "nps", "verdict": "better"},
                {"figure": "ftfr", "verdict": "not_distinguishable"},
            ],
            pieces=[{"figure": "wait_mean_s", "dimension": "center", "key": "east-01", "is_named": True}],
        ),
        "3 个指标中变好 1 个，变差 1 个：wait_mean_s；最大的来源：center east-01（wait_mean_s）",
        "of 3 figures 1 are better, 1 worse: wait_mean_s; most of it: center east-01 (wait_mean_s)",
    ),
    (
        a_report(
            "parts",
            {"stockout_rate": 0.125},
            parts=[{"part_no": "BRK-1", "waited_s": 60.0, "share_of_wait": 0.4}],
        ),
        "12.5 % 的配件请求缺货；客户等得最久的是 BRK-1（占 40.0 %）",
        "12.5 % of the part requests met an empty shelf; customers waited most for BRK-1 (40.0 % of that wait)",
    ),
    (
        a_report(
            "data",
            {},
            verdicts=[
                {"center_id": "C1", "grade": "stop"},
                {"center_id": "C2", "grade": "go"},
                {"center_id": "C3", "grade": "note"},
            ],
        ),
        "3 个中心中可计入 1 个，附说明 1 个，不可计入 1 个：C1",
        "of 3 centers 1 are counted, 1 with a note, 1 not counted: C1",
    ),
    (
        a_report("eta", {"eta_inside": 0.802, "eta_mae_s": 960.0, "promise_mae_s": 1362.0}),
        "80.2 % 的预估区间命中；平均偏差 16.0 分钟，承诺的偏差 22.7 分钟",
        "80.2 % of the intervals held; off by 16.0 min on average, the promise by 22.7 min",
    ),
    (
        a_report(
            "voices",
            {"complaints_opened": 57, "complaints_open": 7, "complaint_contact_in_time": 0.9, "detractor_cases": 12},
        ),
        "投诉 57 起，未了结 7 起；90.0 % 按时联系了客户；低分 12 个",
        "57 complaints, 7 open now; 90.0 % of the customers were called in time; 12 bad scores",
    ),
    (
        a_report(
            "warning",
            {"alarms": (1, 240, 1)},
            cells=[
                {"state": "alarm", "value": "B17", "fault_group": "battery", "cases": 9, "expected": 2.1},
            ],
        ),
        "报警 1 个；最前：B17，battery，9 例（预期 2.10）",
        "alarms: 1; first B17, battery: 9 cases, 2.10 expected",
    ),
    (
        a_report("warning", {"alarms": (0, 240, 0)}),
        "没有报警；监测 240 个单元",
        "no alarm; 240 cells are watched",
    ),
    (
        a_report("staff", {"staff_score": 71.5, "suggestions_answered": 0.6}),
        "最近一轮员工评分 71.50（满分 100）；60.0 % 的建议有回音",
        "the staff scores 71.50 of 100 in the newest round; 60.0 % of the suggestions are answered",
    ),
    (
        a_report(
            "need",
            {"need_below_share": 0.21, "need_wait_below_s": 36_000.0},
            centers=[{"center_id": "C1", "under_h": 4.0}, {"center_id": "C2", "under_h": 9.0}],
        ),
        "21.0 % 的半小时人手不足；客户在其中等待 10 小时；缺得最多：C2，9 人时",
        "too few people in 21.0 % of the half hours; customers waited 10 h in these; most at C2: 9 h",
    ),
    (
        a_report(
            "procedures",
            {"procedure_conforming": 0.83},
            steps=[
                {"step": "torque", "kind": "skipped", "count": 4},
                {"step": "check", "kind": "missing", "count": 9},
            ],
        ),
        "83.0 % 的工单按流程作业；最常见的偏差：check，missing（9）",
        "83.0 % of the orders followed their procedure; most often: check, missing (9)",
    ),
    (
        a_report("experts", {"expert_wait_median_s": 420.0, "expert_in_time": 0.7, "expert_without_part": 0.55}),
        "专家加入的中位时间 7.0 分钟，70.0 % 在 10 分钟内；55.0 % 未换件即解决",
        "an expert joins after 7.0 min (median), 70.0 % within 10 min; 55.0 % resolved without a part",
    ),
    (
        a_report("grades", {"technicians_apart": (0.1, 40, 4), "jobs_below_grade": 0.05}),
        "40 名技师中 4 名与其工单应有的水平不同；5.0 % 的作业低于等级",
        "4 of 40 technicians differ from what their cases let expect; 5.0 % of the jobs below grade",
    ),
    (
        a_report(
            "quality",
            {"ftfr": 0.9},
            faults=[
                {"fault_group": "rare", "ftfr": 0.1, "enough": False},
                {"fault_group": "brakes", "ftfr": 0.8, "enough": True},
            ],
        ),
        "90.0 % 一次修复；最低的故障组：brakes（80.0 %）",
        "90.0 % fixed the first time; least often: brakes (80.0 %)",
    ),
]


@pytest.mark.parametrize(("report", "zh", "en"), CASES, ids=[report.name for report, _, _ in CASES])
def test_each_report_answers_its_question_in_one_sentence(report: Report, zh: str, en: str):
    assert answer(report, "zh-CN") == zh
    assert answer(report, "en") == en


def test_every_report_has_a_sentence_of_its_own():
    assert set(_ANSWERS) == set(REPORTS)


@pytest.mark.parametrize("name", sorted(REPORTS))
def test_without_data_it_says_so(name: str):
    assert answer(a_report(name, {}), "en") == "no data"
