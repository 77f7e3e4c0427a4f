"""The words of report `need`: its definitions and methods."""

from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("人员需求", "People needed")
ROLE_WORDS = {
    "technician": Bilingual("技师", "technicians"),
    "inspector": Bilingual("质检", "inspectors"),
    "advisor": Bilingual("服务顾问", "advisors"),
}
GROUP_WORDS = {
    "diagnosis": Bilingual("诊断", "diagnosis"),
    "repair": Bilingual("维修", "repair"),
    "quality": Bilingual("质检", "quality check"),
}
WEEKDAYS = {
    str(number): Bilingual(f"周{zh}", en)
    for number, (zh, en) in enumerate(
        zip("一二三四五六日", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True), 1
    )
}
DEFINITIONS = {
    "need_required_h": Definition(
        Bilingual("需要的人时", "People needed, hours"),
        Bilingual(
            "每个半小时所需人数之和 × 0.5 小时；所需人数：等待该岗位超过 15 分钟的比例不高于 20% 的最少人数",
            "sum over half hours of the fewest people with whom at most 20 % of requests wait more than 15 min for "
            "them, times 0.5 h",
        ),
        "h",
        version=2,
    ),
    "need_rostered_h": Definition(
        Bilingual("排班人时", "People rostered, hours"),
        Bilingual("营业时间内排班人数之和 × 0.5 小时", "sum of the people whose shifts cover each open half hour"),
        "h",
    ),
    "need_working_h": Definition(
        Bilingual("在岗作业人时", "Technicians at work, hours"),
        Bilingual(
            "每个半小时内有诊断或维修作业的不同技师人数之和 × 0.5 小时",
            "sum over half hours of the distinct technicians who diagnosed or repaired within it, times 0.5 h",
        ),
        "h",
    ),
    "need_under_h": Definition(
        Bilingual("人手不足（人时）", "Too few people, hours"),
        Bilingual("需要多于排班之差的总和", "sum of required less rostered, where more are required"),
        "h",
        "lower",
        version=2,
    ),
    "need_over_h": Definition(
        Bilingual("人手富余（人时）", "More people than needed, hours"),
        Bilingual("排班多于需要之差的总和", "sum of rostered less required, where more are rostered"),
        "h",
        "lower",
        version=2,
    ),
    "need_below_share": Definition(
        Bilingual("人手不足的时段占比", "Half hours below need"),
        Bilingual(
            "排班少于需要的半小时 / 两者都已知的半小时",
            "half hours with fewer rostered than required / those with both",
        ),
        "share",
        "lower",
        version=2,
    ),
    "need_wait_below_s": Definition(
        Bilingual("人手不足时段内的客户等待", "Customers' wait in half hours below need"),
        Bilingual(
            "排班技师少于需要的半小时内，客户等待接待与工位的时间之和",
            "time that cars waited for reception or a bay in half hours with fewer technicians rostered than required",
        ),
        "s",
        "lower",
        version=3,
    ),
    "need_wait_s": Definition(
        Bilingual("客户等待人员或工位", "Customers' wait for people or a bay"),
        Bilingual(
            "营业时间内客户等待接待与工位的时间之和；30 天没有任何事件的未结工单不计",
            "time that cars waited for reception or a bay in opening hours; without open orders of which "
            "nothing was heard for 30 days",
        ),
        "s",
        "lower",
        version=2,
    ),
    "need_foreseen": Definition(
        Bilingual("到店量预测命中", "Days foreseen"),
        Bilingual(
            "实际到店数落在预测的 95% 泊松区间内的中心日 / 两者都已知的中心日",
            "days of a center whose check-ins lay within the 95 % Poisson interval of those expected / days with both",
        ),
        "share",
        "higher",
    ),
}
METHODS = (
    Bilingual(
        "到店：最近 8 个同类日（星期几相同；节假日不计，调休上班日自成一类）的指数平滑（0.3），按中心、通道、半小时；"
        "已预约的按预约时间计入，乘以预约到店率；少于 4 个同类日则未知",
        "Arrivals: exponential smoothing (0.3) over the last 8 days of the same weekday by center, lane and half hour; "
        "holidays count for none, make-up working days for each other; what is booked when the day begins is known, "
        "times the share that keeps appointments. Fewer than 4 days like it: not known",
    ),
    Bilingual(
        "工作量：最近 56 天已结束的工单，按通道：每车几项作业、作业在到店后多久提出（开始等待接待或工位之时）、需多久",
        "Work: visits of the last 56 days that ended, by lane: jobs a car, when they are asked for after the check-in "
        "(as the wait for reception or a bay begins), and how long each takes of opening time",
    ),
    Bilingual(
        "需要：先按在手工作量的 Erlang-C，再用模拟当天逐时段修正",
        "Need: Erlang's C of the work in hand, corrected by simulating the day with the jobs as long as they are, half "
        "hour by half hour",
    ),
    Bilingual(
        "接待没有作业事件：只有目标文件给出 [need] reception_min 时才计算服务顾问；质检员在事件中没有姓名",
        "No event tells how long reception takes: advisors are reckoned where [need] of the targets file says "
        "reception_min. Who does a quality check no event says either",
    ),
    Bilingual("没有班次的中心与日期：排班未知，不作为零", "Without shifts what is rostered is not known, and not zero"),
)
