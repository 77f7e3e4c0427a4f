"""The state that all pages and interfaces of a process share."""

from dataclasses import dataclass, field

from starlette.requests import Request

from fixtrail.sealing import sealer_of
from fixtrail.settings import client_options
from fixtrail.tracking_links import Links
from fixtrail.web.api.figures import computer as figure_computer
from fixtrail.web.api.state import ApiState, make_state
from fixtrail.web.board.boards import Boards
from fixtrail.web.board.state import Ops, make_ops
from fixtrail.web.calls import CallRequests
from fixtrail.web.config import WebConfig
from fixtrail.web.estimates import Estimates
from fixtrail.web.events import Events
from fixtrail.web.freshness import Freshness
from fixtrail.web.journeys import Journeys
from fixtrail.web.queues import Queues
from fixtrail.web.security import Gate
from runtime.progress import Progress


@dataclass(frozen=True, slots=True)
class Web:
    """Found by handlers with `web_of(request)`.

    `journeys` is the read model, `events` sends to Kafka, `gate` counts requests and streams, `links` knows tokens,
    `api` is what the interface for other systems works with, `ops` what the staff's pages do,
    `boards` the pieces of the board, `freshness` how old the data are, `estimates` when cars will be ready,
    `calls` which customers want to be called, `queues` who waits for a bay before whom.
    """

    config: WebConfig
    journeys: Journeys
    events: Events
    gate: Gate
    links: Links
    api: ApiState
    ops: Ops = field(repr=False)
    boards: Boards = field(repr=False)
    estimates: Estimates = field(repr=False)
    calls: CallRequests = field(repr=False)
    queues: Queues = field(repr=False)
    freshness: Freshness = field(repr=False)
    progress: Progress = field(repr=False)


def make_web(config: WebConfig, progress: Progress) -> Web:
    """All parts, not running yet; call it on the event loop that will serve."""
    journeys, ops, calls = Journeys(), make_ops(config), CallRequests()
    estimates = Estimates(journeys.visits, config.centers)
    queues = Queues(journeys.open_at, journeys.bay_waits, config.centers)
    api = make_state(config.settings, journeys, progress, config.centers.all, estimates, queues)
    api.figures.compute = figure_computer(config.settings)
    return Web(
        config=config,
        journeys=journeys,
        events=Events(client_options(config.settings), sealer_of(config.settings)),
        gate=Gate(config.limits),
        links=Links(*config.settings.link_keys()),
        api=api,
        ops=ops,
        boards=Boards(journeys, config.centers, estimates, calls),
        estimates=estimates,
        calls=calls,
        queues=queues,
        freshness=Freshness(journeys.table, journeys.table.heartbeats, ops.ask),
        progress=progress,
    )


def web_of(request: Request) -> Web:
    """The shared parts, from any handler."""
    web: Web = request.app.state.web
    return web
