"""The words of `fixtrail whatif`: definitions, methods, and why there is no answer."""

from collections.abc import Mapping

from fixtrail.reports.report import Bilingual, Definition

TITLE = Bilingual("假如", "What if")
QUESTION = Bilingual(
    "多一名技师、少一个工位、少缺货或取消快修通道，客户的等待会变多少？",
    "How would waits change with a technician more, a bay less, fewer stock-outs or no quick lane?",
)
FIGURES: Mapping[str, Bilingual] = {
    "mean_s": Bilingual("平均等待", "mean wait"),
    "p90_s": Bilingual("等待 90 分位", "90th percentile of the wait"),
    "busy_s": Bilingual("忙日的平均等待", "mean wait on busy days"),
}
DEFINITIONS = {
    "whatif_wait_mean_s": Definition(
        Bilingual("平均等待的变化", "Change of the mean wait"),
        Bilingual(
            "有此变化与无此变化的模拟平均等待之差", "mean wait of runs with the change less that of the same without"
        ),
        "s",
        "lower",
    ),
    "whatif_wait_p90_s": Definition(
        Bilingual("等待 90 分位的变化", "Change of the 90th percentile"),
        Bilingual("同上，90 分位", "the same of the 90th percentile"),
        "s",
        "lower",
    ),
}
METHODS = (
    Bilingual(
        "到店、作业、检查与等配件取自本中心的历史：抽取同一星期几的过往日子，含当日的车辆、作业与在岗技师",
        "Check-ins, work, checks and waits for parts are the center's own: past days of the same weekday are drawn, "
        "each with its cars, their work and the technicians of that day",
    ),
    Bilingual(
        "在岗技师：有计划班次者按班次，其余为当日有作业记录者，从营业到收工；工位：维修事件中的不同工位；"
        "两条通道互不借用时各为一池",
        "Technicians of a day are those with a planned shift, for its hours, and those who worked without one, from "
        "opening to the last start of work that is usual; bays are those that repairs name; lanes that lend each other "
        "nobody have pools of their own",
    ),
    Bilingual(
        "没有人空闲时开始的等待只知其界限：原有延迟按区间删失估计（Turnbull，1976），其余为排队",
        "Where a wait ended as somebody became free only bounds of the car's own delay are known: its distribution is "
        "estimated from intervals (Turnbull 1976); the rest is queueing",
    ),
    Bilingual(
        "先自证：用更早的数据重放最近 8 周，平均、90 分位与忙日平均须都在区间内（正确的模型有 2% 被拒），否则不作答",
        "The proof: the last 8 weeks replayed from what was before them; mean, 90th percentile and the mean of busy "
        "days have to lie within their bands (a right model is refused in 2 % of cases), otherwise there is no answer",
    ),
    Bilingual(
        "变化与区间：成对模拟，除此变化外全同；每一对抽取另一组日子；95% 区间含历史的抽样误差与模拟误差",
        "The change: pairs of runs that differ in nothing else, each of another sample of days; the 95 % interval "
        "holds both the sampling of the history and the chance of the runs",
    ),
    Bilingual(
        "缺货率：配件请求中缺货的占比；随机改变的订单换成本中心作业量相近、货架有货（或缺货）的订单，为缺件再来的车辆同比增减",
        "Stock-out rate: backordered part requests of all; orders that chance takes become like others of about the "
        "same work whose parts were there, or were not; cars that come again for a part do so as much more or less "
        "often",
    ),
    Bilingual(
        "取消快修通道：两条通道的人与工位合为一池；其车辆如标准通道中同故障的车辆，少于 8 辆时作业不变、延迟按标准通道",
        "No quick lane: people and bays of both are one pool, and its cars are like those of the same faults in the "
        "standard lane; where there are fewer than 8 of these they keep their work and have that lane's delays",
    ),
    Bilingual(
        "未计入：服务顾问与质检员的排队（视为固定延迟）、技师技能差异、客户因等待变化而改变的到店与取消",
        "Left out: queues for advisors and inspectors (delays that stay as they are), skills of technicians, and "
        "customers who come or leave because waits change",
    ),
)
REFUSALS: Mapping[str, Bilingual] = {
    "too_little": Bilingual(
        "历史太少：{weeks} 周、{fit} 辆之后 8 周 {proof} 辆；需至少 4 周、各 100 辆",
        "too little history: {fit} finished visits in {weeks} weeks before the last 8, and {proof} in those; it takes "
        "at least 4 weeks, and 100 of each",
    ),
    "no_technicians": Bilingual(
        "只有 {share:.0%} 的作业时间写明技师：不知道谁在岗",
        "only {share:.0%} of the work names its technician: who was there is not known",
    ),
    "together": Bilingual(
        "{share:.0%} 的作业时间有两人同修一车：模型每车只用一人",
        "in {share:.0%} of the work two were at one car: the model has one technician at a car",
    ),
    "does_not_fit": Bilingual(
        "模型与最近 8 周不符：{name}为 {observed:.1f} 分钟，模型说应在 {low:.1f} 至 {high:.1f} 之间",
        "the model does not fit the last 8 weeks: {name} was {observed:.1f} min, and the model says {low:.1f} to "
        "{high:.1f}",
    ),
    "too_vague": Bilingual(
        "模型对最近 8 周说得太宽：{name}应在 {low:.1f} 至 {high:.1f} 分钟之间，什么也证明不了",
        "the model says too little of the last 8 weeks: {name} between {low:.1f} and {high:.1f} min proves nothing",
    ),
    "no_stockouts": Bilingual(
        "历史中有配件请求的订单：{out} 个缺货、{there} 个有货；两者都需至少 8 个",
        "of the orders that asked for parts {out} waited for one that was not on the shelf, and {there} did not; it "
        "takes at least 8 of each",
    ),
    "no_quick_lane": Bilingual(
        "快修通道只有 {cars} 辆完成的车：没有可取消的通道",
        "{cars} finished visits were in the quick lane: there is none that could be closed",
    ),
    "overload": Bilingual(
        "有此变化时{pool}的作业占其在岗时间的 {used:.0%}：排队会无止境地增长",
        "with this change the work takes {used:.0%} of the time of the {pool}: the queue grows without end",
    ),
}
POOLS: Mapping[str, Bilingual] = {
    "all": Bilingual("技师", "technicians"),
    "quick": Bilingual("快修技师", "quick lane's technicians"),
    "standard": Bilingual("标准通道技师", "standard lane's technicians"),
}
