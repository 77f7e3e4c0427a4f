"""Every example of `--help` is a command that there is, with options that it has, and the files that it names exist."""

import re
import shlex
from collections.abc import Iterator
from typing import Any

import click
import pytest
import typer

from fixtrail.cli.main import app
from tests.paths import ROOT

# What an example reads is there, or is made by another command; `>` and --out write.
_READ = re.compile(r"(?:^|\s|@)((?:examples|docs)/[^\s]+)")


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


ROOT_COMMAND = typer.main.get_command(app)
COMMANDS = dict(commands(ROOT_COMMAND))


def examples_of(path: tuple[str, ...], epilog: str) -> Iterator[list[str]]:
    """The calls of `fixtrail` in an epilog as words; `…` stands for the command that it is of, or for settings."""
    text = re.sub(r"^Examples?:\s+", "", epilog)
    for line in re.split(r"\s{3,}|&&", text):
        for part in line.split(" | "):
            call = re.sub(r"\s[<>]\s.*$", "", part.strip())
            if named := re.search(r"(?:^|\s)fixtrail\s+(.*)", call):
                yield shlex.split(named[1])
            elif call.startswith("… "):
                short = shlex.split(call.removeprefix("… "))
                group = list(path[:-1]) if short[0] == path[-1] else list(path)
                yield [*group, *short]


EXAMPLES = [
    (" ".join(path), words)
    for path, command in COMMANDS.items()
    if command.epilog and command.epilog.startswith("Example")
    for words in examples_of(path, command.epilog)
]


@pytest.mark.parametrize(("of", "words"), EXAMPLES, ids=[" ".join(words) for _, words in EXAMPLES])
def test_an_example_is_a_command_with_the_options_that_it_has(of: str, words: list[str]):
    command: Any = ROOT_COMMAND
    context = command.make_context("fixtrail", [], resilient_parsing=True)
    while hasattr(command, "commands"):
        assert words and words[0] in command.commands, f"{of}: there is no command {words[:1]}"
        command, words = command.commands[words[0]], words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    try:
        command.parse_args(context, list(words))
    except Exception as error:  # typer has a click of its own
        pytest.fail(f"{of}: {error}")


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_the_files_of_an_example_exist(path: tuple[str, ...]):
    epilog = COMMANDS[path].epilog or ""
    assert epilog, "every command has an example or its exit codes"
    for file in _READ.findall(epilog):
        assert (ROOT / file).exists(), file


def test_examples_are_really_checked():
    assert len(EXAMPLES) > 40
