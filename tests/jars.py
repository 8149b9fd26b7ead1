"""The jars of the Kafka broker that the tests and `./dev kafka` start: by Maven, checked one by one, kept where Maven keeps them.

`python -m tests.jars` prints the list of their hashes anew, for `requirements/broker/jars.sha256`.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
POM: Final = ROOT / "requirements" / "broker" / "pom.xml"
HASHES: Final = POM.with_name("jars.sha256")
KEPT: Final = ROOT / ".cache" / "kafka" / "classpath"

_GOAL: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:build-classpath"


class NoBrokerHere(Exception):
    """This machine cannot run a Kafka broker; the message says what is missing and how to get it."""


class WrongJars(Exception):
    """What Maven brought is not what `requirements/broker/jars.sha256` says."""


def java() -> str:
    """Return the path of a Java.

    Raises:
        NoBrokerHere: there is none.

    """
    return _command("java", "default-jre-headless")


def classpath() -> str:
    """Return the class path of the broker, every jar of which has the hash it must have.

    Raises:
        NoBrokerHere: there is no Maven, or it could not get the jars.
        WrongJars: it got others.

    """
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    with KEPT.with_suffix(".lock").open("w") as lock:  # two runs at once would both ask Maven
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = KEPT.read_text(encoding="utf-8") if KEPT.exists() else ""
        if kept and all(Path(jar).is_file() for jar in kept.split(os.pathsep)) and not wrong(kept):
            return kept
        found = _by_maven()
        if differences := wrong(found):
            raise WrongJars("the broker's jars are not the ones pinned:\n" + "\n".join(differences))
        KEPT.write_text(found, encoding="utf-8")
        return found


def wrong(found: str) -> list[str]:
    """Return in what a class path differs from the list of hashes, a line for each jar."""
    wanted = dict(line.split()[::-1] for line in HASHES.read_text(encoding="utf-8").splitlines())
    there = hashes(found)
    return [
        f"{name}: {'not asked for' if name not in wanted else 'missing' if name not in there else 'another SHA-256'}"
        for name in sorted(wanted.keys() | there.keys())
        if wanted.get(name) != there.get(name)
    ]


def hashes(found: str) -> dict[str, str]:
    """Return the SHA-256 of each jar of a class path, by its file name."""
    return {(jar := Path(each)).name: hashlib.sha256(jar.read_bytes()).hexdigest() for each in found.split(os.pathsep)}


def _by_maven() -> str:
    written = KEPT.with_suffix(".new")
    command = [
        _command("mvn", "maven"),
        "--batch-mode",
        "--quiet",
        f"--file={POM}",
        _GOAL,
        f"-Dmdep.outputFile={written}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NoBrokerHere(f"Maven could not get Kafka's jars:\n{(done.stdout + done.stderr).strip()[-2000:]}")
    found = written.read_text(encoding="utf-8").strip()
    written.unlink()
    return found


def _command(name: str, package: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise NoBrokerHere(f"there is no {name}: install it (on Debian and Ubuntu: apt-get install {package})")
    return path


if __name__ == "__main__":
    for jar, digest in sorted(hashes(_by_maven()).items()):
        print(digest, jar)  # noqa: T201 - this is what it is for
