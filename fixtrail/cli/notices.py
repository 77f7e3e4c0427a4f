"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

from pathlib import Path
from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, OfCenter, locale_of, say, say_json, settings_of
from runtime.clock import now_ms

notices_app = typer.Typer(help="What customers were told, or would be, and what they agree to.", no_args_is_help=True)


@notices_app.command("log", epilog="Example:  fixtrail notices log R-1001 --json")
def notices_log(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    center: OfCenter = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """What was told about an order, when and by what event, or why not. Shows no address."""
    from fixtrail.configuration import push_settings
    from fixtrail.customers import notice_log

    settings = settings_of(data)
    named, sends = notice_log.log_with_expired(settings, order, center)
    if as_json:
        say_json(notice_log.log_as_json(sends))
    else:
        notice_log.print_log(named, sends, push_settings(settings).time_zone)


@notices_app.command("preview", epilog="Example:  fixtrail notices preview R-1001 --locale en")
def notices_preview(
    order: Annotated[str, typer.Argument(metavar="ORDER", help="The order's id.")],
    locale: Annotated[str | None, typer.Option(help="`zh-CN` or `en` instead of the customer's own.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Also what the order has not come to yet.")] = False,
    center: OfCenter = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Everything that the order's milestones would have its customer read. Sends nothing."""
    from fixtrail.customers import preview

    language = None if locale is None else locale_of(locale)
    previews = preview.preview(settings_of(data), order, language, center_id=center, with_others=every)
    if as_json:
        say_json(preview.preview_as_json(previews))
    else:
        preview.print_preview(previews)


@notices_app.command(
    "consent",
    epilog="Examples:  fixtrail notices consent sms:+8613800000000 --opt-out    … wechat:OPENID --add TEMPLATE=3",
)
def notices_consent(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="As it stands in check_in's contact.")],
    opted_out: Annotated[
        bool | None, typer.Option("--opt-out/--opt-in", help="Nothing more, or again, to this address.")
    ] = None,
    only: Annotated[str | None, typer.Option(help="Only these milestones, by comma; `all` for all of them.")] = None,
    time_zone: Annotated[str | None, typer.Option(help="Where the customer's quiet hours are counted.")] = None,
    add: Annotated[str | None, typer.Option(metavar="KIND=N", help="Agreed to N more messages of a kind.")] = None,
    data: Data = None,
) -> None:
    """What a customer agrees to, by address; with options, changes it. Only a keyed hash of the address is kept."""
    from fixtrail.customers import consents

    change = consents.Consent(
        opted_out=opted_out,
        milestones=consents.parse_milestones(only) if only and only != "all" else None,
        all_milestones=only == "all",
        time_zone=time_zone,
        add=dict([consents.parse_consents(add)]) if add else {},
    )
    say_json(consents.change_consent(settings_of(data), address, change))


@notices_app.command(
    "plan",
    epilog="Examples:  fixtrail notices plan --center east-01"
    "    fixtrail notices plan --weights examples/weights.toml --json",
)
def notices_plan(
    center: Annotated[str, typer.Option("--center", metavar="CENTER", help="Only this center's orders.")] = "",
    days: Annotated[int, typer.Option(min=1, max=180, help="So many days back, and as many before them.")] = 28,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="[weights] of milestones, instead of the usual ones.")
    ] = None,
    accept: Annotated[
        list[str] | None, typer.Option(metavar="TEMPLATE=SHARE", help="How many agree; may be repeated.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the plans as a table.")] = None,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Which three WeChat templates to ask consent for at check-in, and which milestones may spend it.

    From the ledger: what was to be told, what for want of consent was not, and what the days before let expect of it.
    """

    from fixtrail.customers import plan_notices

    request = plan_notices.PlanRequest(
        now_ms(),
        days,
        center,
        plan_notices.read_weights(weights) if weights else None,
        plan_notices.parse_accept(accept or ()),
    )
    answer = plan_notices.plan_notices(settings_of(data), request)
    if csv is not None:
        plan_notices.write_plans(answer, csv)
    if as_json:
        say_json(answer.as_json())
    elif csv is not None:
        say(f"{csv} written")
    else:
        plan_notices.print_plan(answer, say)


@notices_app.command("webhook-secret", epilog="Example:  fixtrail notices webhook-secret https://crm.example.com/in")
def notices_webhook_secret(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where the receiver listens.")], data: Data = None
) -> None:
    """The secret with which one receiver checks our signatures; no other receiver has the same."""
    from fixtrail.customers import keys

    say(keys.webhook_secret(settings_of(data), url))


@notices_app.command("vapid-key", epilog="Example:  fixtrail notices vapid-key")
def notices_vapid_key() -> None:
    """A fresh pair of keys for Web Push: keep the private one, the pages get the public one."""
    from fixtrail.customers import keys

    private, public = keys.vapid_keys()
    say(f"private {private}\npublic  {public}")
