"""`POST /hooks/NAME` on the public listener: what shops and mail services tell us.

Each call is checked by its service's own rules before anything of it is believed, and answered after the commit: 200 for
what was taken in and what came before, 401, 400 and 413 as they say, 503 where it is to come again. A "no" in it is on the
block list before the answer. A hook that is off has no path, as if it were not there.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Sequence
from functools import partial
from typing import Final, Protocol

import msgspec
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from engine.books.connection import DatabaseError
from engine.core.events import Event
from engine.core.moments import MINUTE, Instant
from engine.listeners.intake import Intake, Result, new_orders
from engine.listeners.objections import Objections
from engine.listeners.serving import body_of, json_error
from engine.ports import Clock, ForgedError, GreetingHook, Heard, Hook, HookCall, UnreadableError

BODY_AT_MOST = 1_000_000
BODY_SECONDS = 10.0
SHOPS: Final = frozenset({"shopify", "woocommerce", "shopware"})
"""Hooks whose later calls may name an order and nobody."""


class Books(Protocol):
    """What is remembered of calls. Each returns after the commit."""

    async def remember(self, hook: str, name: str, said: bytes) -> bool:
        """Remember what a call said, by its hook and its name there; False where that name said something else before."""
        ...

    async def note_orders(self, orders: Sequence[Event]) -> None:
        """Remember whose orders are."""
        ...

    async def whose_order(self, shop: str, order: str) -> str:
        """Return whose an order is, empty where nobody has told."""
        ...


log = structlog.get_logger(__name__)


class Hooks:
    """The hooks that are on."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        intake: Intake,
        objections: Objections,
        books: Books,
        clock: Clock,
        registry: CollectorRegistry | None = None,
        *,
        body_at_most: int = BODY_AT_MOST,
        body_seconds: float = BODY_SECONDS,
    ) -> None:
        """Make them; `add_to` opens their paths.

        Args:
            hooks: those that are on.
            intake: takes in what they tell.
            objections: hears each "no" first.
            books: remember calls that must not say something else later, and whose orders are.
            clock: tells which signed times are near.
            registry: where calls and events are counted.
            body_at_most: bytes of a call.
            body_seconds: how long a call may take to arrive.

        """
        self._hooks, self._intake, self._objections, self._books = hooks, intake, objections, books
        self._clock, self._body_at_most, self._body_seconds = clock, body_at_most, body_seconds
        what = "Calls of shops and mail services, by hook and answer"
        self._calls = Counter("winback_hook_calls", what, ["hook", "status"], registry=registry)
        what = "Events in those calls, by hook and what became of them"
        self._events = Counter("winback_hook_events", what, ["hook", "status"], registry=registry)
        self._told: dict[tuple[str, str], Instant] = {}

    def add_to(self, app: web.Application) -> None:
        """Open a path for each."""
        for hook in self._hooks:
            app.router.add_post(f"/hooks/{hook.name}", partial(self.take, hook))
            if isinstance(hook, GreetingHook):
                app.router.add_get(f"/hooks/{hook.name}", partial(self.greet, hook), allow_head=False)

    async def close(self) -> None:
        """End all connections."""
        for hook in self._hooks:
            await hook.close()

    async def take(self, hook: Hook, request: web.Request) -> web.Response:
        """Take a call, and answer it."""
        try:
            response = await self._taken(hook, request)
        except ForgedError as error:
            response = self._refused(hook, 401, str(error))
            response.headers["WWW-Authenticate"] = 'Basic realm="winback"'
        except UnreadableError as error:
            response = self._refused(hook, 400, str(error))
        except web.HTTPException as error:
            response = self._refused(hook, error.status, error.text or error.reason)
        except OSError as error:  # of a certificate that cannot be had now
            response = self._refused(hook, 503, f"{error}: bring it again")
        except DatabaseError:  # its message names the server, which is nobody's business
            response = self._refused(hook, 503, "the books are away: bring it again")
        except Exception:
            log.exception("a hook failed", hook=hook.name)
            response = json_error(503, "the engine could not take this now: bring it again")
        self._calls.labels(hook.name, str(response.status)).inc()
        return response

    async def greet(self, hook: GreetingHook, request: web.Request) -> web.Response:
        """Answer a service that asks who we are."""
        query = request.raw_path.partition("?")[2].encode()
        try:
            answer = hook.greet(HookCall(_headers_of(request), query, self._clock.now()))
        except ForgedError as error:
            return self._refused(hook, 401, str(error))
        return web.Response(body=answer, content_type="application/json")

    async def _taken(self, hook: Hook, request: web.Request) -> web.Response:
        body = await body_of(request, self._body_at_most, self._body_seconds)
        heard = await hook.hear(HookCall(_headers_of(request), body, self._clock.now()))
        if heard.once is not None and not await self._books.remember(hook.name, *heard.once):
            raise ForgedError("this call came before, and said something else")
        results = await self._events_of(hook, heard)
        return web.Response(body=_encode({"results": results}), content_type="application/json")

    async def _events_of(self, hook: Hook, heard: Heard) -> list[Result]:
        raws = [*heard.events, *[await self._of_order(hook, *each) for each in heard.of_orders]]
        if not raws:
            return []
        read: list[Event] = []

        async def first(events: Sequence[Event]) -> None:
            await self._objections.heed(events)
            read.extend(events)

        results = await self._intake.take(raws, f"hooks/{hook.name}", first)
        if hook.name in SHOPS and (orders := new_orders(read, results)):
            await self._books.note_orders(orders)
        for status, count in Count(result.status for result in results).items():
            self._events.labels(hook.name, status).inc(count)
        return results

    async def _of_order(self, hook: Hook, order: str, raw: bytes) -> bytes:
        """Return an event with whose order it is about; where nobody knows, as it is: it becomes a dead letter that says so."""
        whose = await self._books.whose_order(hook.name, order)
        return _encode({**msgspec.json.decode(raw), "subject": whose}) if whose else raw

    def _refused(self, hook: Hook, status: int, why: str) -> web.Response:
        """Answer no, and say so in the log: whoever sets a hook up looks there. The same once a minute."""
        now = self._clock.now()
        if now - self._told.get((hook.name, why), -MINUTE) >= MINUTE:
            if len(self._told) > _MOST_TOLD:
                self._told.clear()
            self._told[hook.name, why] = now
            log.warning("a hook's call was refused", hook=hook.name, status=status, why=why)
        return json_error(status, why)


def _headers_of(request: web.Request) -> dict[str, str]:
    """Return headers by their names in small letters; of one that stands there twice, the first."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers.setdefault(name.lower(), value)
    return headers


_MOST_TOLD = 100
_encode = msgspec.json.Encoder().encode
