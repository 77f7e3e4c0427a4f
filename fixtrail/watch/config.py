"""What is watched: a TOML file of thresholds, rules and ops channels; without one, the defaults beside this file."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from fixtrail.procedures.file import Procedures
from schemas.locales import Locale
from schemas.toml_file import TomlTable, load_model
from sinks.push.config import Secret, Zone

DEFAULTS = Path(__file__).with_name("defaults.toml")

Severity = Literal["info", "warning", "critical"]
Lane = Literal["quick", "standard"]
Minutes = Annotated[float, Field(gt=0, le=365 * 24 * 60)]
# Which time counts: that of the opening hours, or all of it.
Counted = Literal["opening", "all"]


def _ascending_levels(levels: tuple[float, ...]) -> tuple[float, ...]:
    if list(levels) != sorted(set(levels)):
        raise ValueError("levels must ascend")
    return levels


class OrderScope(TomlTable):
    """Which orders something holds for; nothing said is all."""

    centers: tuple[str, ...] = ()
    lanes: tuple[Lane, ...] = ()

    def fits(self, center_id: str | None, lane: str | None) -> bool:
        return (not self.centers or center_id in self.centers) and (not self.lanes or lane in self.lanes)


class Threshold(OrderScope):
    minutes: Minutes


class Customers(TomlTable):
    """When customers are told what no event tells. Of several thresholds the first that fits counts; none is never.

    `running_late`: minutes after the promised time. `no_news`: minutes of opening time without any event.
    """

    running_late: tuple[Threshold, ...] = ()
    no_news: tuple[Threshold, ...] = ()


class RuleBase(OrderScope):
    """`escalate_minutes`: how long after its opening an alert is told again, once for each."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    severity: Severity = "warning"
    escalate_minutes: tuple[Minutes, ...] = ()

    @model_validator(mode="after")
    def _ascending(self) -> "RuleBase":
        if list(self.escalate_minutes) != sorted(set(self.escalate_minutes)):
            raise ValueError("escalate_minutes must ascend")
        return self


class WaitRule(RuleBase):
    """An order waits in this activity, or `any`: its waits of the visit together, for longer than `minutes`."""

    kind: Literal["wait"]
    activity: Literal["reception", "approval", "parts", "bay", "any"]
    minutes: Minutes
    counted: Counted = "opening"


class NoNewsRule(RuleBase):
    """No event of an order that is not ready for `minutes`."""

    kind: Literal["no_news"]
    minutes: Minutes
    counted: Counted = "opening"


class QuickLaneRule(RuleBase):
    """A quick-lane order is not ready `minutes` after its check-in."""

    kind: Literal["quick_lane"]
    minutes: Minutes = 15
    counted: Counted = "all"


class PromiseRule(RuleBase):
    """An order is not ready `minutes` before the time promised."""

    kind: Literal["promise"]
    minutes: Annotated[float, Field(ge=0)] = 30


class EmergencyPartRule(RuleBase):
    """An emergency part request is open for longer than `minutes`."""

    kind: Literal["emergency_part"]
    minutes: Minutes = 120
    counted: Counted = "all"


class CheckMissingRule(RuleBase):
    """A car that was mended is ready for `minutes` without a passed quality check, and still there.

    `groups`: the fault groups whose cars need one, `*` for all but those of `exempt`. None: as the file of standard
    procedures says; without that, no car needs one.
    """

    kind: Literal["check_missing"]
    minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 0
    groups: tuple[str, ...] = ()
    exempt: tuple[str, ...] = ()

    def needs_check(self, groups: Collection[str]) -> bool:
        """Whether an order with these fault groups needs one."""
        if any(group in self.groups for group in groups):
            return True
        return "*" in self.groups and not any(group in self.exempt for group in groups)


class ProcedureCheckRule(CheckMissingRule):
    """The same for the cars whose standard procedure has a check, as report `procedures` judges them."""

    procedures: Procedures

    def needs_check(self, groups: Collection[str]) -> bool:
        """Whether the procedure of an order with these fault groups has one."""
        procedure = self.procedures.of(groups)
        return procedure is not None and procedure.needs_check


class StuckRule(RuleBase):
    """An order that is not ready has been in one activity for `minutes`."""

    kind: Literal["stuck"]
    minutes: Minutes
    counted: Counted = "opening"


class StockoutRule(RuleBase):
    """A center's stock-out rate today is above the upper limit of its p-chart.

    Its own last `baseline_days` are the center line. Today counts from `least_today` part requests on, the baseline
    from `least_before`.
    """

    kind: Literal["stockout_rate"]
    sigmas: Annotated[float, Field(gt=0)] = 3
    baseline_days: Annotated[int, Field(ge=1, le=35)] = 28
    least_today: Annotated[int, Field(ge=1)] = 10
    least_before: Annotated[int, Field(ge=1)] = 50


class VehicleChangedRule(RuleBase):
    """An order is known under two vehicles; `fixtrail orders correct-vehicle` ends it."""

    kind: Literal["vehicle_changed"]


Levels = Annotated[tuple[Minutes, ...], Field(min_length=1), AfterValidator(_ascending_levels)]


