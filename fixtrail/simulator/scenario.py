"""What a simulated world is made of: a scenario, read from TOML and checked key by key."""

from collections.abc import Mapping
from datetime import date, time
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import ConfigDict, Field, field_validator, model_validator

from fixtrail.simulator.fault_waves import share_of_cars
from schemas.times import checked_time_zone
from schemas.toml_file import TomlFileError, TomlTable, parse_model, parse_toml, read_toml

ALIASES = {"default": "owners-story"}
# The whole set of scores has eleven values, so ten borders lie between them.
SCORES = 11

Share = Annotated[float, Field(ge=0, le=1)]
Minutes = Annotated[float, Field(ge=0, le=10_000)]
Days = Annotated[float, Field(gt=0, le=3_650)]
Weight = Annotated[float, Field(ge=0)]
Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9._-]+$")]
Origin = Literal["maintenance", "misuse", "product"]
Lane = Literal["quick", "standard"]


class ScenarioError(TomlFileError):
    """The scenario cannot be used as it is written; trying again does not help. Each line names one key."""


class ScenarioTable(TomlTable):
    model_config = ConfigDict(allow_inf_nan=False)


class CenterProfile(ScenarioTable):
    """How a center works: what the rollout changes. Minutes are means, shares are probabilities."""

    reception_min: Minutes
    approval_min: Minutes
    picking_min: Minutes
    dispatch_min: Minutes
    inspection_queue_min: Minutes
    courier_min: Minutes
    stockout_share: Annotated[float, Field(ge=0.005, le=0.95)]
    emergency_share: Share
    failed_check_share: Share
    restarted_job_share: Share
    comeback_share: Share
    update_share: Share
    quote_overrun_share: Share
    contact_share: Share
    promised_wait_min: Minutes


class Work(ScenarioTable):
    """How work is done in every center; no rollout changes it."""

    diagnosis_min: Minutes
    quick_diagnosis_min: Minutes
    check_min: Minutes
    rework_min: Minutes
    pickup_min: Minutes
    last_check_in_before_close_min: Minutes
    overtime_min: Minutes
    quick_share: Share
    quick_pace: Share
    quick_quote_share: Share
    cancelled_share: Share
    declined_share: Share
    second_fault_share: Share
    inspected_share: Share
    additional_finding_share: Share
    expert_pause_share: Share
    found_later_share: Share
    overnight_share: Share
    withdrawn_share: Share
    part_return_share: Share
    comeback_mean_days: Days
    comeback_elsewhere_share: Share
    known_vehicle_share: Share
    english_share: Share
    replenishment_days: Days
    labour_rate: Annotated[float, Field(gt=0)]
    currency: Annotated[str, Field(min_length=1, max_length=8)]


class WaitSpread(ScenarioTable):
    """Random differences: standard deviations between centers and between technicians."""

    center_delays: Annotated[float, Field(ge=0, le=2)]
    center_score: Annotated[float, Field(ge=0, le=5)]
    technician_rework: Annotated[float, Field(ge=0, le=2)]


class Service(ScenarioTable):
    """What a center tells and does beside the visit itself; it changes no figure of the visit."""

    appointment_share: Share = 0.4
    appointment_hours: Annotated[float, Field(gt=0, le=1_000)] = 48.0
    moved_share: Share = 0.12
    rebooked_share: Share = 0.06
    ready_share: Share = 0.8
    follow_up_share: Share = 0.65
    follow_up_hours: Annotated[float, Field(ge=0, le=240)] = 8.0
    resolved_share: Share = 0.75
    reopened_share: Share = 0.08


class Score(ScenarioTable):
    """Proportional odds: log-odds by which each driver moves the score down (positive) or up (negative)."""

    base_shares: Annotated[tuple[Weight, ...], Field(min_length=SCORES, max_length=SCORES)]
    wait_per_10_min: float
    longest_wait_min: Minutes
    not_fixed_first_time: float
    stockout: float
    progress_update: float
    most_updates: Annotated[int, Field(ge=0, le=20)]
    quote_overrun: float
    response_share: Share
    corrected_share: Share
    comment_share: Share
    delay_hours: Annotated[float, Field(ge=0, le=240)]

    @model_validator(mode="after")
    def _extremes_happen(self) -> "Score":
        if self.base_shares[0] <= 0 or self.base_shares[-1] <= 0:
            raise ValueError("base_shares: the first and the last share must be above 0")
        return self


class ScenarioComplaint(ScenarioTable):
    """Logistic: log-odds of a complaint."""

    base_share: Annotated[float, Field(ge=0, lt=1)]
    wait_per_10_min: float
    not_fixed_first_time: float
    high_share: Share
    delay_hours: Annotated[float, Field(ge=0, le=240)]


