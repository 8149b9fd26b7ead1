"""Secrets and the engine's whereabouts: files of the data folder that only their owner can read.

The secret signs links and codes; it is made at the first start. Keys for single uses are derived from it, so that what
one use gives away helps nobody with another.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from engine.core.links import Keys, derive
from engine.core.return_paths import ReturnPaths
from engine.wiring.settings import Settings, SettingsError

CONTROL_TOKEN = "control.token"  # noqa: S105 - the name of a file
WHEREABOUTS = "engine.json"
LINK_SECRETS = "WINBACK_LINK_SECRETS"
RETIRED = "-"
"""Stands for a secret whose links are good no more, as in `1:-`."""

_LEAST_BYTES, _NEWEST = 16, 255


class Secrets(Struct, frozen=True):
    """The keys of one shop, by use."""

    links: Keys
    codes: bytes
    blocks: bytes
    messages: bytes
    """Signs the customer in Message-IDs of the distributed engine."""

    returns: ReturnPaths
    """Makes and opens envelope senders."""


class Whereabouts(Struct, frozen=True):
    """Where a running engine answers; written when it does, gone when it stops in order."""

    pid: int
    ops: str
    public: str


def keys_of(settings: Settings, environment: Mapping[str, str]) -> Secrets:
    """Return the shop's keys, from WINBACK_SECRET or the secret's file, which is made where there is none.

    Raises:
        SettingsError: the secret is too short, or its file cannot be used.

    """
    said = environment.get("WINBACK_SECRET", "")
    secret = said.encode() if said else _kept(settings.secret_place)
    if len(secret) < _LEAST_BYTES:
        where = "WINBACK_SECRET" if said else str(settings.secret_place)
        raise SettingsError(f"{where}: a secret has at least {_LEAST_BYTES} characters")
    versions = _versions(secret, from_file(settings.link_secrets_file, LINK_SECRETS, environment))
    return Secrets(
        links=Keys({version: derive(each, b"links") for version, each in versions.items()}),
        codes=derive(secret, b"codes"),
        blocks=derive(secret, b"block list"),
        messages=derive(secret, b"message ids"),
        returns=ReturnPaths({version: derive(each, b"envelope senders") for version, each in versions.items()}),
    )


def _versions(first: bytes, said: str) -> dict[int, bytes]:
    """Return the secrets that links and envelope senders are signed with, by version; the highest signs, all are good.

    The first is the shop's secret, which stays: codes and the block list hang on it. Numbers are written, not counted, so
    that a line that gets lost breaks the links of its version and no others.

    Raises:
        SettingsError: what is said cannot be read, or leaves none.

    """
    versions = {1: first}
    for line in filter(None, (each.strip() for each in said.replace(",", "\n").splitlines())):
        number, _, secret = (part.strip() for part in line.partition(":"))
        if not number.isdecimal() or not 1 <= int(number) <= _NEWEST or (secret != RETIRED and number == "1"):
            raise SettingsError(
                f"{LINK_SECRETS}: write a number from 2 to {_NEWEST}, a colon and a secret, such as 2:…"
            )
        if secret == RETIRED:
            versions.pop(int(number), None)
        elif len(secret) < _LEAST_BYTES:
            raise SettingsError(f"{LINK_SECRETS}: secret {number} has less than {_LEAST_BYTES} characters")
        else:
            versions[int(number)] = secret.encode()
    if not versions:
        raise SettingsError(f"{LINK_SECRETS}: all secrets are retired; one has to be left")
    return versions


def from_file(path: Path | None, variable: str, environment: Mapping[str, str]) -> str:
    """Return a secret that somebody else gave us, from the environment or else from its file; empty where there is none.

    Raises:
        SettingsError: the file cannot be read.

    """
    said = environment.get(variable, "")
    if said or path is None:
        return said
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def new_control_token(folder: Path) -> str:
    """Write a new token for the command line, and return it. The last one ends with the engine that made it."""
    token = secrets.token_urlsafe(32)
    path = folder / CONTROL_TOKEN
    path.unlink(missing_ok=True)
    _write_private(path, token.encode())
    return token


def say_where(folder: Path, here: Whereabouts) -> None:
    """Write where this engine answers, as a whole file or none."""
    beside = folder / f"{WHEREABOUTS}.part"
    beside.write_bytes(msgspec.json.encode(here) + b"\n")
    beside.replace(folder / WHEREABOUTS)


def is_gone(folder: Path) -> None:
    """Take back what `say_where` and `new_control_token` wrote."""
    for name in (WHEREABOUTS, CONTROL_TOKEN):
        (folder / name).unlink(missing_ok=True)


def whereabouts(folder: Path) -> tuple[Whereabouts, str] | None:
    """Return where the engine of a data folder said it is, and its token; None where it has said nothing.

    It may have died since without a word.
    """
    try:
        here = msgspec.json.decode((folder / WHEREABOUTS).read_bytes(), type=Whereabouts)
        return here, (folder / CONTROL_TOKEN).read_text("ascii")
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _kept(path: Path) -> bytes:
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_private(path, secrets.token_urlsafe(32).encode())
        return path.read_bytes().strip()
    except FileExistsError:  # another process was first
        return path.read_bytes().strip()
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None


def _write_private(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
