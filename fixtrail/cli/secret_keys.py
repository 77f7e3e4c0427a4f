"""`fixtrail keys`: the keys that hash and sign. Each command imports what it needs when it is called."""

import typer

from fixtrail.cli.app import AsJson, Data, say, say_json, settings_of

secret_keys_app = typer.Typer(help="Keys that hash ids and sign links, sessions and webhooks.", no_args_is_help=True)


@secret_keys_app.command("new", epilog="Example:  fixtrail keys new")
def keys_new() -> None:
    """A fresh key of 256 bits, for FIXTRAIL_HASH_KEY, _LINK_KEY, _SESSION_KEY or _WEBHOOK_KEY: one for each."""
    from runtime.key_strength import new_key

    say(new_key())


@secret_keys_app.command("list", epilog="Example:  fixtrail keys list --json")
def keys_list(as_json: AsJson = False, data: Data = None) -> None:
    """Which key serves which purpose, by its id and never by itself; 78 where one is too short."""
    from fixtrail.operations.keys_in_use import keys_in_use

    keys = keys_in_use(settings_of(data))
    if as_json:
        say_json(keys)
        return
    for purpose, ids in keys.items():
        older = f"   before: {ids['previous']}" if ids["previous"] else ""
        say(f"{purpose:<10} {ids['current']}   {ids['from']}{older}")
