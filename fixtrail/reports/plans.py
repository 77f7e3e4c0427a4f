"""The tables of the targets file that drivers, pareto, pilot and voices read, with unknown keys refused by name."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from fixtrail.reports.drivers.visits import LONGEST_WAIT_MIN
from fixtrail.reports.options import Options
from fixtrail.reports.pareto.loss import SolvedLevels
from fixtrail.reports.pilot.judge import Plan, plan_of
from runtime.failure import USAGE, ExitError

_PILOT = {"wave", "until", "declared", "alpha", "gate", "rollout"}
_GATE = {"figure", "at_least", "at_most"}
_ROLLOUT = {"wave", "from", "centers"}


def longest_wait_min(options: Options) -> float:
    """The wait from which on a longer one counts no more: [drivers], 240 min unless told. Raises ExitError."""
    return _number(_table(options, "drivers", {"longest_wait_min"}), "drivers", "longest_wait_min", LONGEST_WAIT_MIN)


def solved_levels(options: Options) -> SolvedLevels:
    """When a cause counts as solved: [pareto]; else the targeted mean wait, or 15 min, and one update. Or ExitError."""
    table = _table(options, "pareto", {"wait_min", "updates"})
    aim_s = options.targets.values.get("wait_mean_s", 60 * SolvedLevels().wait_min)
    return SolvedLevels(
        _number(table, "pareto", "wait_min", aim_s / 60), _number(table, "pareto", "updates", SolvedLevels().updates)
    )


def read_plan(options: Options) -> tuple[Plan, tuple[Mapping[str, Any], ...]]:
    """(what was declared of the pilot in [pilot], the waves told there in place of the centers'). Raises ExitError."""
    table = _table(options, "pilot", _PILOT)
    try:
        for gate in table.get("gate", ()):
            _check_keys(gate, "pilot.gate", _GATE)
        rollout = tuple(table.get("rollout", ()))
        for wave in rollout:
            _check_keys(wave, "pilot.rollout", _ROLLOUT)
            if missing := sorted(_ROLLOUT - wave.keys()):
                raise ValueError(f"pilot.rollout: {', '.join(missing)} is missing")
        return plan_of(table), rollout
    except (ValueError, TypeError, AttributeError) as error:
        raise ExitError(f"targets: {error}", USAGE) from None


def _table(options: Options, name: str, keys: Collection[str]) -> Mapping[str, Any]:
    table = options.targets.more.get(name, {})
    try:
        _check_keys(table, name, keys)
    except (ValueError, AttributeError) as error:
        raise ExitError(f"targets: {error}", USAGE) from None
    checked: Mapping[str, Any] = table
    return checked


def _check_keys(table: Mapping[str, Any], name: str, keys: Collection[str]) -> None:
    if unknown := sorted(table.keys() - set(keys)):
        raise ValueError(f"{name}: there is no key {', '.join(unknown)}; keys are {', '.join(sorted(keys))}")


def _number(table: Mapping[str, Any], name: str, key: str, otherwise: float) -> float:
    value = table.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ExitError(f"targets: {name}.{key} is a number of at least 0, not {value!r}", USAGE)
    return float(value)


@dataclass(frozen=True, slots=True)
class VoiceLimits:
    """Hours to the first contact: of a bad score on the clock, of complaints opening hours by level.

    `repeat_days`: a complaint of the same vehicle and category so soon after another is a repeat. `recovery_days`: so
    long a later answer of the customer counts.
    """

    contact_hours: float = 48
    high_hours: tuple[float, ...] = (1, 4, 24)
    low_hours: tuple[float, ...] = (4, 24, 72)
    repeat_days: float = 90
    recovery_days: float = 180


def voice_limits(options: Options) -> VoiceLimits:
    """The limits of table [voices]. Raises ExitError where it is wrong."""
    table = _table(options, "voices", [field.name for field in fields(VoiceLimits)])
    usual = VoiceLimits()

    def number(name: str) -> float:
        return _number(table, "voices", name, getattr(usual, name))

    return VoiceLimits(
        number("contact_hours"),
        _levels(table, "high_hours", usual.high_hours),
        _levels(table, "low_hours", usual.low_hours),
        number("repeat_days"),
        number("recovery_days"),
    )


def _levels(table: Mapping[str, Any], name: str, otherwise: tuple[float, ...]) -> tuple[float, ...]:
    values = table.get(name, otherwise)
    is_list = isinstance(values, (list, tuple)) and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 for value in values
    )
    if not is_list or not values or list(values) != sorted(set(values)):
        raise ExitError(f"targets: voices.{name} is a list of ascending hours, not {values!r}", USAGE)
    return tuple(float(value) for value in values)
