"""docker-compose.yml and the Dockerfile as data: their services, with what Docker would put into the blanks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[3]
_BLANK = re.compile(r"\$\{(?P<name>\w+)(?::?(?P<kind>[-?])(?P<said>[^}]*))?\}")


def composition() -> dict[str, Any]:
    """Return docker-compose.yml, its merges carried out."""
    read: dict[str, Any] = YAML(typ="safe").load(ROOT / "docker-compose.yml")
    return read


def services() -> dict[str, dict[str, Any]]:
    """Return the services, by name."""
    found: dict[str, dict[str, Any]] = composition()["services"]
    return found


def ours() -> dict[str, dict[str, Any]]:
    """Return those services that are commands of our image."""
    return {name: each for name, each in services().items() if "build" in each}


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text as Docker Compose makes it: `${NAME:-otherwise}` and `${NAME:?why it is needed}`.

    Raises:
        KeyError: a value is needed and is not there.

    """

    def value(blank: re.Match[str]) -> str:
        if values.get(blank["name"]):
            return values[blank["name"]]
        if blank["kind"] == "-":
            return blank["said"]
        raise KeyError(f"{blank['name']}: {blank['said']}")

    return _BLANK.sub(value, text)


def asked_for() -> dict[str, str]:
    """Return the variables of docker-compose.env, which is copied to .env, with what they are set to."""
    lines = (ROOT / "docker-compose.env").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def steps() -> list[tuple[str, str]]:
    """Return the Dockerfile's steps: each instruction with the rest of its line, lines that go on put together."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(instruction, " ".join(rest.split())) for instruction, _, rest in (line.partition(" ") for line in lines)]
