"""What stands beside the KPI figures: orders that they leave out, who answered, and the words for why not."""

from collections.abc import Mapping
from typing import Literal

from fixtrail.reports.report import Bilingual, Definition, Part

EARLY_DAYS = 3
RIPE_DAYS = 60
SILENT_DAYS = 30

PARTS: Mapping[str, Bilingual] = {
    "headline": Bilingual("指标", "Figures"),
    "service_levels": Bilingual("自定义服务水平", "Own service levels"),
    "left_out": Bilingual("未计入的工单：未结束与已取消", "Orders that the figures leave out: open and cancelled"),
    "answers": Bilingual("谁回答了，时间是否可信", "Who answered, and whether times can be trusted"),
}
# Why an order, a part request or a survey is not among n.
LEFT_OUT: Mapping[str, Bilingual] = {
    "open": Bilingual("未结束", "still open"),
    "cancelled": Bilingual("已取消", "cancelled"),
    "no_check_in": Bilingual("无到店记录", "without a check-in"),
    "not_quick_or_never_ready": Bilingual("非快修或从未完工", "not of the quick lane, or never ready"),
    "no_repair": Bilingual("无维修", "without a repair"),
    "no_score": Bilingual("未评分", "without a score"),
    "unripe": Bilingual("交车未满 30 天", "handed off less than 30 days ago"),
    "ripe": Bilingual("交车已满 30 天", "handed off 30 days ago or more"),
    "other_lane": Bilingual("其他通道", "other lanes"),
    "never_ready": Bilingual("从未完工", "never ready"),
    "no_promise": Bilingual("无承诺时间", "without a promise"),
    "few_visits": Bilingual("可比车辆太少", "too few visits to compare with"),
    "seldom_ready": Bilingual("可比车辆有太多从未完工", "too many comparable visits were never ready"),
    "too_rare": Bilingual("案例太少或太新，无法监测", "too rare or too new to be watched"),
    "no_quote": Bilingual("无批准金额", "without an approved amount"),
    "no_bill": Bilingual("无结算金额", "without a final amount"),
    "ready": Bilingual("已完工", "ready"),
    "handed_off": Bilingual("已交车", "handed off"),
    "late_answers": Bilingual("较晚回答", "answered later"),
    "no_hours": Bilingual("服务中心无营业时间", "at centers without hours"),
    "not_due": Bilingual("时限未到", "still within the limit"),
    "no_contact": Bilingual("未联系", "without a contact"),
    "ready_in_time": Bilingual("按时完工", "ready in time"),
    "not_resolved": Bilingual("未解决", "not resolved"),
    "called": Bilingual("已联系", "contacted"),
    "not_called": Bilingual("未联系", "not contacted"),
    "no_customer": Bilingual("客户未知", "customer not known"),
    "no_partner": Bilingual("无可比对象", "nobody of that center and score to compare with"),
    "few_days": Bilingual("同类日太少", "too few days like it"),
    "no_shifts": Bilingual("没有班次", "without shifts"),
    "few_orders": Bilingual("工单太少", "too few orders"),
    "never_joined": Bilingual("专家未加入", "joined by no expert"),
    "not_requested": Bilingual("没有申请记录", "never requested"),
    "joined_before_request": Bilingual("加入早于申请", "joined before the request"),
    "not_answered": Bilingual("尚无回音", "without an answer yet"),
    "answered_before": Bilingual("回音早于提交", "answered before it was submitted"),
    "not_submitted": Bilingual("没有提交记录", "never submitted"),
    "no_driver": Bilingual("影响因素未知或未定", "with something not known or not settled yet"),
    "not_usable": Bilingual("无法用于比较", "not usable for the comparison"),
    "no_grade": Bilingual("等级未知", "of no known grade"),
    "no_procedure": Bilingual("无适用流程", "without a procedure"),
    "no_steps": Bilingual("维修未报工序", "repairs without codes of steps"),
    "no_check_needed": Bilingual("流程不要求质检", "no check needed"),
    "other_orders": Bilingual("其他工单", "other orders"),
    "not_matched": Bilingual("无可比工单", "without a comparable order"),
    "to_come": Bilingual("尚未到来", "still to come"),
    "early_answers": Bilingual("较早回答", "answered early"),
    "too_young": Bilingual("数据不足 90 天", "too young: less than 90 days"),
    "on_demand": Bilingual("按需订货", "ordered on demand"),
    "no_price": Bilingual("无单价", "without a price"),
}
# Why there is no interval.
NO_INTERVAL_WORDS: Mapping[str, Bilingual] = {
    "no_data": Bilingual("没有数据", "no data"),
    "one_center": Bilingual("只有一个服务中心", "one center only"),
    "one_value": Bilingual("只有一个值", "one value only"),
    "too_few": Bilingual("数量太少，一侧无界", "too few to bound it"),
    "all_alike": Bilingual("所有值都相同", "all values alike"),
    "descriptive": Bilingual("仅描述，未估计区间", "a description, no interval is estimated"),
    "hidden": Bilingual("回答太少，不显示", "too few answers to show"),
    "all_counted": Bilingual("全部计数，非样本", "a count of all, no sample"),
}
ANOMALIES: Mapping[str, Bilingual] = {
    "missing_check_in": Bilingual("缺少到店记录", "no check-in"),
    "activity_after_close": Bilingual("结束后仍有活动", "activity after the close"),
    "negative_gap": Bilingual("早于到店的时间", "a time before the check-in"),
    "center_changed": Bilingual("服务中心变更", "more than one center"),
    "vehicle_changed": Bilingual("车辆变更", "more than one vehicle"),
    "never_closed": Bilingual("从未结束", "never closed"),
}


