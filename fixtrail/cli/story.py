"""`fixtrail story`: one order's anonymised story, to show in a meeting."""

from pathlib import Path
from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, app, locale_of, say, say_json, settings_of


@app.command(
    epilog="Examples:  fixtrail story R-1001 --center east-01 --hours 24"
    "    fixtrail story R-1001 --center east-01 --html story.html --locale en"
)
def story(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    center: Annotated[str, typer.Option("--center", metavar="CENTER", help="The order's center.")],
    hours: Annotated[int, typer.Option(min=1, max=720, help="For how long the link opens the page.")] = 72,
    html: Annotated[Path | None, typer.Option(help="Write the page into this file instead.")] = None,
    locale: Annotated[str, typer.Option(help="Language of the file: zh-CN or en.")] = "zh-CN",
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """A link to one order's story without anything that says whose it was; it ends by itself.

    The story: what happened, when, what the customer was told, and whose clock ran while he waited. `tracking revoke`
    ends the links to an order's story, too.
    """
    from fixtrail.web.stories.command import story_here, story_url
    from fixtrail.web.stories.page import render_story
    from schemas.order_key import OrderKey

    settings, key, language = settings_of(data), OrderKey(center, order), locale_of(locale)
    page = story_here(settings, key)
    if as_json:
        say_json(page.as_json())
    if html is not None:
        html.write_text(render_story(page, language), encoding="utf-8")
        if not as_json:
            say(f"{html} written")
    elif not as_json:
        say(story_url(settings, key, hours))
