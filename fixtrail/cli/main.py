"""The command `fixtrail`. Each command imports what it needs when it is called, so that `--help` is quick."""

import os
import sys

# Imported for the commands that they register.
from fixtrail.cli import ask, develop, events  # noqa: F401
from fixtrail.cli.accounts import users_app
from fixtrail.cli.alerts import alerts_app
from fixtrail.cli.api_keys import keys_app
from fixtrail.cli.app import app
from fixtrail.cli.centers import centers_app
from fixtrail.cli.dead_letters import dead_letters_app
from fixtrail.cli.kafka import kafka_app
from fixtrail.cli.notices import notices_app
from fixtrail.cli.orders import orders_app
from fixtrail.cli.persons import person_app
from fixtrail.cli.processes import sink_app
from fixtrail.cli.secret_keys import secret_keys_app
from fixtrail.cli.tracking import tracking_app
from runtime.failure import NEGATIVE, REFUSED, ExitError

app.add_typer(sink_app, name="sink")
app.add_typer(dead_letters_app, name="dead-letters")
app.add_typer(centers_app, name="centers")
app.add_typer(notices_app, name="notices")
app.add_typer(person_app, name="person")
app.add_typer(orders_app, name="orders")
app.add_typer(alerts_app, name="alerts")
app.add_typer(tracking_app, name="tracking")
app.add_typer(keys_app, name="api-keys")
app.add_typer(users_app, name="users")
app.add_typer(secret_keys_app, name="keys")
app.add_typer(kafka_app, name="kafka")


def main() -> None:
    """Run the command line; every expected failure is one line on stderr and an exit code."""
    try:
        app()
    except ExitError as failure:
        _end(str(failure), failure.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # `fixtrail … | head`: whoever read has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if (message := _message(error)) is None:
            raise
        _end(*message)


def _message(error: Exception) -> tuple[str, int] | None:
    """What to tell, and the exit code, for errors that are no bug of ours; None for all others."""
    # Imported only now that something went wrong: neither is quick to import.
    from aiokafka.errors import KafkaError

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
        case KafkaError():
            return f"Kafka cannot be used: {error}. Is it running? `fixtrail status`", NEGATIVE
    return None


def _end(message: str, code: int) -> None:
    from fixtrail.terminal.printable import printable_lines

    # A server's message may quote what it has stored.
    print(f"fixtrail: {printable_lines(message)}", file=sys.stderr)
    sys.exit(code)
