"""The address of a case in the upstream's own system: there alone stand the customer's name and number."""

import re
from urllib.parse import quote

from schemas.order_key import OrderKey

PLACES = ("center_id", "order_id", "case_id")


def checked_case_url(template: str) -> str:
    """The template itself, for pydantic. Raises ValueError for what is no web address with these places."""
    if not template:
        return template
    if not template.startswith(("https://", "http://")):
        raise ValueError("an address that begins with https:// or http://")
    names = re.findall(r"\{([^{}]*)\}", template)
    if unknown := sorted(set(names) - set(PLACES)):
        raise ValueError(f"there is no {{{unknown[0]}}}; there are {', '.join(f'{{{name}}}' for name in PLACES)}")
    if "case_id" not in names and "order_id" not in names:
        raise ValueError("it names neither {order_id} nor {case_id}: every case would have the same address")
    return template


def case_url(template: str, order: OrderKey, case_id: str) -> str | None:
    """The address of one case; None without a template."""
    values = {"center_id": order.center_id, "order_id": order.order_id, "case_id": case_id}
    return re.sub(r"\{(\w+)\}", lambda name: quote(values[name[1]], safe=""), template) or None
