"""The reference of the API as a page, made from the OpenAPI document: no script, and nothing from elsewhere."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader

from fixtrail.web.static import static_url

_HERE = Path(__file__).parent
_METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field of a model: name, type in words, whether it must be there, and what it means."""

    name: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one address, with the models that go in and come out."""

    method: str
    path: str
    about: Mapping[str, Any]

    @property
    def anchor(self) -> str:
        return str(self.about.get("operationId") or f"{self.method}-{self.path}")

    @property
    def bodies(self) -> list[tuple[str, str]]:
        """Media type and model of what may be sent."""
        return _content(self.about.get("requestBody", {}))

    @property
    def answers(self) -> list[tuple[str, str, list[tuple[str, str]]]]:
        """Status, description, and what comes."""
        return [
            (status, str(answer.get("description", "")), _content(answer))
            for status, answer in sorted(self.about.get("responses", {}).items())
        ]


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of the document, in its order."""
    for path, methods in document["paths"].items():
        for method in _METHODS:
            if method in methods:
                yield Operation(method.upper(), path, methods[method])


def fields_of(schema: Mapping[str, Any]) -> list[FieldRow]:
    """The fields of a model; none for one that is a choice of others."""
    required = schema.get("required", ())
    return [
        FieldRow(name, kind_of(about), name in required, str(about.get("description", "")))
        for name, about in schema.get("properties", {}).items()
    ]


def kind_of(schema: Mapping[str, Any]) -> str:
    """A schema in a few words: `string, date-time`, `list of Part`, `"quick" or "standard"`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " or ".join(f'"{choice}"' for choice in schema["enum"])
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return " or ".join(dict.fromkeys(kind_of(part) for part in schema[choice]))
    if schema.get("type") == "array":
        return f"list of {kind_of(schema.get('items', {}))}"
    return ", ".join(str(schema[key]) for key in ("type", "format") if key in schema) or "any value"


def _content(about: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(media_type, kind_of(form.get("schema", {}))) for media_type, form in about.get("content", {}).items()]


@cache
def reference_page() -> str:
    from fixtrail.web.api.document import openapi

    document = openapi()
    # Many keys of OpenAPI may be absent: what is not there is empty.
    folder = FileSystemLoader(_HERE / "templates")
    templates = Environment(loader=folder, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return templates.get_template("reference.html").render(
        about=document["info"],
        operations=list(operations(document)),
        models={name: (schema, fields_of(schema)) for name, schema in document["components"]["schemas"].items()},
        kind_of=kind_of,
        style=static_url("ops", "ops.css"),
    )
