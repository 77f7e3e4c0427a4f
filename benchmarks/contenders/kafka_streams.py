"""Kafka Streams with simple rules: Java of benchmarks/contenders/streams, built by Maven once for its sources."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.contenders.arguments import COMMIT_S

SOURCES = Path(__file__).parent / "streams"
CACHE = Path.home() / ".cache" / "fixtrail"
BUILD_S = 600
GOALS = ("compile", "dependency:copy-dependencies", "-DincludeScope=runtime")


def missing() -> str | None:
    """What is missing to build and run it; None where nothing is."""
    programs = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"needs {' and '.join(programs)}" if programs else None


def build() -> Path:
    """The folder with its classes and jars, built where these sources were not built before."""
    folder = CACHE / f"order-facts-{_fingerprint()}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "order-facts.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            half = folder.with_name(f"{folder.name}.half")
            shutil.rmtree(half, ignore_errors=True)
            command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(SOURCES / "pom.xml"), *GOALS]
            folders = [f"-Dtarget={half}", f"-DoutputDirectory={half / 'jars'}"]
            subprocess.run([*command, *folders], check=True, timeout=BUILD_S, stdin=subprocess.DEVNULL)
            half.rename(folder)
    return folder


def _fingerprint() -> str:
    digest = hashlib.sha256()
    for file in sorted(SOURCES.rglob("*.*")):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def command(arguments: list[str]) -> list[str]:
    """What runs it; one stream thread, and the JVM's own defaults but for a limit of its memory."""
    folder = build()
    paths = f"{folder / 'classes'}:{folder / 'jars'}/*"
    flags = ["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return ["java", *flags, "-cp", paths, "fixtrail.OrderFacts", *arguments, "--commit-ms", str(round(COMMIT_S * 1000))]


if __name__ == "__main__":
    # The same process goes on as Java, so that its CPU is counted as every contender's.
    program = command(sys.argv[1:])
    os.execvp(program[0], program)
