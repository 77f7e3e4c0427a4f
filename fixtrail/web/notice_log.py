"""The notices of an order for its pages, from the ledger."""

import logging
from pathlib import Path

from fixtrail.settings import LedgerSettings, NoEndpointError
from fixtrail.web.clickhouse import Row
from runtime.failure import ExitError
from schemas.order_key import OrderKey

log = logging.getLogger(__name__)


def notice_log_of(settings: LedgerSettings, order: OrderKey) -> list[Row] | None:
    """The decision log of the order's notices as `fixtrail notices log` gives it; None where its ledger is away."""
    from fixtrail.customers.notice_log import log_as_json, log_of

    ledger_path = settings.ledger_dsn().removeprefix("sqlite:///")
    if ledger_path != settings.ledger_dsn() and not Path(ledger_path).exists():
        # Reading must not make an empty one.
        return None
    try:
        return log_as_json(log_of(settings, order))
    except (ExitError, NoEndpointError) as error:
        log.warning("the notices of an order cannot be shown: %s", str(error).splitlines()[0])
        return None
