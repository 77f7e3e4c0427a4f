"""The configuration of the web application."""

from dataclasses import dataclass, field

from fixtrail.configuration import CenterFile, public_url, push_settings
from fixtrail.settings import WebSettings
from sinks.push.config import PushSettings


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one stranger, one link and all together may take up; requests are counted per minute.

    `header_s`, `form_s` and `request_s` are how long headers, a form and a whole request may take to arrive, `write_s`
    how long a reader may take nothing of an answer.
    """

    streams: int = 10_000
    streams_of_address: int = 100
    streams_of_link: int = 10
    requests_of_address: int = 600
    requests_of_link: int = 120
    forms_of_link: int = 10
    header_s: float = 10.0
    form_s: float = 15.0
    request_s: float = 60.0
    write_s: float = 60.0

    @property
    def connections_of_address(self) -> int:
        """Its live pages, and what browsers open beside them."""
        return self.streams_of_address + 150

    @property
    def connections(self) -> int:
        return self.streams + 2000


@dataclass(frozen=True, slots=True)
class WebConfig:
    """The settings of one `fixtrail web`, and what is read of the files that they name.

    `public_url` is how customers reach it, without a slash at its end.
    """

    settings: WebSettings
    public_url: str
    push: PushSettings = field(repr=False)
    centers: CenterFile
    limits: RequestLimits = RequestLimits()


def web_config(settings: WebSettings) -> WebConfig:
    """All of it from the settings. Raises ExitError (78) where a file is wrong."""
    return WebConfig(
        settings=settings,
        public_url=public_url(settings),
        push=push_settings(settings),
        centers=CenterFile(settings),
        limits=RequestLimits(
            streams=settings.web_streams,
            streams_of_address=settings.web_streams_of_address,
            streams_of_link=settings.web_streams_of_link,
            requests_of_address=settings.web_requests_of_address,
        ),
    )
