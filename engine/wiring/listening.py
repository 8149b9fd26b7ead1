"""The two listeners over a running engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import TypeVar

from prometheus_client import CollectorRegistry

from connectors.mailbox import Mailbox
from engine.books import coupons
from engine.books.views import Views
from engine.core.coupons import Coupon
from engine.core.moments import Instant
from engine.core.reading import Read, Reader
from engine.core.rules import RuleSet
from engine.listeners import (
    READ,
    Answers,
    Callers,
    Control,
    Intake,
    Notes,
    Objections,
    OpsSettings,
    Running,
    Shopfront,
    Site,
    ops_app,
    public_app,
    serve,
)
from engine.listeners.coupons import Order, Refused
from engine.listeners.intake import ReadEvent
from engine.runtimes.sqlite.engine import Engine
from engine.runtimes.sqlite.loop import Loop
from engine.wiring import in_force
from engine.wiring.console import EngineSights
from engine.wiring.heard import hooks_and_polls
from engine.wiring.preferring import known_by
from engine.wiring.public_books import Change, PublicBooks
from engine.wiring.secret import Secrets, Whereabouts, from_file, is_gone, new_control_token, say_where
from engine.wiring.settings import Settings, SettingsError
from engine.wiring.waiting import WaitingFiles

T = TypeVar("T")

STALLED_AFTER = 10.0
"""Seconds that the oldest piece of work may wait before the engine counts as not ready."""


async def listeners(
    settings: Settings,
    environment: Mapping[str, str],
    engine: Engine,
    *,
    loop: Loop,
    control: Control,
    mailbox: Mailbox,
    secrets: Secrets,
    waiting: WaitingFiles,
    stack: AsyncExitStack,
    registry: CollectorRegistry,
) -> tuple[Running, Running]:
    """Open ops and public, and say in the data folder where they are; the stack closes them.

    Raises:
        SettingsError: ops would be reachable for others without a token.
        OSError: an address is taken or may not be used.

    """
    intake = Intake(_Reading(engine).read, loop.submit, engine)
    books = books_of(loop, secrets)
    objections = Objections(books.note, engine)
    codes = _Codes(loop, engine, stack.enter_context(Views(settings.books)))

    def ready() -> str:
        return "the engine is behind" if loop.figures().lag > STALLED_AFTER else ""

    public_host, public_port = _split(settings.listen.public)
    ops_host, ops_port = _split(settings.listen.ops)
    token = from_file(settings.listen.ops_token_file, "WINBACK_LISTEN_OPS_TOKEN", environment)
    checkout = from_file(settings.coupons.token_file, "WINBACK_COUPONS_TOKEN", environment)
    try:
        ops_settings = OpsSettings(
            host=ops_host, token=token, coupons_token=checkout, control_token=new_control_token(settings.data)
        )
    except ValueError as error:
        raise SettingsError(str(error)) from None
    answers = Answers(intake, books.block, books.unblock, objections, engine, settings.links_begin_with)
    hooks = hooks_and_polls(settings, environment, intake, books, objections, engine, registry, stack)
    brand = in_force.of_books(settings.books).brand
    shop = Shopfront(name=brand.name, support_email=brand.support_email, url=brand.url, imprint=brand.imprint)
    app = public_app(
        secrets.links,
        answers,
        shop,
        ready,
        registry,
        hooks=hooks,
        clock=engine,
        notes=Notes(intake, READ, registry),
        callers=Callers(settings.listen.trusted_proxies),
        known=known_by(settings.books, lambda: engine.handling.rules.lifecycle, engine.now),
        tracks=settings.tracking.opens or settings.tracking.clicks,
    )
    public = await serve(app, public_host, public_port)
    stack.push_async_callback(public.stop)
    sights = EngineSights(settings, engine.now, lambda: engine.handling.rules, control, mailbox, waiting, brand.name)
    stack.push_async_callback(sights.close)
    site = Site(sights, control, mailbox)
    ops = await serve(
        ops_app(ops_settings, intake, ready, registry, control=control, site=site, codes=codes), ops_host, ops_port
    )
    stack.push_async_callback(ops.stop)
    where = Whereabouts(os.getpid(), f"http://{ops_host}:{ops.port}", f"http://{public_host}:{public.port}")
    say_where(settings.data, where)
    stack.callback(is_gone, settings.data)
    return ops, public


def books_of(loop: Loop, secrets: Secrets) -> PublicBooks:
    """Return the books as they are written by way of the engine's transactions."""
    return PublicBooks(partial(_write, loop), secrets.blocks)


async def _write(loop: Loop, change: Change[T]) -> T:
    """Make a change of the public listener's by way of the engine's transactions."""
    return await loop.ask(lambda store, now: change(store.connection, store, now))


def _split(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    return host.strip("[]"), int(port)


def reading(engine: Engine) -> ReadEvent:
    """Return what reads events by the rules in force."""
    return _Reading(engine).read


class _Reading:
    """Reads events by the rules in force: the shop's own events are part of them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: RuleSet | None = None
        self._reader = Reader()

    def read(self, raw: bytes, origin: str, now: Instant) -> Read:
        """Read the bytes of one event."""
        rules = self._engine.handling.rules.rule_set
        if rules is not self._known:
            self._known, self._reader = rules, Reader(rules.own_events)
        return self._reader.read(raw, origin, now)


class _Codes:
    """The codes that were issued: read on a connection of its own, redeemed by way of the engine's transactions."""

    def __init__(self, loop: Loop, engine: Engine, views: Views) -> None:
        self._loop, self._engine, self._views = loop, engine, views

    async def look_up(self, code: str) -> Coupon | None:
        """Return how a code stands."""
        return self._views.coupon(code, self._engine.now(), self._engine.handling.rules.shop)

    async def redeem(self, code: str, order: Order) -> Coupon | Refused | None:
        """Redeem a code for an order."""
        redeemed = await self._loop.ask(
            lambda store, now: coupons.redeem(
                self._engine.handling, store, now, code, order.order_id.strip(), order.basket, order.currency
            )
        )
        if redeemed.coupon is None or not redeemed.refused:
            return redeemed.coupon
        return Refused(redeemed.refused, redeemed.coupon)
