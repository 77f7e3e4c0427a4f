"""Writes the generated documents below docs/ and finds stale ones: schemas, asyncapi.yaml, openapi.json, schema.md."""

from pathlib import Path

from fixtrail.documents.asyncapi import asyncapi_text
from fixtrail.documents.sql_schema import schema_page
from schemas.events import EVENT_TYPES
from schemas.json_schema import (
    DRAFT,
    FACTS,
    any_event_schema,
    any_reference_schema,
    dead_letter_headers_schema,
    json_text,
    schema_of_model,
    with_rules,
)
from schemas.reference_events import REFERENCE_TYPES

ASYNCAPI_FILE = "asyncapi.yaml"
OPENAPI_FILE = "openapi.json"
SCHEMA_PAGE = "schema.md"
SCHEMAS = "schemas"


def documents() -> dict[Path, str]:
    """Content by path below `docs/`: a JSON Schema per message and one for any event, AsyncAPI, OpenAPI, schema.md."""
    content_by_path = {
        Path(SCHEMAS, "service-event.json"): json_text(any_event_schema()),
        Path(SCHEMAS, "reference-event.json"): json_text(any_reference_schema()),
    }
    for name, event in (*EVENT_TYPES.items(), *REFERENCE_TYPES.items()):
        content_by_path[Path(SCHEMAS, f"{name}.json")] = json_text(with_rules(schema_of_model(event, "validation")))
    for name, model in FACTS.items():
        content_by_path[Path(SCHEMAS, f"{name.replace('_', '-')}.json")] = json_text(
            schema_of_model(model, "serialization")
        )
    content_by_path[Path(SCHEMAS, "dead-letter-headers.json")] = json_text(
        {"$schema": DRAFT, **dead_letter_headers_schema()}
    )
    content_by_path[Path(ASYNCAPI_FILE)] = asyncapi_text()
    content_by_path[Path(OPENAPI_FILE)] = _openapi_text()
    content_by_path[Path(SCHEMA_PAGE)] = schema_page().rstrip("\n") + "\n"
    return content_by_path


def write_documents(folder: Path) -> list[Path]:
    """Write every document below the folder, and remove schema files that no model has any more."""
    content_by_path = {folder / path: text for path, text in documents().items()}
    for path, text in content_by_path.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for path in (folder / SCHEMAS).glob("*.json"):
        if path not in content_by_path:
            path.unlink()
    return sorted(content_by_path)


def stale_documents(folder: Path) -> list[Path]:
    """The documents that are missing, differ from the models, or belong to none."""
    content_by_path = {folder / path: text for path, text in documents().items()}
    stale = [path for path, text in content_by_path.items() if not path.is_file() or path.read_text() != text]
    return sorted([*stale, *(path for path in (folder / SCHEMAS).glob("*.json") if path not in content_by_path)])


def _openapi_text() -> str:
    from fixtrail.web.api.document import openapi

    return json_text(openapi())
