"""Loads TOML files that people write, with one form of error message for all of them."""

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

MOST_PROBLEMS = 20

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[int | str, ...]


class TomlTable(BaseModel):
    """A table of a file, which has these keys and no others."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class TomlFileError(ValueError):
    """A file that cannot be used as it is written; the message names file, key and reason, one line each, no value.

    Trying again does not help before the file is changed.
    """


def load_model(path: Path, model: type[Model]) -> Model:
    """The content of a file as a model. Raises TomlFileError."""
    return parse_model(read_toml(path), model, str(path))


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a file. Raises TomlFileError where it is not there, not UTF-8 or not TOML."""
    try:
        # A byte order mark, which Windows editors write, is no part of the text.
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise TomlFileError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise TomlFileError(f"{path}: not UTF-8") from None
    return parse_toml(text, str(path))


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """The tables of a text; `source` names it in the message. Raises TomlFileError with the line."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TomlFileError(f"{source}: not TOML: {error}") from None


def parse_model(table: Mapping[str, Any], model: type[Model], source: str) -> Model:
    """The tables of a file as a model. Raises TomlFileError with a line for each key that is wrong."""
    try:
        return model.model_validate(table)
    except ValidationError as error:
        lines = problems(error, model)
        more = [f"and {len(lines) - MOST_PROBLEMS} more"] if len(lines) > MOST_PROBLEMS else []
        raise TomlFileError("\n".join(f"{source}: {line}" for line in lines[:MOST_PROBLEMS] + more)) from None


def problems(error: ValidationError, model: type[BaseModel] | None = None) -> list[str]:
    """A line `key: reason` for each key that is wrong; with `model`, an unknown key also gets the most similar one."""
    return [
        f"{key}: {reason}" if (key := key_of(item["loc"])) else reason
        for item in error.errors(include_input=False, include_context=False, include_url=False)
        for reason in (_reason(item["type"], item["msg"], item["loc"], model),)
    ]


def key_of(location: Location) -> str:
    """`event 2.fields.lane`: list items are counted from 1, as a reader of the file does."""
    key = ""
    for step in location:
        key += f" {step + 1}" if isinstance(step, int) else f".{step}"
    return key.removeprefix(".")


def _reason(kind: str, message: str, location: Location, model: type[BaseModel] | None) -> str:
    if kind == "extra_forbidden":
        return f"unknown key{_suggestion(location, model)}"
    if kind == "missing":
        return "missing"
    return message.removeprefix("Value error, ")


def _suggestion(location: Location, model: type[BaseModel] | None) -> str:
    for step in location[:-1]:
        if model is not None and isinstance(step, str):
            field = model.model_fields.get(step)
            model = _model_in(field.annotation) if field else None
    names = list(model.model_fields) if model else []
    similar = difflib.get_close_matches(str(location[-1]), names, n=1)
    return f" (did you mean {similar[0]}?)" if similar else ""


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model of a field: its own type, or that of the list's items; None where there is not exactly one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    models = [model for inner in get_args(annotation) if (model := _model_in(inner)) is not None]
    return models[0] if len(models) == 1 else None