class Anomalies(ScenarioTable):
    """Shares of events (duplicate, late, lost_phase) or of orders (the others) that the feed spoils."""

    duplicate: Share
    late: Share
    late_hours: Annotated[float, Field(gt=0, le=1_000)]
    lost_phase: Share
    missing_check_in: Share
    activity_after_close: Share
    negative_gap: Share
    center_changed: Share
    delay_s: Annotated[float, Field(ge=0, le=3_600)]


class Arrivals(ScenarioTable):
    orders_per_day: Annotated[float, Field(gt=0, le=10_000)]
    by_hour: Annotated[tuple[Weight, ...], Field(min_length=24, max_length=24)]
    by_weekday: Annotated[tuple[Weight, ...], Field(min_length=7, max_length=7)]


class Crew(ScenarioTable):
    advisors: Annotated[int, Field(ge=1, le=1_000)]
    bays: Annotated[int, Field(ge=1, le=1_000)]
    technicians: Annotated[int, Field(ge=1, le=1_000)]
    quick_bays: Annotated[int, Field(ge=1, le=1_000)]
    quick_technicians: Annotated[int, Field(ge=1, le=1_000)]
    inspectors: Annotated[int, Field(ge=1, le=1_000)]


class ScenarioWave(ScenarioTable):
    """The centers of rollout wave `number` change over on a day of the run, or on a date."""

    number: Annotated[int, Field(ge=1, le=99)]
    from_day: Annotated[int, Field(ge=0, le=100_000)] | None = None
    from_date: date | None = None

    @model_validator(mode="after")
    def _one_start(self) -> "ScenarioWave":
        if (self.from_day is None) == (self.from_date is None):
            raise ValueError("a wave needs either from_day or from_date")
        return self


class ScenarioCenter(ScenarioTable):
    id: Name
    name: str
    name_en: str
    region: Annotated[str, Field(min_length=1, max_length=64)]
    wave: Annotated[int, Field(ge=0, le=99)] = 0
    time_zone: str = "Asia/Shanghai"
    opens: time = time(8, 30)
    closes: time = time(18)
    weekdays: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(min_length=1)] = (1, 2, 3, 4, 5, 6, 7)
    load: Annotated[float, Field(gt=0, le=100)] = 1.0

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, zone: str) -> str:
        return checked_time_zone(zone)

    @model_validator(mode="after")
    def _open_a_while(self) -> "ScenarioCenter":
        if self.opens >= self.closes:
            raise ValueError("opens must lie before closes on the same day")
        return self


class ScenarioPart(ScenarioTable):
    no: Annotated[str, Field(min_length=1, max_length=64)]
    price: Annotated[float, Field(gt=0)]
    need: Share
    name: Annotated[str, Field(max_length=64)] = ""
    quantity: Annotated[int, Field(ge=1, le=100)] = 1


class FaultGroup(ScenarioTable):
    name: Name
    origin: Origin
    weight: Weight
    repair_min: Annotated[float, Field(gt=0, le=10_000)]
    quick_repair_min: Annotated[float, Field(gt=0, le=10_000)] | None = None
    codes: tuple[str, ...] = ()
    labour: Annotated[str, Field(max_length=64)] = ""
    parts: tuple[ScenarioPart, ...] = ()


