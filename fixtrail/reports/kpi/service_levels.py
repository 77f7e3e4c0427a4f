"""The operator's own limits, [service_levels] of the targets, as figures of the KPI report beside the contract's."""

from collections.abc import Iterator, Mapping, Sequence

from fixtrail.reports.figure_kinds import share_figure
from fixtrail.reports.kpi.answers import Row
from fixtrail.reports.options import Options
from fixtrail.reports.report import Bilingual, Definition, Figure
from runtime.failure import USAGE, ExitError

# In the order of the query's lists.
LEVELS: Mapping[str, Bilingual] = {
    "quick_lane": Bilingual("快修完工", "Quick lane ready"),
    "wait": Bilingual("等待", "Wait"),
    "wait_reception": Bilingual("等待接待", "Wait for reception"),
    "wait_approval": Bilingual("等待客户审批", "Wait for approval"),
    "wait_parts": Bilingual("等待配件", "Wait for parts"),
    "wait_bay": Bilingual("等待工位", "Wait for a bay"),
    "emergency": Bilingual("紧急配件到货", "Emergency part there"),
}
_OF = {
    "quick_lane": Bilingual("已完工的快修工单，已结束的工单", "quick-lane orders that became ready, of closed orders"),
    "emergency": Bilingual("全部紧急请求，已结束的工单", "emergency requests, of closed orders"),
}
_OF_WAITS = Bilingual("有到店记录的已交车工单", "handed-off orders with a check-in")

Limits = Mapping[str, float]


def limits_of(options: Options) -> Limits:
    """Minutes by level, only those that were set. Raises ExitError for what is no limit."""
    table = options.targets.more.get("service_levels", {})
    keys = {f"{name}_min": name for name in LEVELS}
    try:
        if unknown := sorted(table.keys() - keys.keys()):
            raise ValueError(f"there is no key {', '.join(unknown)}; keys are {', '.join(keys)}")
        return {name: _minutes(key, table[key]) for key, name in keys.items() if key in table}
    except (ValueError, AttributeError) as error:
        raise ExitError(f"targets: service_levels: {error}", USAGE) from None


def _minutes(key: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= 0:
        raise ValueError(f"{key} is a number of minutes, not {value!r}")
    return float(value)


def parameter(limits: Limits) -> list[float]:
    """The query's list of limits in seconds; empty where none was set."""
    return [] if not limits else [60 * limits.get(name, 0.0) for name in LEVELS]


def definitions_of(limits: Limits) -> dict[str, Definition]:
    """A definition for each limit that was set, with its minutes."""
    return {f"{name}_within": _definition(name, minutes) for name, minutes in limits.items()}


def _definition(name: str, minutes: float) -> Definition:
    title, of = LEVELS[name], _OF.get(name, _OF_WAITS)
    return Definition(
        Bilingual(f"{title.zh}不超过 {minutes:g} 分钟", f"{title.en} within {minutes:g} min"),
        Bilingual(f"不超过 {minutes:g} 分钟的 / {of.zh}", f"those within {minutes:g} min / {of.en}"),
        "share",
        "higher",
        part="service_levels",
    )


def service_level_figures(limits: Limits, rows: Sequence[Row]) -> Iterator[Figure]:
    """The share within each limit; `rows`: what each center adds to the key."""
    for number, name in enumerate(LEVELS):
        if name in limits:
            yield _figure(name, [(int(row["held"][number]), int(row["n"][number])) for row in rows], rows)


def _figure(name: str, pairs: Sequence[tuple[int, int]], rows: Sequence[Row]) -> Figure:
    held, n = sum(count for count, _ in pairs), sum(size for _, size in pairs)
    orders, yet, cancelled, requests = (
        sum(int(row[column]) for row in rows) for column in ("orders", "open", "cancelled", "requests_all")
    )
    if name == "emergency":
        return share_figure(f"{name}_within", held, n, requests, {"open": requests - n}, pairs)
    if name == "quick_lane":
        left = {"open": yet, "not_quick_or_never_ready": orders - yet - n}
    else:
        left = {"open": yet, "cancelled": cancelled, "no_check_in": orders - yet - cancelled - n}
    return share_figure(f"{name}_within", held, n, orders, left, pairs)
