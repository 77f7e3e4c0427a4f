"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

import errno
import logging
import os
import signal
import sys
import threading

# Imported for the commands that they register.
from fixtrail.cli import agents, ask, backups, develop, events, figures, roster, story, whatif  # noqa: F401
from fixtrail.cli.accounts import users_app
from fixtrail.cli.alerts import alerts_app
from fixtrail.cli.api_keys import keys_app
from fixtrail.cli.app import app
from fixtrail.cli.centers import centers_app
from fixtrail.cli.dead_letters import dead_letters_app
from fixtrail.cli.export import export_app
from fixtrail.cli.forecast import forecast_app
from fixtrail.cli.kafka import kafka_app
from fixtrail.cli.notices import notices_app
from fixtrail.cli.orders import orders_app
from fixtrail.cli.packs import pack_app
from fixtrail.cli.persons import person_app
from fixtrail.cli.processes import sink_app
from fixtrail.cli.secret_keys import secret_keys_app
from fixtrail.cli.tracking import tracking_app
from runtime.failure import NEGATIVE, REFUSED, ExitError

INTERRUPTED = 130
# What a command may still do after Ctrl-C: close connections, stop the demo's stack.
END_WITHIN_S = 2.5
# What an operator has to mend, not we: disk full or read-only, too many open files, a path that cannot be.
SURROUNDINGS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ELOOP, errno.ENAMETOOLONG}
)

app.add_typer(sink_app, name="sink")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(centers_app, name="centers")
app.add_typer(notices_app, name="notices")
app.add_typer(person_app, name="person")
app.add_typer(orders_app, name="orders")
app.add_typer(export_app, name="export")
app.add_typer(pack_app, name="pack")
app.add_typer(forecast_app, name="forecast")
app.add_typer(alerts_app, name="alerts")
app.add_typer(tracking_app, name="tracking")
app.add_typer(keys_app, name="api-keys")
app.add_typer(users_app, name="users")
app.add_typer(secret_keys_app, name="keys")
app.add_typer(kafka_app, name="kafka")


def main() -> None:
    """Run the command line; every expected failure is one line on stderr and an exit code."""
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        app()
    except ExitError as failure:
        _end(str(failure), failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        # `fixtrail … | head`: whoever read has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if (message := _message(error)) is None:
            raise
        _end(*message)
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(*_: object) -> None:
    """Ctrl-C: end in order, quietly, and within seconds whatever hangs; at once the second time.

    Boxes and `fixtrail up` have handlers of their own: they drain.
    """
    if logging.root.manager.disable:
        os._exit(INTERRUPTED)
    # What a connection that is cut has to say helps nobody now.
    logging.disable()
    timer = threading.Timer(END_WITHIN_S, os._exit, (INTERRUPTED,))
    timer.daemon = True
    timer.start()
    raise KeyboardInterrupt


def _message(error: Exception) -> tuple[str, int] | None:
    """What to tell, and the exit code, for errors that are no bug of ours; None for all others."""
    # Imported only now that something went wrong: neither is quick to import.
    from aiokafka.errors import KafkaError
    from clickhouse_connect.driver.exceptions import ClickHouseError

    from fixtrail.settings import NoEndpointError
    from schemas.version import NewerSchemaError

    match error:
        case NewerSchemaError():
            return str(error), REFUSED
        case NoEndpointError():
            return str(error), NEGATIVE
        case FileNotFoundError() if error.filename:
            return f"there is no file {error.filename}", NEGATIVE
        case PermissionError() | IsADirectoryError() | NotADirectoryError() if error.filename:
            return f"{error.filename} cannot be used: {error.strerror}", NEGATIVE
        case OSError() if error.errno in SURROUNDINGS:
            return f"{error.filename or 'a file'} cannot be used: {error.strerror}", NEGATIVE
        case ClickHouseError():
            text = str(error).partition("\n")[0]
            rights = ". Its users and rights: `fixtrail migrate --print-grants`" if "ACCESS_DENIED" in text else ""
            return f"ClickHouse cannot be used: {text}{rights}", NEGATIVE
        case KafkaError():
            return f"Kafka cannot be used: {error}. Is it running? `fixtrail status`", NEGATIVE
    return None


def _end(message: str, code: int) -> None:
    from fixtrail.terminal.printable import printable_lines

    # A server's message may quote what it has stored.
    print(f"fixtrail: {printable_lines(message)}", file=sys.stderr)
    sys.exit(code)
