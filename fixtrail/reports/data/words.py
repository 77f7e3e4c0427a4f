"""What the data report calls its flaws, figures and reasons."""

from __future__ import annotations

from fixtrail.reports.report import Column, Words

TITLE = Words("数据质量", "Data quality")
QUESTION = Words("各来源、各中心的数据能信吗？", "Can the data of each source and center be believed?")
GRADES = {
    "go": Words("可计入", "counted"),
    "note": Words("计入，附说明", "counted with a note"),
    "stop": Words("不可计入", "not counted"),
}
FLAWS = {
    "duplicates": Words("重复到达的事件", "events that arrived twice"),
    "conflicts": Words("同一编号内容不同", "one event id with different content"),
    "late": Words("迟到超过 15 分钟", "received more than 15 min late"),
    "ahead": Words("时间晚于接收时间", "stamped after they were received"),
    "clock": Words("来源时钟偏差（秒）", "clock of the source against Kafka's (s)"),
    "no_check_in": Words("没有接车的工单", "orders without a check-in"),
    "repair_without_start": Words("有完工没有开工", "repairs completed without a start"),
    "repair_without_end": Words("有开工没有完工", "repairs started and never ended"),
    "diagnosis_without_start": Words("诊断完成没有开始", "diagnoses completed without a start"),
    "part_without_request": Words("配件到货没有申请", "parts fulfilled without a request"),
    "handoff_without_repair": Words("交车但没有维修", "handed off without a repair"),
    "typed_in_afterwards": Words("四个以上环节同一秒", "four or more phases in one second"),
    "never_closed": Words("30 天无任何事件仍未关闭", "open and silent for 30 days"),
    "negative_gap": Words("事件早于接车", "events stamped before the check-in"),
    "activity_after_close": Words("关闭之后仍有事件", "events after the close"),
    "vehicle_changed": Words("工单换了车辆", "orders of two vehicles"),
    "repair_short": Words("维修不足 1 分钟", "repairs of less than a minute"),
    "repair_long": Words("维修超过 5 天", "repairs of more than 5 days"),
    "quote_odd": Words("报价为 0 或过高", "quotes of 0 or beyond the bound"),
    "dead_letters": Words("被拒收的记录", "records that were refused"),
}
FIGURES = {
    "wait": Words("等待时间", "wait"),
    "ftfr": Words("一次修复率", "first-time fix"),
    "comebacks": Words("返修（需故障组）", "comebacks (need fault groups)"),
    "nps": Words("NPS", "NPS"),
    "promise_kept": Words("承诺达成", "promise kept"),
    "quote_kept": Words("报价一致", "quote kept"),
}
REASONS = {
    "no_wait": Words("没有接车", "no check-in"),
    "no_repair": Words("没有维修开工", "no repair was started"),
    "no_fault_group": Words("没有故障组", "no fault group"),
    "no_score": Words("没有评分", "no survey"),
    "no_promise": Words("没有承诺时间", "no promised time"),
    "no_amount": Words("没有实收金额", "no final amount"),
    "no_approval": Words("没有客户确认", "no approved amount"),
}
# Which reasons take an order out of which figure.
LOST = {
    "wait": ("no_wait",),
    "ftfr": ("no_repair",),
    "comebacks": ("no_fault_group",),
    "nps": ("no_score",),
    "promise_kept": ("no_promise",),
    "quote_kept": ("no_amount", "no_approval"),
}
METHODS = (
    Words(
        "等级按 fixtrail/reports/data/rules.toml 中声明的规则给出，没有综合评分",
        "Grades follow the rules declared in fixtrail/reports/data/rules.toml; there is no overall score",
    ),
    Words(
        "时钟偏差：接收时间减发生时间的第 1 百分位；历史一次性补传时整批都算迟到",
        "Clock: 1st percentile of received minus occurred, so negative where it is ahead. History that is sent at once "
        "is late as a whole",
    ),
    Words(
        "日量：与之前四周同一星期几的平均相比，泊松区间按离散程度放宽；不足两周不判断",
        "Volume: against the mean of the same weekday in the four weeks before, with a Poisson interval widened by how "
        "much those days differ; not judged with fewer than two of them",
    ),
)
CENTER = Column("center_id", Words("服务中心", "center"))
SOURCE = Column("source", Words("来源", "source"))
TYPE = Column("type", Words("事件", "event"))
GRADE = Column("grade", Words("结论", "verdict"), words=GRADES)
FLAW_COLUMNS = (
    GRADE,
    CENTER,
    SOURCE,
    Column("flaw", Words("问题", "flaw"), words=FLAWS),
    Column("count", Words("数量", "count"), "count"),
    Column("of", Words("总数", "of"), "count"),
    Column("value", Words("比例或秒", "share or seconds"), "number"),
    Column("note_above", Words("说明阈值", "note above"), "number"),
    Column("stop_above", Words("停用阈值", "not counted above"), "number"),
)
ARRIVAL_COLUMNS = (
    SOURCE,
    CENTER,
    TYPE,
    Column("arrivals", Words("到达", "arrivals"), "count"),
    Column("events", Words("事件", "events"), "count"),
    Column("duplicates", Words("重复", "duplicates"), "count"),
    Column("conflicts", Words("矛盾", "conflicts"), "count"),
    Column("out_of_order", Words("乱序", "out of order"), "count"),
    Column("late", Words("迟到>15分", "> 15 min late"), "count"),
    Column("late_a_day", Words("迟到>1天", "> 1 day late"), "count"),
    Column("late_p50_s", Words("迟到中位", "late, median"), "minutes"),
    Column("late_p95_s", Words("迟到95分位", "late, 95 %"), "minutes"),
    Column("late_max_s", Words("最迟", "late, most"), "minutes"),
    Column("skew_s", Words("时钟(秒)", "clock (s)"), "number"),
    Column("ahead", Words("超前", "ahead"), "count"),
)
USABLE_COLUMNS = (
    CENTER,
    Column("figure", Words("指标", "figure"), words=FIGURES),
    GRADE,
    Column("n", Words("可用", "usable"), "count"),
    Column("n_all", Words("已交车", "handed off"), "count"),
    Column("share", Words("比例", "share"), "share"),
    Column("reason", Words("缺失原因", "lost because"), words=REASONS),
    Column("lost", Words("缺失工单", "lost"), "count"),
)
FIELD_COLUMNS = (
    CENTER,
    TYPE,
    Column("field", Words("可选字段", "optional field")),
    Column("filled", Words("有值", "filled"), "count"),
    Column("events", Words("事件", "events"), "count"),
    Column("share", Words("比例", "share"), "share"),
)
DAY_COLUMNS = (
    CENTER,
    Column("day", Words("日期", "day")),
    Column("events", Words("事件", "events"), "count"),
    Column("usual", Words("通常", "usual"), "number"),
    Column("low", Words("下限", "low"), "number"),
    Column("high", Words("上限", "high"), "number"),
    Column(
        "state",
        Words("判断", "state"),
        words={
            "usual": Words("正常", "usual"),
            "silent": Words("过少", "too few"),
            "double": Words("过多", "too many"),
            "unknown": Words("未判断", "not judged"),
        },
    ),
)
LETTER_COLUMNS = (
    SOURCE,
    CENTER,
    Column("code", Words("原因", "reason")),
    Column("letters", Words("记录", "records"), "count"),
)
