"""What a customer was told: a row for each milestone with what became of it on every channel, in the reader's words."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fixtrail.web.staff.page_frame import StaffTexts

# The ledger keeps reasons as the push sink says them, for logs and for `fixtrail notices log`.
_CHINESE: tuple[tuple[str, str], ...] = (
    (r"channel (\S+) is not set up any more", r"渠道 \1 已停用"),
    (r"channel (\S+) is not set up", r"渠道 \1 未配置"),
    (r"the address names no channel", "地址没有说明渠道"),
    (r"no address", "没有联系地址"),
    (r"already too old when it came", "到达时已过时"),
    (r"too old before its turn came", "轮到发送前已过时"),
    (r"too old in the end: ", "最终过时："),
    (r"made pointless by a later milestone: (\w+)", r"已被后来的里程碑取代：\1"),
    (r"its journey is not here yet", "工单数据尚未到达"),
    (r"no journey shows it", "工单数据中没有它"),
    (r"taken back: the events as they are now do not show it", "已撤回：现有事件不再证明它"),
    (r"the part has come, was called off, or is expected at another time by now", "配件已到、已取消或到货时间已变"),
    (r"the quote was decided", "报价已有答复"),
    (r"the car is being worked on again", "车辆又在作业中"),
    (r"the center tells it once it is proven", "中心在有证明后才通知"),
    (r"no consent: opted out", "客户不接收通知"),
    (r"no consent: this milestone is not wanted", "客户不接收此类通知"),
    (r"no consent: notifications were turned off", "客户关闭了通知"),
    (r"no consent left for this kind of message", "此类消息没有剩余授权"),
    (r"no clear answer, and then it was not to be sent again: ", "没有明确答复，且不应再次发送："),
    (r" until it would have been too late", "，直到过时"),
    (r"quiet hours", "免打扰时段"),
    (r"minimum gap", "与上一条间隔太短"),
    (r"enough messages for one day", "当天消息已达上限"),
    (r"told already: a late event only shows another proof of it", "已通知过：迟到的事件只是另一个证明"),
    (r"there is a new promise", "已有新的承诺时间"),
    (r"the car is ready", "车辆已可取"),
    (r"there has been news", "之后已有新进展"),
    (r"the customer does not wait any more", "客户已不在等待"),
    (r"the visit has gone on", "过程已继续"),
    (r"the journey does not show (?:this promise|this event|that the work is done)", "工单数据中没有它"),
    (r"not reached", "无法连接"),
    (r"no form for this milestone", "此里程碑没有模板"),
    (r"\berased\b", "已删除"),
    (r"\brestricted\b", "已限制处理"),
)


@dataclass(slots=True)
class ChannelOutcome:
    """What became of a milestone on one channel."""

    channel: str
    state: str
    at: str | None
    text: str


@dataclass(slots=True)
class NoticeRow:
    """One milestone as it happened, with all channels; `was_sent` if any of them took it."""

    milestone: str
    occurred_at: str | None
    outcomes: list[ChannelOutcome] = field(default_factory=list)

    @property
    def was_sent(self) -> bool:
        return any(outcome.state == "SENT" for outcome in self.outcomes)


def notice_rows(log: Iterable[Mapping[str, Any]], t: StaffTexts) -> list[NoticeRow]:
    """The ledger's log of an order, a row for each milestone, in its order."""
    rows: dict[tuple[str, str], NoticeRow] = {}
    for send in log:
        row = rows.setdefault((send["milestone"], send["event_id"]), NoticeRow(send["milestone"], send["occurred_at"]))
        texts = [send["told"] if send["state"] == "SENT" else "", send["reason"], send["held_for"]]
        text = "; ".join(dict.fromkeys(reason_in(part, t) for part in texts if part))
        row.outcomes.append(ChannelOutcome(send["channel"], send["state"], send["final_at"] or send["due_at"], text))
    return list(rows.values())


def reason_in(reason: str, t: StaffTexts) -> str:
    """The push sink's reason in the reader's language; what has no words of ours stays as it is."""
    return reason if t.locale == "en" else _chinese(reason, t)


def _chinese(reason: str, t: StaffTexts) -> str:
    for pattern, text in _CHINESE:
        reason = re.sub(pattern, text, reason)
    reason = re.sub(r"^渠道 (\S+) ", lambda match: f"渠道“{t.name('channel', match[1])}”", reason)
    return re.sub(r"：(\w+)$", lambda match: f"：{t.name('milestone', match[1])}", reason)
