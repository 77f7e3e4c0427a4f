"""The OpenAPI document of the API, from its routes and from the models that decode the events."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas.event_topics import REFERENCE, SERVICE, EventTopic
from schemas.json_schema import event_schemas

DESCRIPTION = """\
Send service-order events and reference events, and read the journeys that follow from them.

Every request needs an API key: `Authorization: Bearer ftk_…`. A key has scopes: `events:write`, `consents:write`,
`orders:read`, `centers:read`, `figures:read`, and `personal:read` for vehicle and customer ids; it may be held to event
types and centers. Of a test key all is checked and answered as usual, and nothing is written: the header
`Fixtrail-Test: nothing-written` says so, and `test` in what the API answers to what was sent.
Every error is a problem (RFC 9457), and none repeats anything that was sent.

What an event is, what is refused and why, and what every figure means: docs/integrators.md and docs/contract.md."""

_REF = "#/components/schemas/{model}"


@cache
def openapi() -> dict[str, Any]:
    """The whole document as plain JSON values."""
    from fixtrail.web.api import consents, estimates, events, figures, reading, reference_events, requests
    from fixtrail.web.api.problems import ProblemDetails

    app = FastAPI()
    for part in (events, reference_events, consents, reading, figures, estimates, requests):
        app.include_router(part.router)
    document = get_openapi(
        title="Fixtrail API",
        version="1",
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/v1"}],
        tags=[
            {"name": "events", "description": "Events in."},
            {"name": "reference", "description": "What is told beside the orders: stocks, shifts, price lists."},
            {"name": "consents", "description": "What customers agree to."},
            {"name": "orders", "description": "Journeys out, as they are now."},
            {"name": "estimates", "description": "When a car may be ready."},
            {"name": "figures", "description": "Defined figures out, with n and interval."},
            {"name": "requests", "description": "What the key itself asked lately."},
        ],
    )
    schemas = document["components"]["schemas"]
    schemas.update(event_schemas(_REF))
    for model in (ProblemDetails, events.EventsProblem, consents.ConsentChange):
        schemas[model.__name__] = model.model_json_schema(ref_template=_REF, mode="serialization")
        schemas[model.__name__].pop("$defs", None)
    schemas[SERVICE.schema] = _any_of(SERVICE, "One event of any type.")
    schemas["CloudEvent"] = _envelope(SERVICE, "An event in a CloudEvents 1.0 envelope (JSON format).")
    schemas[REFERENCE.schema] = _any_of(REFERENCE, "One reference event of any type.")
    schemas[reference_events.ENVELOPE] = _envelope(REFERENCE, "A reference event in a CloudEvents 1.0 envelope.")
    return document


def _any_of(topic: EventTopic, description: str) -> dict[str, Any]:
    refs = {name: f"#/components/schemas/{model.__name__}" for name, model in topic.models.items()}
    return {
        "description": description,
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "type", "mapping": refs},
    }


def _envelope(topic: EventTopic, description: str) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            **{name: {"type": "string", "minLength": 1} for name in ("id", "source", "type")},
            "data": {"$ref": f"#/components/schemas/{topic.schema}"},
        },
    }
