"""The settings: winback.toml, overridden by environment variables, overridden by what the command line says.

A variable is `WINBACK_` and the key's path in capitals with underscores, lists with commas. Unknown keys and variables
are errors, all of them told at once. Secrets come only from the environment or from files (`..._file`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, IPvAnyAddress, IPvAnyNetwork, ValidationError

from engine.books.database import Where
from engine.books.postgres import Server
from engine.core.moments import Length
from engine.wiring.distributed_settings import KafkaSettings, PostgresSettings, WorkerSettings, has_password
from engine.wiring.hook_settings import SECRETS_OF, Hooks
from engine.wiring.incoming_settings import IncomingSettings
from engine.wiring.receiver_settings import FilesTaken, Named, Team, Webhook
from engine.wiring.service_settings import DkimSettings, ServiceSettings
from engine.wiring.setting_kinds import EXAMPLE_URL, POSTGRES_URLS, HostAndPort, Often, Part, Span, Url
from engine.wiring.tracking_settings import TrackingSettings

PREFIX = "WINBACK_"
FILE_NAME = "winback.toml"
NOT_SETTINGS = ("WINBACK_CONFIG", "WINBACK_SECRET", "WINBACK_TRACEBACK", "WINBACK_WHO")


class SettingsError(Exception):
    """What is wrong with the settings, all of it, a line each."""


class Listen(Part):
    """[listen]: where the two HTTP listeners stand."""

    public: HostAndPort = Field(default="127.0.0.1:8080", description="what customers and mail services reach")
    ops: HostAndPort = Field(
        default="127.0.0.1:8081", description="the console, events in, metrics; keep it to yourselves"
    )
    ops_token_file: Path | None = Field(
        default=None, description="holds the token that ops asks for unless it is on loopback"
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        default=(),
        description='whose X-Forwarded-For tells where a request comes from, such as "10.0.0.0/8"; of others it is not read',
    )


class Limit(Part):
    """How fast mail may leave for one domain."""

    rate: float = Field(default=0.0, ge=0, description="messages a second; 0 is no limit")
    burst: int = Field(default=10, ge=1, description="of which so many at once")
    at_once: int = Field(default=0, ge=0, description="messages at a time; 0 is no limit")


class SenderSettings(Part):
    """[sender]: who writes, and how mail leaves."""

    name: str | None = Field(default=None, description="the name in From; shop.yaml's sender_name when left out")
    address: str | None = Field(default=None, description="the address in From; shop.yaml's sender_email when left out")
    kind: Literal["mailbox", "smtp", "http", "kafka"] = Field(
        default="mailbox",
        description="mailbox (a local folder), smtp, http (a mail service: [service]), or kafka (the shop's service reads winback.sends)",
    )
    only_to: tuple[str, ...] = Field(
        default=(), description='for staging: only these get mail, such as "*@shop.example"'
    )
    reply_to: str = Field(default="", description="where answers go, if not to the address")
    unsubscribe_mailto: str = Field(
        default="", description="an address that takes unsubscribes by mail, if somebody reads it"
    )
    feedback_id: str = Field(default="", description="the sender's id in Gmail's Feedback-ID")
    sends_from: tuple[IPvAnyAddress, ...] = Field(
        default=(), description="addresses of the servers that mail leaves from, for preflight"
    )
    dkim_selectors: tuple[str, ...] = Field(default=(), description="of the keys that sign mail, for preflight")
    seeds: tuple[str, ...] = Field(
        default=(), description="these get each new version of a template once, when it first goes out live"
    )
    limit: Limit = Field(default=Limit(), description="for each domain that has none of its own")
    limits: dict[str, Limit] = Field(default={}, description='by domain: [sender.limits."gmail.com"]')


class SmtpServer(Part):
    """[smtp]: the mail server."""

    host: str = Field(default="127.0.0.1", description="its name")
    port: int = Field(default=25, ge=1, le=65_535, description="its port")
    tls: Literal["starttls", "tls", "none"] = Field(default="starttls", description="starttls, tls or none")
    username: str = Field(default="", description="for the login, if it asks for one")
    password_file: Path | None = Field(default=None, description="holds the password; or WINBACK_SMTP_PASSWORD")
    certificate_file: str = Field(default="", description="authorities to trust instead of the system's, as PEM")
    hello: str = Field(default="", description="the name we say in EHLO; this machine's when left out")
    connections: int = Field(default=4, ge=1, le=64, description="connections at a time")
    connect_timeout: float = Field(default=15.0, gt=0, description="seconds")
    command_timeout: float = Field(default=60.0, gt=0, description="seconds")
    final_timeout: float = Field(
        default=600.0, gt=0, description="seconds it may take over a message it was given whole"
    )


class ShopSettings(Part):
    """[shop]: the shop whose interface makes the codes of offers with `codes: shop`, and is asked for orders."""

    kind: Literal["shopify", "woocommerce", "shopware"] | None = Field(
        default=None, description="shopify, woocommerce or shopware; nothing is asked of a shop when left out"
    )
    url: Url | None = Field(default=None, description="where it answers, such as https://NAME.myshopify.com")
    key: str = Field(default="", description="WooCommerce's consumer key, or the access key of Shopware's integration")
    token_file: Path | None = Field(
        default=None,
        description="holds Shopify's access token, or the secret that goes with the key; or WINBACK_SHOP_TOKEN",
    )
    version: str = Field(default="2026-04", pattern=r"^\d{4}-\d{2}$", description="of Shopify's Admin API")
    sales_channels: tuple[str, ...] = Field(
        default=(), description="ids of Shopware's sales channels that codes are good in; all when left out"
    )
    poll: Often = Field(
        default=None,
        description="how often it is asked for orders that no webhook told, such as 15min; off when left out",
    )


class CouponsSettings(Part):
    """[coupons]: what the checkout may ask of our codes, on the ops listener."""

    token_file: Path | None = Field(
        default=None, description="holds the checkout's own token for /coupons; or WINBACK_COUPONS_TOKEN"
    )


class Settings(Part):
    """All settings, with their defaults."""

    data: Path = Field(default=Path("data"), description="the folder of the database, the mailbox and the effect files")
    workflows: Path = Field(default=Path("workflows"), description="the folder that ops people edit")
    secret_file: Path | None = Field(
        default=None,
        description="signs links and codes; `secret` in the data folder, made at first start. Or WINBACK_SECRET",
    )
    link_secrets_file: Path | None = Field(
        default=None,
        description="newer secrets for links alone, a line each, such as 2:SECRET; links of before stay good. Or WINBACK_LINK_SECRETS",
    )
    public_url: Url | None = Field(
        default=None, description="where customers reach the public listener; where it stands, when left out"
    )
    console_url: Url | None = Field(
        default=None, description="where teams reach the console; where ops stands, when left out"
    )
    history_after: Span = Field(
        default=Length(minutes=72 * 60), description="an event that came later than this is history"
    )
    approvals: int = Field(
        default=0, ge=0, le=1, description="1: what can reach customers or money needs a second person"
    )
    practice: date | None = Field(
        default=None, description="a shop for practice: its clock begins on this day, and moves by run --pass alone"
    )
    listen: Listen = Listen()
    sender: SenderSettings = SenderSettings()
    smtp: SmtpServer = SmtpServer()
    dkim: DkimSettings = DkimSettings()
    service: ServiceSettings = ServiceSettings()
    shop: ShopSettings = ShopSettings()
    coupons: CouponsSettings = CouponsSettings()
    incoming: IncomingSettings = IncomingSettings()
    tracking: TrackingSettings = TrackingSettings()
    webhooks: dict[Named, Webhook] = Field(default={}, description="tools that effects are posted to")
    teams: dict[str, Team] = Field(default={}, description="teams that are told of hand-offs by mail")
    files: FilesTaken = FilesTaken()
    kafka: KafkaSettings = KafkaSettings()
    worker: WorkerSettings = WorkerSettings()
    postgres: PostgresSettings = PostgresSettings()
    hooks: Hooks = Hooks()

    @property
    def links_begin_with(self) -> str:
        """What links in mails begin with."""
        return self.public_url or f"http://{self.listen.public}"

    @property
    def console_begins_with(self) -> str:
        """What links to the console begin with."""
        return self.console_url or f"http://{self.listen.ops}"

    @property
    def distributed(self) -> bool:
        """Whether the engine is the one of several processes, on Kafka."""
        return bool(self.kafka.brokers)

    @property
    def books(self) -> Where:
        """Where the books are: in the data folder, or the distributed engine's PostgreSQL.

        Raises:
            SettingsError: PostgreSQL is not named, or the file with its url cannot be read.

        """
        if not self.distributed:
            return self.data
        said = self.postgres
        url = said.url or (_first_line(said.url_file) if said.url_file else "")
        if not url:
            raise SettingsError(
                "postgres.url is not set: name the database, such as WINBACK_POSTGRES_URL=" + EXAMPLE_URL
            )
        if not url.startswith(POSTGRES_URLS):
            raise SettingsError(f"{said.url_file}: a line such as {EXAMPLE_URL} is meant to be there")
        return Server(url)

    @property
    def where_mail_goes(self) -> str:
        """Where mail leaves to once the shop is live, for people."""
        if self.sender.kind == "mailbox":
            return "the local mailbox"
        if self.sender.kind == "http":
            return urlsplit(self.service.address).netloc
        return f"{self.smtp.host}:{self.smtp.port}"

    @property
    def secret_place(self) -> Path:
        """Where the secret lies."""
        return self.secret_file or self.data / "secret"


def load(
    config: Path | None,
    environment: Mapping[str, str],
    *,
    data: Path | None = None,
    workflows: Path | None = None,
) -> Settings:
    """Read the settings.

    Args:
        config: the file; None is WINBACK_CONFIG or, if it is there, winback.toml.
        environment: environment variables.
        data: what the command line says, if it does.
        workflows: likewise.

    Raises:
        SettingsError: with everything that is wrong.

    """
    said = environment.get("WINBACK_CONFIG")
    path = config or (Path(said) if said else Path(FILE_NAME))
    given = _from_file(path, must_exist=bool(config or said))
    problems = _secrets_in(given, path) + _overlay(given, environment)
    given |= {name: value for name, value in (("data", data), ("workflows", workflows)) if value is not None}
    try:
        settings = Settings.model_validate(given)
    except ValidationError as error:
        problems += [_in_our_words(each, path) for each in error.errors()]
    else:
        problems += _at_odds(settings)
        if not problems:
            return settings
    raise SettingsError("\n".join(dict.fromkeys(problems)))


def _first_line(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _at_odds(settings: Settings) -> list[str]:
    """Say which settings do not go together."""
    problems = []
    if settings.practice is not None and settings.sender.kind != "mailbox":
        problems.append("practice: mails of a shop for practice go to the mailbox; leave sender.kind at it")
    if settings.practice is not None and settings.distributed:
        problems.append("practice: a shop for practice runs embedded; leave kafka.brokers out")
    if not settings.distributed and (settings.postgres.url or settings.postgres.url_file):
        problems.append(
            "postgres.url: PostgreSQL is for the distributed engine: name kafka.brokers as well, or neither"
        )
    if settings.sender.kind == "kafka" and not settings.distributed:
        problems.append(
            "sender.kind: 'kafka' is for the distributed engine, whose kafka.brokers are named; write mailbox, smtp or http"
        )
    if settings.sender.kind == "http":
        problems += settings.service.at_odds()
    problems += settings.dkim.at_odds(settings.sender.kind)
    return problems


def _secrets_in(given: Mapping[str, Any], path: Path) -> list[str]:
    """Say what of the file's values is a secret."""
    postgres = given.get("postgres")
    if isinstance(postgres, dict) and has_password(postgres.get("url")):
        return [f"{path}: postgres.url: a url with a password belongs into postgres.url_file, or WINBACK_POSTGRES_URL"]
    return []