class ComplaintAgeRule(RuleBase):
    """A complaint about which nobody got in touch, or `until` it is resolved, so long after it was opened or reopened.

    Each level of its severity is an alert; a complaint without severity counts as low.
    """

    kind: Literal["complaint_age"]
    high_minutes: Levels = (60, 240, 1440)
    low_minutes: Levels = (240, 1440, 4320)
    until: Literal["contacted", "resolved"] = "contacted"
    counted: Counted = "opening"


class DetractorRule(RuleBase):
    """An order's last survey has a bad score, and nobody got in touch within `minutes`; each level is an alert."""

    kind: Literal["detractor"]
    minutes: Levels = (2880,)
    counted: Counted = "all"


class SourceSilentRule(RuleBase):
    """Nothing has come from a center for so long that `least_usual` events usually come in that time.

    Usual is the same hours of the last `weeks`. `minutes`: how long after that.
    """

    kind: Literal["source_silent"]
    least_usual: Annotated[float, Field(ge=1)] = 10
    weeks: Annotated[int, Field(ge=2, le=4)] = 4
    minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 15


class ClockSkewRule(RuleBase):
    """Events of `least_orders` orders of a center were stamped more than `minutes` after they came, today (UTC)."""

    kind: Literal["clock_skew"]
    minutes: Minutes = 2
    least_orders: Annotated[int, Field(ge=1)] = 3


class FieldLostRule(RuleBase):
    """Orders that a center handed off in the last `window_days` have a field much less often than those before.

    Less than half as often, and below the lower limit of a p-chart. `fields`: only these.
    """

    kind: Literal["field_lost"]
    fields: tuple[Literal["promised_at", "fault_groups", "amount", "quote", "odometer_km"], ...] = ()
    sigmas: Annotated[float, Field(gt=0)] = 3
    window_days: Annotated[int, Field(ge=1, le=7)] = 2
    baseline_days: Annotated[int, Field(ge=1, le=28)] = 28
    least_now: Annotated[int, Field(ge=1)] = 10
    least_before: Annotated[int, Field(ge=1)] = 50


class PipelineRule(RuleBase):
    """The newest heartbeat that came through the stream workers is older than `minutes`."""

    kind: Literal["pipeline_lag"]
    minutes: Minutes = 2


class QualityWarningRule(RuleBase):
    """A batch, build, software or part has more product faults than expected: report `warning`, computed in between.

    `least_cases`: only from so many cases on.
    """

    kind: Literal["quality_warning"]
    every_minutes: Annotated[float, Field(ge=5, le=7 * 24 * 60)] = 60
    least_cases: Annotated[int, Field(ge=3)] = 3


OrderRule = WaitRule | NoNewsRule | QuickLaneRule | PromiseRule | EmergencyPartRule | CheckMissingRule | StuckRule
SourceRule = SourceSilentRule | ClockSkewRule | FieldLostRule
VoiceRule = ComplaintAgeRule | DetractorRule
Rule = Annotated[
    OrderRule | StockoutRule | SourceRule | VehicleChangedRule | VoiceRule | PipelineRule | QualityWarningRule,
    Field(discriminator="kind"),
]


class OpsChannel(TomlTable):
    """Where the staff is told: one Apprise URL.

    `rules`, `centers`: only those, all where nothing is said. `from_level`: only once an alert was escalated so often.
    `closed`: also that it is over.
    """

    url: Secret
    rules: tuple[str, ...] = ()
    centers: tuple[str, ...] = ()
    severities: tuple[Severity, ...] = ()
    from_level: Annotated[int, Field(ge=0)] = 0
    closed: bool = True
    mail: bool = False
    timeout_s: Annotated[float, Field(gt=0, le=60)] = 15.0


class WatchConfig(TomlTable):
    """Everything that may be set. What began `oldest_hours` ago or earlier opens no alert: it is history, not news."""

    locale: Locale = "zh-CN"
    time_zone: Zone = "Asia/Shanghai"
    oldest_hours: Annotated[float, Field(gt=0)] = 72
    keep_days: Annotated[int, Field(ge=1)] = 30
    customers: Customers = Customers()
    rule: tuple[Rule, ...] = ()
    ops: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], OpsChannel] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_once(self) -> "WatchConfig":
        names = [rule.name for rule in self.rule]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"more than one rule is called {', '.join(twice)}")
        for channel, section in self.ops.items():
            if unknown := sorted(set(section.rules) - set(names)):
                raise ValueError(f"ops.{channel}: there is no rule {', '.join(unknown)}")
        return self


def read_watch_config(path: Path | None) -> WatchConfig:
    """The configuration in a file; without one, the defaults. Raises TomlFileError, which shows no secret."""
    return load_model(path or DEFAULTS, WatchConfig)


def with_procedures(config: WatchConfig, procedures: Procedures | None) -> WatchConfig:
    """The same, its rules `check_missing` that name no groups with those whose procedure has a check."""
    if procedures is None:
        return config
    rules = tuple(
        ProcedureCheckRule(**rule.model_dump(), procedures=procedures)
        if isinstance(rule, CheckMissingRule) and not rule.groups
        else rule
        for rule in config.rule
    )
    return config.model_copy(update={"rule": rules})
