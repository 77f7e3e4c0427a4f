"""What the data report calls its flaws, figures and reasons."""

from fixtrail.reports.definitions import DEFINITIONS
from fixtrail.reports.report import Bilingual, Column

TITLE = Bilingual("数据质量", "Data quality")
GRADES = {
    "go": Bilingual("可计入", "counted"),
    "note": Bilingual("计入，附说明", "counted with a note"),
    "stop": Bilingual("不可计入", "not counted"),
    "unknown": Bilingual("未知：工单太少", "not known: too few orders"),
}
FLAWS = {
    "duplicates": Bilingual("重复到达的事件", "events that arrived twice"),
    "conflicts": Bilingual("同一编号内容不同", "one event id with different content"),
    "late": Bilingual("迟到超过 15 分钟", "received more than 15 min late"),
    "late_live": Bilingual(
        "开始接入后仍迟到超过 15 分钟", "received more than 15 min late, since the source began to send"
    ),
    "ahead": Bilingual("时间晚于接收时间", "stamped after they were received"),
    "clock": Bilingual("来源时钟偏差（秒）", "clock of the source against Kafka's (s)"),
    "out_of_order": Bilingual("乱序到达", "older than what had arrived of the vehicle"),
    "clock_hours": Bilingual("时钟超前的小时", "hours in which the clock was ahead"),
    "no_check_in": Bilingual("没有接车的工单", "orders without a check-in"),
    "repair_without_start": Bilingual("有完工之前没有开工", "repairs completed without a start before"),
    "repair_without_end": Bilingual("有开工没有完工", "repairs started and never ended"),
    "diagnosis_without_start": Bilingual("诊断完成没有开始", "diagnoses completed without a start"),
    "diagnosis_without_end": Bilingual("诊断开始没有完成", "diagnoses started and never ended"),
    "part_without_request": Bilingual("配件到货没有申请", "parts fulfilled without a request"),
    "handoff_without_repair": Bilingual("交车但没有维修", "handed off without a repair"),
    "visit_long": Bilingual("首末事件相距超过 60 天", "orders whose events are more than 60 days apart"),
    "typed_in_afterwards": Bilingual("四个以上环节同一秒", "four or more phases in one second"),
    "never_closed": Bilingual("30 天无任何事件仍未关闭", "open and silent for 30 days"),
    "negative_gap": Bilingual("事件早于接车", "events stamped before the check-in"),
    "activity_after_close": Bilingual("关闭之后仍有事件", "events after the close"),
    "vehicle_changed": Bilingual("工单换了车辆", "orders of two vehicles"),
    "repair_short": Bilingual("维修不足 1 分钟", "repairs of less than a minute"),
    "repair_long": Bilingual("维修超过 5 天", "repairs of more than 5 days"),
    "quote_odd": Bilingual("报价为 0 或过高", "quotes of 0 or beyond the bound"),
    "promise_early": Bilingual("承诺时间早于接车", "promised before the check-in"),
    "amount_odd": Bilingual("实收与确认金额相差 20 倍以上", "paid 20 times more or less than approved"),
    "score_scale": Bilingual("评分从不超过 5，疑为五分制", "scores that never exceed 5: another scale"),
    "field_lost": Bilingual("曾有的字段不再发送", "fields that are hardly sent any more"),
    "vehicle_often": Bilingual("占位车辆的工单", "orders of a vehicle with more than one can have"),
    "vehicle_of_order": Bilingual("车辆编号等于工单号或客户号", "vehicles that have the order's or customer's number"),
    "vehicle_spelling": Bilingual("同一车辆编号有多种写法", "vehicle ids written in two ways"),
    "technician_spelling": Bilingual("同一技师编号有多种写法", "technician ids written in two ways"),
    "odometer_falling": Bilingual("里程数变小", "odometers that fall"),
    "odometer_racing": Bilingual("每天超过 2,000 公里", "more than 2,000 km a day"),
    "outside_hours": Bilingual("营业时间之外的事件", "events outside the opening hours"),
    "odd_hours": Bilingual(
        "一天中的时刻与其他事件或中心相差甚远，疑为时区错误",
        "at another time of day than all others: a wrong time zone",
    ),
    "weekday_gap": Bilingual("营业日没有任何事件", "open days without any event"),
    "silent_days": Bilingual("事件过少的日子", "days with too few events"),
    "double_days": Bilingual("事件过多的日子", "days with too many events"),
    "dead_letters": Bilingual("被拒收的记录", "records that were refused"),
    "too_late": Bilingual("来得太晚，未计入", "arrived too late to count"),
}
# By figure, why an order can be left out of it.
LOST = {
    "wait": ("no_wait",),
    "comebacks": ("no_fault_group",),
    **{name: definition.needs for name, definition in DEFINITIONS.items() if definition.needs},
}
FIGURES = {
    "wait": Bilingual("等待时间", "wait"),
    "comebacks": Bilingual("返修（需故障组）", "comebacks (need fault groups)"),
    **{name: DEFINITIONS[name].title for name in LOST if name in DEFINITIONS},
}
REASONS = {
    "no_wait": Bilingual("没有接车", "no check-in"),
    "no_repair": Bilingual("没有维修开工", "no repair was started"),
    "no_fault_group": Bilingual("没有故障组", "no fault group"),
    "no_score": Bilingual("没有评分", "no survey"),
    "no_promise": Bilingual("没有承诺时间", "no promised time"),
    "no_ready": Bilingual("不知何时可取", "not known when it was ready"),
    "no_amount": Bilingual("没有实收金额", "no final amount"),
    "no_approval": Bilingual("没有客户确认", "no approved amount"),
}
METHODS = (
    Bilingual(
        "等级按 fixtrail/reports/data/rules.toml 中声明的规则给出，没有综合评分",
        "Grades follow the rules declared in fixtrail/reports/data/rules.toml; there is no overall score",
    ),
    Bilingual(
        "时钟偏差：接收时间减发生时间的第 1 百分位；历史一次性补传时整批都算迟到，但不影响结论",
        "Clock: 1st percentile of received minus occurred, so negative where it is ahead. History that is sent at once "
        "is late as a whole, which costs no center its verdict",
    ),
    Bilingual(
        "逐小时时钟：每小时收到的记录中接收减发生的第 1 百分位；最慢的也可能只是传输慢",
        "Clock by hour: the same of what was received within each hour; one that is behind may only have a slow way",
    ),
    Bilingual(
        "里程与同一车辆的上一次读数比较；营业时间取自中心参考数据，只计车间事件，没有参考数据的中心不判断",
        "Odometers: against the reading before of the same vehicle. Opening hours are those of the reference data, for "
        "the workshop's own events alone; a center without them is not judged",
    ),
    Bilingual(
        "日量：与之前四周同一星期几的中位数相比，99% 区间按离散程度放宽，连续无事件的日子合并判断；不足两周不判断",
        "Volume: against the median of the same weekday in the four weeks before, with a 99 % interval widened by how "
        "much the days differ; days in a row without events are judged together; not judged with fewer than two weeks",
    ),
)
# What stands behind a verdict, as the codes of the lists `stops` and `notes` are read.
VERDICT_REASONS = FLAWS | {
    f"usable: {name}": Bilingual(f"可用工单不足：{title.zh}", f"too few usable orders for {title.en}")
    for name, title in FIGURES.items()
}
CENTER = Column("center_id", Bilingual("服务中心", "center"))
SOURCE = Column("source", Bilingual("来源", "source"))
TYPE = Column("type", Bilingual("事件", "event"))
GRADE = Column("grade", Bilingual("结论", "verdict"), words=GRADES)
FLAW_COLUMNS = (
    GRADE,
    CENTER,
    SOURCE,
    Column("flaw", Bilingual("问题", "flaw"), words=FLAWS),
    Column("count", Bilingual("数量", "count"), "count"),
    Column("of", Bilingual("总数", "of"), "count"),
    Column("value", Bilingual("比例或秒", "share or seconds"), "number"),
    Column("note_above", Bilingual("说明阈值", "note above"), "number"),
    Column("stop_above", Bilingual("停用阈值", "not counted above"), "number"),
)
ARRIVAL_COLUMNS = (
    SOURCE,
    CENTER,
    TYPE,
    Column("arrivals", Bilingual("到达", "arrivals"), "count"),
    Column("events", Bilingual("事件", "events"), "count"),
    Column("duplicates", Bilingual("重复", "duplicates"), "count"),
    Column("conflicts", Bilingual("矛盾", "conflicts"), "count"),
    Column("out_of_order", Bilingual("乱序", "out of order"), "count"),
    Column("late", Bilingual("迟到>15分", "> 15 min late"), "count"),
    Column("live", Bilingual("接入后发生", "since the source began"), "count"),
    Column("late_live", Bilingual("其中迟到>15分", "of those > 15 min late"), "count"),
    Column("late_a_day", Bilingual("迟到>1天", "> 1 day late"), "count"),
    Column("late_p50_s", Bilingual("迟到中位", "late, median"), "minutes"),
    Column("late_p95_s", Bilingual("迟到95分位", "late, 95 %"), "minutes"),
    Column("late_max_s", Bilingual("最迟", "late, most"), "minutes"),
    Column("skew_s", Bilingual("时钟(秒)", "clock (s)"), "number"),
    Column("ahead", Bilingual("超前", "ahead"), "count"),
)
USABLE_COLUMNS = (
    CENTER,
    Column("figure", Bilingual("指标", "figure"), words=FIGURES),
    GRADE,
    Column("n", Bilingual("可用", "usable"), "count"),
    Column("n_all", Bilingual("已交车", "handed off"), "count"),
    Column("share", Bilingual("比例", "share"), "share"),
    Column("reason", Bilingual("缺失原因", "lost because"), words=REASONS),
    Column("lost", Bilingual("缺失工单", "lost"), "count"),
)
CLOCK_COLUMNS = (
    SOURCE,
    CENTER,
    Column("hours", Bilingual("小时", "hours"), "count"),
    Column("hours_ahead", Bilingual("超前的小时", "hours ahead"), "count"),
    Column("hours_behind", Bilingual("落后的小时", "hours behind"), "count"),
    Column("lowest_s", Bilingual("最超前(秒)", "furthest ahead (s)"), "number"),
    Column("usual_s", Bilingual("通常(秒)", "usual (s)"), "number"),
    Column("highest_s", Bilingual("最落后(秒)", "furthest behind (s)"), "number"),
)
HOUR_COLUMNS = (
    SOURCE,
    CENTER,
    Column("hour", Bilingual("小时(UTC)", "hour (UTC)")),
    Column("arrivals", Bilingual("到达", "arrivals"), "count"),
    Column("clock_s", Bilingual("时钟(秒)", "clock (s)"), "number"),
)
FIELD_COLUMNS = (
    CENTER,
    TYPE,
    Column("field", Bilingual("可选字段", "optional field")),
    Column("filled", Bilingual("有值", "filled"), "count"),
    Column("events", Bilingual("事件", "events"), "count"),
    Column("share", Bilingual("比例", "share"), "share"),
    Column("lost_since", Bilingual("自该周起缺失", "lost since the week of")),
)
DAY_COLUMNS = (
    CENTER,
    Column("day", Bilingual("日期", "day")),
    Column("events", Bilingual("事件", "events"), "count"),
    Column("usual", Bilingual("通常", "usual"), "number"),
    *Column.bounds("number"),
    Column(
        "state",
        Bilingual("判断", "state"),
        words={
            "usual": Bilingual("正常", "usual"),
            "silent": Bilingual("过少", "too few"),
            "double": Bilingual("过多", "too many"),
            "unknown": Bilingual("未判断", "not judged"),
        },
    ),
)
LETTER_COLUMNS = (
    SOURCE,
    CENTER,
    Column("code", Bilingual("原因", "reason")),
    Column("letters", Bilingual("记录", "records"), "count"),
)
VERDICT_COLUMNS = (
    CENTER,
    GRADE,
    Column("orders", Bilingual("工单", "orders"), "count"),
    Column("stops", Bilingual("不可计入的原因", "why not counted"), words=VERDICT_REASONS),
    Column("notes", Bilingual("说明", "notes"), words=VERDICT_REASONS),
)
