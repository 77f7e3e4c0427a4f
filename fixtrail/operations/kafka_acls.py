"""The rights of each box's Kafka user, as calls of kafka-acls.sh and as KafkaUser resources of Strimzi."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from shlex import quote
from typing import Literal

from fixtrail.operations.kafka_rights import BOX_RIGHTS, BoxRights
from streams.changelog_names import changelog_names

LOOK = ("Describe", "DescribeConfigs")


@dataclass(frozen=True, slots=True)
class Acl:
    """Operations that a user may do with one topic or group; `prefixed`: with all whose names begin so."""

    kind: Literal["topic", "group"]
    name: str
    operations: tuple[str, ...]
    prefixed: bool = False


def acls_of(box: str, app_id: str) -> list[Acl]:
    """All that a box needs, and nothing else. Producers need no further right from Kafka 2.8 on."""
    rights = BOX_RIGHTS[box]
    acls = [Acl("topic", name, _operations(rights, name)) for name in sorted(topic.name for topic in rights.topics)]
    if rights.changelogs:
        operations = ("Create", "Read", "Write", *LOOK)
        acls += [Acl("topic", name, operations) for name in changelog_names(app_id)]
    if rights.group is not None:
        acls.append(Acl("group", app_id + rights.group, ("Read", "Describe")))
    if rights.all_groups:
        acls.append(Acl("group", app_id, ("Describe",), prefixed=True))
    return acls


def _operations(rights: BoxRights, topic: str) -> tuple[str, ...]:
    granted = [("Create", rights.creates), ("Read", topic in rights.reads), ("Write", topic in rights.writes)]
    return (*(operation for operation, is_granted in granted if is_granted), *LOOK)


def as_script(boxes: Iterable[str], app_id: str, principal: str) -> str:
    """A shell script that grants the boxes' users their rights; `principal` has `{box}` where the box's name belongs.

    It reads BOOTSTRAP, and COMMAND_CONFIG: a file with the login of somebody who may grant rights.
    """
    lines = [
        "#!/bin/sh",
        "# Rights of Fixtrail's boxes. BOOTSTRAP=kafka:9093 COMMAND_CONFIG=admin.properties sh acls.sh",
        "set -eu",
        'grant() { kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$COMMAND_CONFIG" --add "$@"; }',
    ]
    for box in boxes:
        lines += ["", f"# {box}"]
        lines += [_grant(acl, principal.replace("{box}", box)) for acl in acls_of(box, app_id)]
    return "\n".join(lines)


def _grant(acl: Acl, principal: str) -> str:
    operations = " ".join(f"--operation {operation}" for operation in acl.operations)
    pattern = " --resource-pattern-type prefixed" if acl.prefixed else ""
    return f"grant --allow-principal {quote(principal)} {operations} --{acl.kind} {quote(acl.name)}{pattern}"


def as_strimzi(boxes: Iterable[str], app_id: str, cluster: str, login: str) -> str:
    """KafkaUser resources of the Strimzi operator, one a box; `login` is `tls` or `scram-sha-512`."""
    return "\n".join(line for box in boxes for line in _kafka_user(box, app_id, cluster, login))


def _kafka_user(box: str, app_id: str, cluster: str, login: str) -> Iterator[str]:
    yield from (
        "---",
        "apiVersion: kafka.strimzi.io/v1beta2",
        "kind: KafkaUser",
        "metadata:",
        f"  name: {app_id}-{box}",
        "  labels:",
        f"    strimzi.io/cluster: {cluster}",
        "spec:",
        "  authentication:",
        f"    type: {login}",
        "  authorization:",
        "    type: simple",
        "    acls:",
    )
    for acl in acls_of(box, app_id):
        yield from (
            "      - resource:",
            f"          type: {acl.kind}",
            f"          name: {acl.name}",
            f"          patternType: {'prefix' if acl.prefixed else 'literal'}",
            f"        operations: [{', '.join(acl.operations)}]",
        )
