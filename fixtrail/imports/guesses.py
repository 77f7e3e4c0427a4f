"""What columns and activities of a log are likely to mean, by the words that workshops and their systems use."""

import re
from collections.abc import Iterable, Mapping, Sequence

from fixtrail.imports.errors import BadValueError
from fixtrail.imports.times import time_reader
from fixtrail.imports.zones import zone_at_the_end

ENOUGH = 0.8  # of the values of a column of times can be read
FORMATS = (
    *("iso", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %p %I:%M:%S", "%Y/%m/%d %p %I:%M"),
    *("%Y年%m月%d日 %H时%M分", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日 %H时", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S"),
    *("%Y年%m月%d日 %H点%M分", "%Y年%m月%d日 %p%I点%M分", "%Y年%m月%d日 %p%I时%M分", "%Y年%m月%d日 %p%I:%M"),
    *("%Y年%m月%d日%H:%M", "%Y年%m月%d日%p%I:%M", "%Y年%m月%d日%p%I点%M分", "%Y-%m-%d %p %I:%M", "%Y.%m.%d %H:%M"),
    *("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %I:%M %p"),
    *("%m/%d/%Y %I:%M:%S %p", "%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "%m/%d/%y %I:%M %p", "%d.%m.%y %H:%M"),
    *("%Y/%m/%d", "%Y年%m月%d日", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y%m%d%H%M%S", "%Y%m%d%H%M"),
    *("epoch_us", "epoch_ms", "epoch_s", "excel"),
)
_OF_NUMBERS = frozenset({"epoch_us", "epoch_ms", "epoch_s", "excel"})
# Role → words in a column's name, the surest first.
_COLUMNS: dict[str, tuple[str, ...]] = {
    "case": (
        *("case:concept:name", "工单号", "工单编号", "委托书号", "施工单号", "order_id", "order no", "order number"),
        *(
            "repair order",
            "work order",
            "ro_no",
            "ro number",
            "case id",
            "case_id",
            "caseid",
            "ticket",
            "单号",
            "订单",
            "order",
            "case",
            "编号",
        ),
    ),
    "vehicle": ("vin", "车架号", "底盘号", "vehicle_id", "chassis", "车牌", "plate", "registration", "vehicle", "车辆"),
    "customer": ("客户编号", "客户代码", "customer_id", "customer", "会员", "手机", "电话", "phone", "客户", "车主"),
    "center": ("服务站", "经销商", "门店", "网点", "center", "centre", "dealer", "branch", "site", "department"),
    "odometer": ("里程", "odometer", "mileage", "kilomet"),
    "lane": ("业务类型", "维修类型", "lane", "service type"),
    "amount": ("实收", "结算金额", "应收", "final amount", "invoice", "amount", "金额", "total"),
    "score": ("满意度", "nps", "score", "评分"),
    "activity": ("步骤", "环节", "节点", "concept:name", "activity", "step", "event", "工序", "状态", "status"),
}
# Names that say no more than that the column counts something: the order, where nothing else does.
_PLAIN_NUMBERS = ("id", "ro", "ro #", "ro no", "no", "no.", "nr", "nr.", "number", "#")
_DATE = re.compile(r"\d{1,4}[-/.]\d")
_ZONES = {
    "CST": "Asia/Shanghai",
    "JST": "Asia/Tokyo",
    "BST": "Europe/London",
    **dict.fromkeys(("CET", "CEST", "MEZ", "MESZ"), "Europe/Berlin"),
    **dict.fromkeys(("EST", "EDT"), "America/New_York"),
    **dict.fromkeys(("PST", "PDT"), "America/Los_Angeles"),
}
_SLASHED = ("%d/%m/", "%m/%d/")
# (event type, phase) → words in an activity, or in the name of a column of times.
_EVENTS: tuple[tuple[tuple[str, str | None], tuple[str, ...]], ...] = (
    (("promised", None), ("预计交车", "预交车", "预计完工", "promised", "planned", "estimated")),
    (("cancellation", None), ("作废", "取消", "退单", "cancel", "void")),
    (("quote_decision", None), ("客户确认", "客户同意", "approved", "approval")),
    (("survey", None), ("回访", "满意度", "survey")),
    (("complaint", None), ("投诉", "complain")),
    (("quality_check", "completed"), ("质检", "终检", "检验", "quality", "test repair", "inspection")),
    (("diagnosis", "started"), ("检测开始", "诊断开始", "diagnosis start", "diagnosis_start", "analyze defect")),
    (("diagnosis", "completed"), ("检测完成", "诊断完成", "检测", "诊断", "diagnos")),
    (("part_request", "backordered"), ("缺件", "欠料", "backorder")),
    (("part_request", "fulfilled"), ("到货", "配件到", "part arrived", "fulfilled")),
    (("part_request", "requested"), ("订件", "领料", "part request", "part_request", "parts ordered")),
    (("repair", "completed"), ("完工", "竣工", "维修完成", "修理完成", "repair end", "repair_end", "repair complete")),
    (("repair", "paused"), ("暂停", "停工", "paused")),
    (("repair", "resumed"), ("复工", "恢复", "resumed")),
    (("repair", "started"), ("开工", "维修开始", "施工", "上工位", "repair start", "repair_start", "repair")),
    (("check_in", None), ("开单", "进站", "接车", "进厂", "到店", "登记", "check-in", "check in", "check_in")),
    (("ready", None), ("可交车", "待交车", "ready")),
    (("handoff", None), ("交车", "出厂", "提车", "离店", "handoff", "handover", "deliver", "closed", "archive")),
    (("check_in", None), ("regist", "arriv", "receiv", "start", "创建", "created", "insert")),
    (("handoff", None), ("end", "close", "release", "结算", "finish", "complet")),
)


def column_for(role: str, columns: Sequence[str], used: Iterable[str] = ()) -> str | None:
    """The column whose name fits a role best; None where none does."""
    free = [column for column in columns if column not in set(used)]
    for word in _COLUMNS[role]:
        for column in free:
            if _position(column, (word,)) is not None:
                return column
    plain = (column for column in free if column.strip().lower() in _PLAIN_NUMBERS)
    return next(plain, None) if role == "case" else None


def event_for(text: str) -> tuple[str, str | None] | None:
    """The (event type, phase) that an activity or a column of times is likely to stand for; None for no idea."""
    return next((event for event, words in _EVENTS if _position(text, words) is not None), None)


def surest(texts: Iterable[str]) -> str:
    """Of texts that stand for the same event the one whose words leave the least doubt."""
    ranks = [(number, words) for number, (_, words) in enumerate(_EVENTS)]

    def doubt(text: str) -> tuple[int, int]:
        positions = ((number, _position(text, words)) for number, words in ranks)
        return next(((number, at) for number, at in positions if at is not None), (len(ranks), 0))

    return min(texts, key=doubt)


def _position(text: str, words: Sequence[str]) -> int | None:
    """Which of the words begins somewhere in the text; "send" does not begin with "end"."""
    lower = text.lower()
    for number, word in enumerate(words):
        if word in lower and (not word.isascii() or re.search(rf"(?<![a-z]){re.escape(word)}", lower)):
            return number
    return None


def zones_in(values: Sequence[str]) -> dict[str, str]:
    """What the names of zones behind times most likely mean, where they mean several, such as CST."""
    ends = (zone_at_the_end(text) for text in values if _DATE.match(text))
    names = {end[1] for end in ends if end is not None}
    return {name: zone for name, zone in _ZONES.items() if name in names}


def other_dates(values: Sequence[str]) -> tuple[str, bool]:
    """How the dates with slashes of a log do not begin, with the day or with the month, whichever reads fewer.

    And whether that is a guess: both read all of them.
    """
    dates = [text.split()[0] for text in values if text.count("/") >= 2]
    day_first, month_first = (
        sum(any(_is_read(text, start + year) for year in ("%Y", "%y")) for text in dates) for start in _SLASHED
    )
    return _SLASHED[1] if day_first >= month_first else _SLASHED[0], day_first == month_first


def formats_of(values: Sequence[str], name: str, other_name: str, zones: Mapping[str, str]) -> tuple[str, ...] | None:
    """The formats that read these values, the most useful first, none of `other`; None where they are no times."""
    rest, formats = list(values), []
    for pattern in FORMATS:
        if pattern in _OF_NUMBERS and not re.search(r"time|date|时间|日期|时|_at$|\bts\b", name.lower()):
            continue
        if pattern.startswith(other_name):
            continue  # a log writes its dates one way: read both ways some months would be days
        unread = [text for text in rest if not _is_read(text, pattern, zones)]
        if len(unread) < len(rest):
            formats.append(pattern)
            rest = unread
    is_enough = bool(values) and len(rest) <= (1 - ENOUGH) * len(values)
    return tuple(formats) if is_enough else None


def _is_read(text: str, pattern: str, zones: Mapping[str, str] | None = None) -> bool:
    if pattern == "iso" and text.isdigit():
        return False
    try:
        at = time_reader((pattern,), "shift", "earlier", zones)(text, "UTC", [])
    except BadValueError:
        return False
    return 1980 <= at.year <= 2100
