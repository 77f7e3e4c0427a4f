"""All settings of Fixtrail, for the command line and the processes; everything else takes the groups it reads."""

from typing import Any

from pydantic import ValidationError

from fixtrail.settings import (
    HistorySettings,
    PersonsSettings,
    PulseSettings,
    ScheduleSettings,
    ServerSettings,
    StackSettings,
    WatchSettings,
)
from runtime.failure import USAGE, ExitError


class Settings(
    StackSettings,
    HistorySettings,
    WatchSettings,
    PulseSettings,
    PersonsSettings,
    ScheduleSettings,
    ServerSettings,
):
    """Every group at once, so that it can be given wherever a group is taken."""


def read_settings(**changed: Any) -> Settings:
    """The settings of the environment, but for those given. Raises ExitError (2), which names every wrong variable."""
    try:
        return Settings(**changed)
    except ValidationError as error:
        wrong = "; ".join(f"FIXTRAIL_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise ExitError(f"wrong setting: {wrong}", USAGE) from None
