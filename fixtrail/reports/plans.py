"""The tables of the targets file that drivers, pareto, pilot and voices read, with unknown keys refused by name."""

from collections.abc import Collection, Mapping
from typing import Any

from fixtrail.reports.drivers.visits import LONGEST_WAIT_MIN
from fixtrail.reports.options import Options
from fixtrail.reports.pareto.loss import SolvedLevels
from fixtrail.reports.pilot.judge import Plan, plan_of
from fixtrail.voices.limits import VoiceLimits, limits_of
from runtime.failure import USAGE, ExitError

_PILOT = {"wave", "until", "declared", "alpha", "gate", "rollout"}
_GATE = {"figure", "at_least", "at_most"}
_ROLLOUT = {"wave", "from", "centers"}


def longest_wait_min(options: Options) -> float:
    """The wait from which on a longer one counts no more: [drivers], 240 min unless told. Raises ExitError."""
    return number_of(
        table_of(options, "drivers", {"longest_wait_min"}), "drivers", "longest_wait_min", LONGEST_WAIT_MIN
    )


def solved_levels(options: Options) -> SolvedLevels:
    """When a cause counts as solved: [pareto]; else the targeted mean wait, or 15 min, and one update. Or ExitError."""
    table = table_of(options, "pareto", {"wait_min", "updates"})
    aim_s = options.targets.values.get("wait_mean_s", 60 * SolvedLevels().wait_min)
    return SolvedLevels(
        number_of(table, "pareto", "wait_min", aim_s / 60),
        number_of(table, "pareto", "updates", SolvedLevels().updates),
    )


def read_plan(options: Options) -> tuple[Plan, tuple[Mapping[str, Any], ...]]:
    """(what was declared of the pilot in [pilot], the waves told there in place of the centers'). Raises ExitError."""
    table = table_of(options, "pilot", _PILOT)
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


def table_of(options: Options, name: str, keys: Collection[str]) -> Mapping[str, Any]:
    """A table of the targets file, empty without one. Raises ExitError for a key that it may not have."""
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


def number_of(table: Mapping[str, Any], name: str, key: str, otherwise: float) -> float:
    """A number of such a table. Raises ExitError for what is none, or below 0."""
    value = table.get(key, otherwise)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
        raise ExitError(f"targets: {name}.{key} is a number of at least 0, not {value!r}", USAGE)
    return float(value)


def voice_limits(options: Options) -> VoiceLimits:
    """The limits of table [voices]. Raises ExitError where it is wrong."""
    try:
        return limits_of(options.targets.more.get("voices", {}))
    except ValueError as error:
        raise ExitError(f"targets: {error}", USAGE) from None
