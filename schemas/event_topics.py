"""The two topics that events come in by, and what differs between them: everything else is done the same way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.decode import SERVICE_DECODER, Decoder, text_field
from schemas.reference_events import REFERENCE_DECODER
from schemas.topics import REFERENCE_EVENTS, SERVICE_EVENTS, dead_letters_of


@dataclass(frozen=True, slots=True)
class EventTopic:
    """One of them. The record key is the event's `key_field`; `is_sealed`: personal fields are encrypted on the way.

    `schema` is the name of the event in the documents.
    """

    name: str
    decoder: Decoder[Any]
    key_field: str
    schema: str
    is_sealed: bool

    @property
    def dead_letters(self) -> str:
        return dead_letters_of(self.name)

    @property
    def models(self) -> Mapping[str, Any]:
        """The model of each type."""
        return self.decoder.models

    def key_in(self, value: bytes) -> str | None:
        """The record key that the bytes of an event name; None where they do not parse that far."""
        return text_field(value, self.key_field)

    def key_of(self, event: Any) -> str:
        """The record key of an event: empty for a reference event of all centers."""
        return getattr(event, self.key_field) or ""


SERVICE = EventTopic(SERVICE_EVENTS, SERVICE_DECODER, "vehicle_id", "ServiceEvent", is_sealed=True)
REFERENCE = EventTopic(REFERENCE_EVENTS, REFERENCE_DECODER, "center_id", "ReferenceEvent", is_sealed=False)
ALL_TYPES = (*SERVICE.models, *REFERENCE.models)