def _from_file(path: Path, *, must_exist: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        if must_exist:
            raise SettingsError(f"{path} does not exist") from None
        return {}
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: this is not TOML: {error}") from None


# Keys and variables --------------------------------------------------------------------------------------------------


def keys(part: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each key that holds a value, as its path and pydantic's field; tables by free names are left out."""
    for name, field in part.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from keys(inner, (*path, name))
        elif get_origin(inner) is not dict:
            yield (*path, name), field


def by_name(part: type[BaseModel] = Settings, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each key of the tables by free names, with NAME in its path; no variable sets them."""
    for name, field in part.model_fields.items():
        inner = field.annotation
        if get_origin(inner) is dict:
            yield from keys(get_args(inner)[1], (*path, name, "NAME"))
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from by_name(inner, (*path, name))


def variable(path: tuple[str, ...]) -> str:
    """Return the environment variable of a key."""
    return PREFIX + "_".join(path).upper()


SECRETS = (
    "WINBACK_SECRET",
    "WINBACK_LINK_SECRETS",
    "WINBACK_SMTP_PASSWORD",
    "WINBACK_SERVICE_KEY",
    "WINBACK_DKIM_KEY",
    "WINBACK_LISTEN_OPS_TOKEN",
    "WINBACK_COUPONS_TOKEN",
    "WINBACK_SHOP_TOKEN",
    "WINBACK_KAFKA_PASSWORD",
    "WINBACK_INCOMING_POP3_PASSWORD",
    "WINBACK_INCOMING_IMAP_PASSWORD",
    *SECRETS_OF.values(),
)
"""Variables that hold secrets; winback.toml has no such keys."""

_SECRET_OF_WEBHOOK = re.compile(f"{PREFIX}WEBHOOKS_(\\w+)_SECRET")


def _overlay(given: dict[str, Any], environment: Mapping[str, str]) -> list[str]:
    """Put environment variables over what the file says; return what is wrong with them."""
    known = {variable(path): (path, field) for path, field in keys()}
    problems = []
    for name, text in environment.items():
        if not name.startswith(PREFIX) or name in NOT_SETTINGS or name in SECRETS:
            continue
        if (of := _SECRET_OF_WEBHOOK.fullmatch(name)) is not None and of[1].lower() in given.get("webhooks", {}):
            continue
        if name not in known:
            near = get_close_matches(name, [*known, *SECRETS], n=1)
            problems.append(f"{name}: there is no such setting" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        path, field = known[name]
        table = given
        for part in path[:-1]:
            table = table.setdefault(part, {})
            if not isinstance(table, dict):
                break
        else:
            is_list = get_origin(field.annotation) is tuple
            table[path[-1]] = [each.strip() for each in text.split(",") if each.strip()] if is_list else text
    return problems


def _in_our_words(error: Any, path: Path) -> str:
    """Say one of pydantic's findings with the key as people write it."""
    place = [str(part) for part in error["loc"] if part != "[key]"]
    key = ".".join(place)
    if error["type"] == "extra_forbidden":
        near = get_close_matches(key, _known_like(place), n=1)
        secret = variable(tuple(place))
        if secret in SECRETS or _SECRET_OF_WEBHOOK.fullmatch(secret):
            return f"{path}: {key}: secrets come only from files or the environment: {key}_file, or {secret}"
        return f"{path}: there is no key {key}" + (f"; did you mean {near[0]}?" if near else "")
    message = error["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if error["type"] == "literal_error":
        message = f"write one of {error['ctx']['expected']}"
    settable = variable(tuple(place)) in {variable(each) for each, _ in keys()}
    where = f"{path} or {variable(tuple(place))}" if settable else str(path)
    return f"{where}: {key}: {message[:1].lower()}{message[1:]}"


def _known_like(place: list[str]) -> list[str]:
    """Return the keys and tables there are, those of tables by free names with the name that was written."""
    named = [
        [said if part == "NAME" else part for part, said in zip(each, place, strict=False)] for each, _ in by_name()
    ]
    paths = [*(path for path, _ in keys()), *named]
    return list(dict.fromkeys(".".join(path[:length]) for path in paths for length in range(len(path), 0, -1)))


def described() -> Iterator[tuple[str, str, str]]:
    """Yield each setting as (key, default as TOML would have it, what it is), for `run --help`."""
    for path, field in (*keys(), *by_name()):
        yield ".".join(path), "" if field.is_required() else _shown(field.default), field.description or ""


def _shown(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        return "[]"
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int | float) else f'"{value}"'