# Why a record was refused: the codes of docs/integrators.md.
REFUSALS: Mapping[str, Bilingual] = {
    "tombstone": Bilingual("没有内容（删除标记）", "no value (a tombstone)"),
    "empty": Bilingual("内容为空", "empty"),
    "too_large": Bilingual("超过大小上限", "too large"),
    "not_utf8": Bilingual("不是 UTF-8", "not UTF-8"),
    "not_json": Bilingual("不是 JSON", "no JSON"),
    "not_an_object": Bilingual("不是 JSON 对象", "no JSON object"),
    "too_deep": Bilingual("嵌套过深", "nested too deeply"),
    "too_many_tokens": Bilingual("内容项过多", "too many values"),
    "duplicate_key": Bilingual("键重复", "a key twice"),
    "cloudevent_invalid": Bilingual("CloudEvents 属性有误", "not a valid CloudEvent"),
    "unknown_type": Bilingual("未知的事件类型", "an unknown type"),
    "missing_field": Bilingual("缺少必填字段", "a required field is missing"),
    "invalid_field": Bilingual("字段有误", "a field is wrong"),
    "key_missing": Bilingual("没有记录键", "the record has no key"),
    "key_mismatch": Bilingual("记录键不是车辆", "the key is not the vehicle"),
    "too_far_ahead": Bilingual("时间戳在未来", "stamped in the future"),
    "too_late": Bilingual("来得太晚", "came too late"),
    "event_id_conflict": Bilingual("事件编号已被另一事件占用", "another event has its id"),
    "order_full": Bilingual("工单事件过多", "its order has too many events"),
    "vehicle_full": Bilingual("车辆工单过多", "its vehicle has too many orders"),
}


def _about(
    title: Bilingual, text: Bilingual, unit: str, part: Part, better: Literal["higher", "lower"] | None = "lower"
) -> Definition:
    return Definition(title, text, unit, better, 1, part)


BESIDE: dict[str, Definition] = {
    "open_orders": _about(
        Bilingual("未结束工单", "Open orders"),
        Bilingual(
            "既未交车也未取消的工单，截至计算时；有止日时，止日（含）前到店者",
            "orders neither handed off nor cancelled, as of now; with a last day, those that checked in by it, and all "
            "of them where the days reach up to the last close",
        ),
        "orders",
        "left_out",
    ),
    **{
        f"open_{kind}_{name}_s": _about(
            Bilingual(f"未结束工单{zh}（{zh_name}）", f"Open orders: {en}, {en_name}"),
            Bilingual(f"未结束工单截至现在的{zh}的{zh_name}", f"{en_name} of the {en} of open orders with a check-in"),
            "s",
            "left_out",
        )
        for kind, zh, en in (("age", "停留时间", "time since the check-in"), ("wait", "已等待", "wait so far"))
        for name, zh_name, en_name in (
            ("median", "中位数", "median"),
            ("p90", "90 分位", "90th percentile"),
            ("longest", "最长", "longest"),
        )
    },
    "open_past_promise": _about(
        Bilingual("已过承诺时间", "Past their promise"),
        Bilingual(
            "未结束、未完工、且已过承诺时间的工单；n 为其中有承诺时间者",
            "open orders that are not ready and past their promised time; n are those that are not ready and have one",
        ),
        "orders",
        "left_out",
    ),
    "open_silent": _about(
        Bilingual("长期无事件", "Open without a word"),
        Bilingual(
            f"未结束且 {SILENT_DAYS} 天没有任何事件的工单", f"open orders without any event for {SILENT_DAYS} days"
        ),
        "orders",
        "left_out",
    ),
    "cancelled_share": _about(
        Bilingual("取消占比", "Cancelled"),
        Bilingual(
            "已取消的工单 / 已结束（交车或取消）的工单", "cancelled orders / closed orders (handed off or cancelled)"
        ),
        "share",
        "left_out",
    ),
    **{
        f"cancelled_wait_{name}_s": _about(
            Bilingual(f"取消者的等待（{zh}）", f"Wait of those who left, {en}"),
            Bilingual(
                f"已取消且有到店记录的工单到取消为止的等待，{zh}",
                f"{en} of the wait, up to the cancellation, of cancelled orders with a check-in",
            ),
            "s",
            "left_out",
        )
        for name, zh, en in (
            ("mean", "平均", "mean"),
            ("median", "中位数", "median"),
            ("p90", "90 分位", "90th percentile"),
        )
    },
    "response_rate": _about(
        Bilingual("答复率", "Response rate"),
        Bilingual("有评分的已结束工单 / 已结束工单", "closed orders with a score / closed orders"),
        "share",
        "answers",
        "higher",
    ),
    **{
        f"nps_{when}": _about(
            Bilingual(f"NPS（{zh}）", f"NPS, {en}"),
            Bilingual(
                f"同 NPS，仅限{zh}：结束后 {EARLY_DAYS} 天内为较早。两者相差大，则未答者的看法多半也不同"
                "（Armstrong 与 Overton，1977）",
                f"the NPS of those who {en}: early is at most {EARLY_DAYS} days after the close. Where both are far "
                "apart, those who never answered probably think otherwise, too (Armstrong and Overton 1977)",
            ),
            "nps",
            "answers",
            "higher",
        )
        for when, zh, en in (("early", "较早回答", "answered early"), ("late", "较晚回答", "answered later"))
    },
    "odd_times": _about(
        Bilingual("时间可疑", "Times that cannot be"),
        Bilingual(
            "有事件早于到店记录的工单 / 全部工单：时钟不准，等待偏短",
            "orders with an event stamped before the check-in / all orders: a clock is wrong, and waits look shorter "
            "than they were",
        ),
        "share",
        "answers",
    ),
}
