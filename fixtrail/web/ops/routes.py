"""Every page for the staff."""

from collections.abc import Iterator

from fastapi import APIRouter


def routers() -> Iterator[APIRouter]:
    from fixtrail.web.accounts.own_page import router as own_account
    from fixtrail.web.accounts.pages import router as accounts
    from fixtrail.web.analysis.orders_page import router as analysis_orders
    from fixtrail.web.analysis.pages import router as analysis
    from fixtrail.web.ops.alive import router as alive
    from fixtrail.web.ops.calls_page import router as calls
    from fixtrail.web.ops.center_page import router as center
    from fixtrail.web.ops.order_page import router as order
    from fixtrail.web.ops.pages import router as board
    from fixtrail.web.ops.people import router as people
    from fixtrail.web.ops.voices_page import router as voices

    yield from (accounts, own_account, alive, board, calls, order, center, voices, people, analysis_orders, analysis)
