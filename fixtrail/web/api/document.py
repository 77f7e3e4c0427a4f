"""The OpenAPI document of the API, from its routes and from the models that decode the events."""

from functools import cache
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from schemas.events import EVENT_TYPES
from schemas.json_schema import event_schemas

DESCRIPTION = """\
Send service-order events, and read the journeys that follow from them.

Every request needs an API key: `Authorization: Bearer ftk_…`. A key has scopes: `events:write`, `consents:write`,
`orders:read`, `centers:read`, `figures:read`, and `personal:read` for vehicle and customer ids; it may be held to event
types and centers.
Every error is a problem (RFC 9457), and none repeats anything that was sent.

What an event is, what is refused and why, and what every figure means: docs/integrators.md and docs/contract.md."""

_REF = "#/components/schemas/{model}"


@cache
def openapi() -> dict[str, Any]:
    """The whole document as plain JSON values."""
    from fixtrail.web.api import consents, events, figures, reading
    from fixtrail.web.api.problems import ProblemDetails

    app = FastAPI()
    for router in (events.router, consents.router, reading.router, figures.router):
        app.include_router(router)
    document = get_openapi(
        title="Fixtrail API",
        version="1",
        description=DESCRIPTION,
        routes=app.routes,
        servers=[{"url": "/v1"}],
        tags=[
            {"name": "events", "description": "Events in."},
            {"name": "consents", "description": "What customers agree to."},
            {"name": "orders", "description": "Journeys out, as they are now."},
            {"name": "figures", "description": "Defined figures out, with n and interval."},
        ],
    )
    schemas = document["components"]["schemas"]
    schemas.update(event_schemas(_REF))
    for model in (ProblemDetails, events.EventsProblem, consents.ConsentChange):
        schemas[model.__name__] = model.model_json_schema(ref_template=_REF, mode="serialization")
        schemas[model.__name__].pop("$defs", None)
    schemas["ServiceEvent"] = {
        "description": "One event of any type.",
        "oneOf": [{"$ref": f"#/components/schemas/{model.__name__}"} for model in EVENT_TYPES.values()],
        "discriminator": {
            "propertyName": "type",
            "mapping": {name: f"#/components/schemas/{model.__name__}" for name, model in EVENT_TYPES.items()},
        },
    }
    schemas["CloudEvent"] = {
        "description": "An event in a CloudEvents 1.0 envelope (JSON format).",
        "type": "object",
        "required": ["specversion", "id", "source", "type", "data"],
        "properties": {
            "specversion": {"const": "1.0"},
            **{name: {"type": "string", "minLength": 1} for name in ("id", "source", "type")},
            "data": {"$ref": "#/components/schemas/ServiceEvent"},
        },
    }
    return document
