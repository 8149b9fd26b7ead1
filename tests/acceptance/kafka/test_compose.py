"""docker-compose.yml and the Dockerfile, as far as they can be tried without Docker: their form, and every command they run.

What is not tried here: that the images of others exist under their versions, and what the kernel does with capabilities.
"""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from engine.cli.app import COMMANDS
from engine.wiring.settings import load
from tests.acceptance.kafka.commands import START, winback
from tests.acceptance.kafka.compose import ROOT, asked_for, composition, filled, ours, services, steps
from tests.server_processes import free_port

EVENT = {
    "specversion": "1.0",
    "id": "o-1",
    "source": "shop",
    "type": "order.placed",
    "time": "2026-01-31T10:15:00+01:00",
    "subject": "c-1",
    "data": {"order_id": "1", "total": "49.90", "currency": "EUR"},
}
VALUES = {"WINBACK_SECRET": "a" * 64, "POSTGRES_PASSWORD": "b" * 64, "WINBACK_LISTEN_OPS_TOKEN": "c" * 64}


def test_every_image_is_pinned() -> None:
    """No image is taken by a name that may mean another one tomorrow; ours is the version of the project."""
    images = [each["image"] for each in services().values()] + [
        rest.split()[0] for step, rest in steps() if step == "FROM"
    ]

    assert [image for image in images if not re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+(-[\w-]+)?", image)] == []
    assert {each["image"] for each in ours().values()} == {f"winback:{_version()}"}


def _version() -> str:
    found: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    return found


def test_the_parts_are_all_there() -> None:
    """Each part of the distributed engine is a service, workers twice, beside Kafka, PostgreSQL and a catcher of mails."""
    run = [each["command"][0] for each in ours().values()]

    assert set(run) <= set(COMMANDS)
    assert sorted(run) == ["console", "gateway", "projector", "sender", "topics", "worker", "worker"]
    assert set(services()) - set(ours()) == {"kafka", "postgres", "mail"}


@pytest.mark.parametrize("name", services())
def test_a_service_has_no_more_rights_than_it_needs(name: str) -> None:
    """No new privileges anywhere; ours have no capabilities and cannot write but to their data; ports are this machine's."""
    service = services()[name]

    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert service.get("privileged", False) is False
    if name in ours():
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        assert [each for each in service["volumes"] if not each.endswith(":ro")] == ["data:/shop/data"]


@pytest.mark.parametrize("name", [name for name in services() if name != "topics"])
def test_a_service_that_stays_tells_how_it_is(name: str) -> None:
    """Whoever stays up has a health check and comes back when it ends; whoever is waited for exists."""
    service = services()[name]

    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["restart"] == "unless-stopped"
    assert set(service.get("depends_on", {})) <= set(services())


def test_volumes_and_networks_are_declared() -> None:
    """Each volume by name and each network is declared; what is mounted from the folder is there."""
    whole = composition()
    mounted = {volume.split(":")[0] for each in services().values() for volume in each.get("volumes", [])}

    assert {name for name in mounted if not name.startswith(".")} == set(whole["volumes"])
    assert all((ROOT / name).is_dir() for name in mounted if name.startswith("."))
    assert {network for each in services().values() for network in each.get("networks", [])} == set(whole["networks"])


def test_what_must_be_set_is_asked_for() -> None:
    """Each blank of docker-compose.yml stands in docker-compose.env, and those without which nothing starts are empty there."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    asked = asked_for()

    assert set(re.findall(r"\$\{(\w+)", text)) == set(asked)
    assert set(re.findall(r"\$\{(\w+):\?", text)) == {name for name, said in asked.items() if not said} == set(VALUES)


@pytest.mark.parametrize("name", ours())
def test_the_settings_of_a_service_are_settings(name: str, tmp_path: Path) -> None:
    """What a service is told by variables is what winback knows; a misspelt one would be an error at its start."""
    said = {key: filled(value, VALUES) for key, value in ours()[name]["environment"].items()}

    settings = load(None, said, data=tmp_path)

    assert settings.kafka.brokers == ("kafka:9092",)
    assert (settings.smtp.host, settings.smtp.port, settings.sender.kind) == ("mail", 1025, "smtp")


def test_the_image_runs_as_nobody_special() -> None:
    """The last stage has a user by number that is not root, and starts winback itself, so that it hears SIGTERM."""
    last = steps()[max(place for place, (step, _) in enumerate(steps()) if step == "FROM") :]
    said = dict(last)

    assert said["USER"] == "10001:10001"
    assert json.loads(said["ENTRYPOINT"]) == ["winback"]
    assert json.loads(said["CMD"])[0] in COMMANDS


def test_what_the_image_copies_is_there_and_gets_in() -> None:
    """Each file that the Dockerfile copies exists, and .dockerignore lets it through; nothing secret does."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = [line.removeprefix("!") for line in lines if line.startswith("!")]
    copied = [part for step, rest in steps() if step == "COPY" and "--from" not in rest for part in rest.split()[:-1]]

    assert "*" in lines
    assert [part for part in copied if not (ROOT / part).exists()] == []
    assert [part for part in copied if part not in let_in] == []
    assert not any(fnmatch.fnmatch(".env", pattern) for pattern in let_in)


class Part:
    """One service as a process of this machine: its command, its settings, and its health check."""

    def __init__(self, service: dict[str, Any], places: dict[str, str], folder: Path) -> None:
        self._folder = folder
        said = {key: filled(value, VALUES) for key, value in service["environment"].items()}
        clean = {name: value for name, value in os.environ.items() if not name.startswith("WINBACK_")}
        self.environment = (
            clean | {"PYTHONPATH": str(ROOT)} | {key: _placed(value, places) for key, value in said.items()}
        )
        command = [sys.executable, "-c", START, *(_placed(word, places) for word in service["command"])]
        self.process = subprocess.Popen(
            command, cwd=folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        check = service.get("healthcheck", {}).get("test", [])[1:]
        self._check = [sys.executable, *(_placed(word, places) for word in check[1:])]

    def is_healthy(self) -> bool:
        """Whether the service's own health check says so."""
        return subprocess.run(self._check, capture_output=True, check=False, cwd=self._folder).returncode == 0


def _placed(text: str, places: dict[str, str]) -> str:
    for name, place in places.items():
        text = text.replace(name, place)
    return text


@contextmanager
def composed(kafka: str, postgres: str, prefix: str, folder: Path) -> Iterator[tuple[dict[str, Part], dict[str, str]]]:
    """Run every service of ours as a process, against servers of this machine instead of those of the other images."""
    shutil.copytree(ROOT / "workflows", folder / "workflows")
    names = {name: f"127.0.0.1:{free_port()}" for name in ours()}
    common = {
        "kafka:9092": kafka,
        f"postgresql://winback:{VALUES['POSTGRES_PASSWORD']}@postgres:5432/winback": postgres,
        "8080": str(free_port()),
        "8081": str(free_port()),
        "8082": str(free_port()),
    }
    extra = {"WINBACK_KAFKA_PREFIX": prefix, "WINBACK_KAFKA_PARTITIONS": "4", "WINBACK_SMTP_HOST": "127.0.0.1"}
    with ExitStack() as stack:
        running: dict[str, Part] = {}
        for name, service in ours().items():
            metrics = names[name].rpartition(":")[2]
            places = common | dict.fromkeys(("9102", "9103", "9104"), metrics) | {"0.0.0.0": "127.0.0.1"}
            part = Part(service | {"environment": service["environment"] | extra}, places, folder)
            stack.callback(_ended, part)
            if service["command"][0] == "topics":
                assert part.process.wait(60) == 0
            running[name] = part
        yield running, common


def _ended(part: Part) -> None:
    if part.process.poll() is None:
        part.process.kill()
    part.process.communicate()


def test_the_whole_engine_starts_as_composed(kafka: str, postgres: str, prefix: str, tmp_path: Path) -> None:
    """Every command of docker-compose.yml runs, its health check turns good, an event gets in, and SIGTERM ends it in order."""
    with composed(kafka, postgres, prefix, tmp_path) as (running, common):
        parts = {name: part for name, part in running.items() if name != "topics"}
        waiting, end = set(parts), time.monotonic() + 120
        while waiting:
            waiting = {name for name in waiting if not parts[name].is_healthy()}
            gone = {
                name: part.process.communicate()[0] for name, part in parts.items() if part.process.poll() is not None
            }
            assert gone == {}
            assert time.monotonic() < end, f"never healthy: {waiting}"

        request = Request(
            f"http://127.0.0.1:{common['8081']}/events",
            json.dumps(EVENT).encode(),
            {
                "Content-Type": "application/cloudevents+json",
                "Authorization": f"Bearer {VALUES['WINBACK_LISTEN_OPS_TOKEN']}",
            },
        )
        with urlopen(request, timeout=20) as answer:
            assert (answer.status, json.load(answer)["results"][0]["status"]) == (202, "accepted")
        ours_of = {
            name.removeprefix("WINBACK_").lower(): value
            for name, value in parts["projector"].environment.items()
            if name.startswith("WINBACK_")
        }
        while (told := winback(tmp_path, "explain", "c-1", "--json", settings=ours_of)).code != 0:
            assert time.monotonic() < end, told.err
        assert told.json["customer"]["orders"] == 1

        for part in parts.values():
            part.process.send_signal(signal.SIGTERM)
        ended = {
            name: (part.process.communicate(timeout=40)[0], part.process.returncode) for name, part in parts.items()
        }
        assert {name: code for name, (_, code) in ended.items() if code} == {}
        assert [name for name, (said, _) in ended.items() if "Traceback" in said] == []


@pytest.mark.long
def test_the_steps_of_the_image_install_the_engine(tmp_path: Path) -> None:
    """What the Dockerfile runs to install gives a winback that knows its parts, in a folder that has only what is copied."""
    place, build = tmp_path / "winback", tmp_path / "build"
    build.mkdir()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for step, rest in steps():
        if step == "FROM" and "AS" not in rest:
            break
        if step == "COPY":
            *copied, target = rest.split()
            for part in copied:
                into = build / target / (Path(part).name if target.endswith("/") else "")
                if (ROOT / part).is_dir():
                    shutil.copytree(ROOT / part, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    into.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / part, into)
        if step == "RUN":
            command = rest.replace("/opt/winback", str(place)).replace("python -m venv", f"{sys.executable} -m venv")
            done = subprocess.run(
                ["sh", "-ec", command], cwd=build, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr[-2000:]

    said = subprocess.run(
        [place / "bin" / "winback", "--help"], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout
    assert all(each["command"][0] in said for each in ours().values())
    for each in ours().values():
        subprocess.run(
            [place / "bin" / "winback", each["command"][0], "--help"], capture_output=True, check=True, cwd=tmp_path
        )