class FaultWave(ScenarioTable):
    """From a day of the run on, cars with these marks have the fault `factor` times as often.

    The fault is `group`, or the one whose first part the batch is of; without both, every fault of the product.
    """

    batch: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    software: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    built: Annotated[str, Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$")] | None = None
    group: Name | None = None
    from_day: Annotated[int, Field(ge=0, le=100_000)]
    factor: Annotated[float, Field(ge=1, le=1_000)]

    @model_validator(mode="after")
    def _marks_something(self) -> "FaultWave":
        if not any((self.batch, self.model, self.software, self.built)):
            raise ValueError("a fault wave needs a batch, model, software or built")
        return self


class CalibrationFigures(ScenarioTable):
    """The figures that the scenario was calibrated to, for documentation only."""

    wait_min: Minutes
    ftfr: Share
    nps: Annotated[float, Field(ge=-100, le=100)]
    stockout_share: Share


class CalibratedTo(ScenarioTable):
    baseline: CalibrationFigures
    improved: CalibrationFigures


class Scenario(ScenarioTable):
    name: Name
    description: str = ""
    days: Annotated[int, Field(ge=1, le=3_650)] = 28
    waves_take_effect: bool = True
    origins: dict[Origin, Weight]
    arrivals: Arrivals
    crew: Crew
    work: Work
    baseline: CenterProfile
    improved: CenterProfile
    spread: WaitSpread
    service: Service = Service()
    score: Score
    complaint: ScenarioComplaint
    anomalies: Anomalies
    figures: CalibratedTo | None = None
    wave: tuple[ScenarioWave, ...] = ()
    center: Annotated[tuple[ScenarioCenter, ...], Field(min_length=1, max_length=999)]
    fault_group: Annotated[tuple[FaultGroup, ...], Field(min_length=1)]
    fault_wave: tuple[FaultWave, ...] = ()

    @model_validator(mode="after")
    def _names_agree(self) -> "Scenario":
        _unique("center id", [center.id for center in self.center])
        _unique("wave", [wave.number for wave in self.wave])
        _unique("fault_group name", [group.name for group in self.fault_group])
        numbers = {wave.number for wave in self.wave} | {0}
        for center in self.center:
            if center.wave not in numbers:
                raise ValueError(f"center {center.id}: there is no [[wave]] with number {center.wave}")
        for origin, weight in self.origins.items():
            if weight > 0 and not any(group.origin == origin and group.weight > 0 for group in self.fault_group):
                raise ValueError(f"origins.{origin}: no fault_group has this origin")
        if not any(self.origins.values()):
            raise ValueError("origins: at least one must be above 0")
        return self

    @model_validator(mode="after")
    def _waves_have_cars(self) -> "Scenario":
        for number, wave in enumerate(self.fault_wave, 1):
            groups = self.groups_of(wave)
            if not groups:
                raise ValueError(f"fault_wave {number}: no fault of the product has this group or batch")
            if not any(share_of_cars(wave, first_part(group)) for group in groups):
                raise ValueError(f"fault_wave {number}: no car is of this batch, model, software and built")
        return self

    def groups_of(self, wave: FaultWave) -> tuple[FaultGroup, ...]:
        """The faults that a wave makes more frequent."""
        groups = (group for group in self.fault_group if group.origin == "product" and wave.group in (None, group.name))
        return tuple(
            group for group in groups if wave.batch is None or wave.batch.rpartition("-")[0] in first_part(group)
        )

    @cached_property
    def mix(self) -> tuple[tuple[FaultGroup, float], ...]:
        """Every fault group with its share of all visits."""
        total = sum(self.origins.values())
        totals = {origin: sum(g.weight for g in self.fault_group if g.origin == origin) for origin in get_args(Origin)}
        return tuple(
            (group, self.origins.get(group.origin, 0.0) / total * group.weight / totals[group.origin])
            for group in self.fault_group
            if totals[group.origin] > 0
        )


def first_part(group: FaultGroup) -> list[str]:
    """The number of the part that a repair of this fault takes out; none where it takes out none."""
    return [part.no for part in group.parts[:1]]


def built_in() -> list[str]:
    """The names of the scenarios that come with Fixtrail."""
    folder = resources.files("fixtrail.simulator").joinpath("scenarios")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def load_scenario(source: str | Path) -> Scenario:
    """The scenario of a TOML file, or a built-in one by its name.

    A file may name a `base`, another file beside it or a built-in scenario, and then says only what differs.
    Raises TomlFileError, which names the keys, for a file that is not there or not right.
    """
    return parse_scenario(_with_base(_read(str(source), Path()), depth=0), str(source))


def parse_scenario(table: Mapping[str, Any], source: str = "scenario") -> Scenario:
    """The scenario of a table as TOML gives it. Raises TomlFileError."""
    merged = dict(table)
    # What the rollout does not change stays as it was.
    merged["improved"] = _merge(merged.get("baseline", {}), merged.get("improved", {}))
    return parse_model(merged, Scenario, source)


def _read(source: str, beside: Path) -> tuple[dict[str, Any], Path]:
    name = ALIASES.get(source, source)
    if name in built_in():
        text = resources.files("fixtrail.simulator").joinpath("scenarios", f"{name}.toml").read_text("utf-8")
        return parse_toml(text, name), Path()
    path = beside / source
    if not path.is_file():
        names = ", ".join([*ALIASES, *built_in()])
        raise ScenarioError(f"{source}: no such file, and no built-in scenario ({names})")
    return read_toml(path), path.parent


def _with_base(loaded: tuple[dict[str, Any], Path], depth: int) -> dict[str, Any]:
    table, folder = loaded
    base = table.pop("base", None)
    if base is None:
        return table
    if depth >= 5 or not isinstance(base, str):
        raise ScenarioError("base: must name another scenario, at most five deep and not in a circle")
    return _merge(_with_base(_read(base, folder), depth + 1), table)


def _merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`under` updated key by key with the tables of `over`; lists are replaced."""
    if not isinstance(under, Mapping) or not isinstance(over, Mapping):
        return over  # the model names what is wrong with it
    merged = dict(under)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


def _unique(subject: str, values: list[Any]) -> None:
    repeated = sorted({value for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"{subject} given twice: {', '.join(map(str, repeated))}")
