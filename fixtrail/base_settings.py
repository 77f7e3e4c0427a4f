"""What all groups of settings have in common: the environment, secrets in files, and the data folder."""

import json
import os
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from runtime.failure import USAGE, ExitError

STACK_FILE = "stack.json"
# In a data folder whose broker is Apache Kafka.
KAFKA_FOLDER = "kafka"
PREFIX = "FIXTRAIL_"


class NoEndpointError(RuntimeError):
    """Neither a setting nor a stack.json says where a server is."""


class _SecretFiles(PydanticBaseSettingsSource):
    """The secrets whose files FIXTRAIL_…_FILE names; a field is a secret where it is left out of every `repr`."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """Not used: `__call__` reads all of them."""
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        """By field the content of its file. Raises ExitError (2) where there is none, or the secret is set twice."""
        secrets = [name for name, field in self.settings_cls.model_fields.items() if not field.repr]
        paths = {name: os.environ.get(f"{PREFIX}{name.upper()}_FILE") for name in secrets}
        return {name: _secret_in(name, path) for name, path in paths.items() if path}


def _secret_in(name: str, path: str) -> str:
    variable = f"{PREFIX}{name.upper()}"
    if variable in os.environ:
        raise ExitError(f"both {variable} and {variable}_FILE are set: one of them is enough", USAGE)
    try:
        return Path(path).read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ExitError(f"{variable}_FILE: {path} cannot be read: {type(error).__name__}", USAGE) from None


class SettingsGroup(BaseSettings):
    """What all groups have in common: their fields are read from the environment and do not change.

    A secret may stand in a file that FIXTRAIL_…_FILE names, as Docker and Kubernetes mount them.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a caller gives, then the environment, then the files that it names."""
        return init_settings, env_settings, _SecretFiles(settings_cls)


class DataSettings(SettingsGroup):
    """The data folder, and the embedded stack that it may hold."""

    data: Path = Field(default=Path(".fixtrail"), description="Folder of the embedded stack and of local state.")

    @cached_property
    def stack(self) -> dict[str, Any]:
        """The content of stack.json, empty where there is none."""
        try:
            endpoints: dict[str, Any] = json.loads((self.data / STACK_FILE).read_text())
        except FileNotFoundError:
            return {}
        return endpoints

    def _endpoint(self, value: str | None, name: str, variable: str) -> str:
        endpoint = value or self.stack.get(name)
        if not endpoint:
            raise NoEndpointError(
                f"{variable} is not set and {self.data / STACK_FILE} does not exist: "
                "start `fixtrail up`, name its folder with --data, or set the variable"
            )
        return str(endpoint)
