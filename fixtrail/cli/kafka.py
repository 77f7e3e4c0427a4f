"""`fixtrail kafka`: rights and partitions. Each command imports what it needs when it is called."""

from typing import Annotated

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of
from runtime.failure import USAGE, ExitError

kafka_app = typer.Typer(
    help="What the Kafka brokers must grant, and how many partitions the topics have.", no_args_is_help=True
)


@kafka_app.command("acls", epilog="Example:  fixtrail kafka acls > acls.sh")
def kafka_acls(
    box: Annotated[list[str] | None, typer.Option(help="Only this box; may be repeated.")] = None,
    form: Annotated[
        str, typer.Option(help="`script` for kafka-acls.sh, `strimzi` for KafkaUser resources.")
    ] = "script",
    principal: Annotated[
        str, typer.Option(help="The users, for `script`; {box} is the box's name. mTLS: User:CN={box},O=…")
    ] = "User:fixtrail-{box}",
    cluster: Annotated[str, typer.Option(help="The name of the Kafka resource, for `strimzi`.")] = "kafka",
    login: Annotated[str, typer.Option(help="`tls` or `scram-sha-512`, for `strimzi`.")] = "tls",
    data: Data = None,
) -> None:
    """Print the rights that each box's user needs, and no others, under FIXTRAIL_APP_ID."""
    from fixtrail.operations.kafka_acls import as_script, as_strimzi
    from fixtrail.operations.kafka_rights import BOX_RIGHTS

    boxes = box or [*BOX_RIGHTS]
    _one_of("--form", form, ("script", "strimzi"))
    _one_of("--login", login, ("tls", "scram-sha-512"))
    for name in boxes:
        _one_of("--box", name, tuple(BOX_RIGHTS))
    app_id = settings_of(data).app_id
    say(as_script(boxes, app_id, principal) if form == "script" else as_strimzi(boxes, app_id, cluster, login))


@kafka_app.command(
    "partitions", epilog="Example:  fixtrail kafka partitions --to 8 --dry-run    fixtrail kafka partitions --to 8"
)
def kafka_partitions(
    to: Annotated[int, typer.Option("--to", min=1, max=1000, help="Partitions of every topic from now on.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, only say what would be moved.")] = False,
    pause: Annotated[
        float, typer.Option(min=0, help="Seconds that service-events is away: longer than your producers go on trying.")
    ] = 130.0,
    senders_stopped: Annotated[
        bool,
        typer.Option("--senders-stopped", help="Nobody sends to service-events; to be said of any Apache Kafka."),
    ] = False,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Give every topic more or fewer partitions, with its records, the workers' state and ClickHouse's rows.

    The boxes of `fixtrail up` are stopped and started by it, and until it ends, its embedded broker acknowledges
    nothing that is sent to service-events. Stop the senders to any Apache Kafka yourself, and boxes that `fixtrail up`
    has not started. Killed, it is given again and goes on.
    """
    from fixtrail.partitions.command import as_text, move_partitions

    report = move_partitions(
        settings_of(data),
        to,
        dry_run=dry_run,
        pause_s=pause,
        senders_stopped=senders_stopped,
        say=(lambda _: None) if as_json else say,
    )
    if as_json:
        say_json(report)
    else:
        say(as_text(report))


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise ExitError(f"{option} is one of {', '.join(allowed)}", USAGE)
