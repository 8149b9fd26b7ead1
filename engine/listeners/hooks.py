"""`POST /hooks/NAME` on the public listener: what shops and mail services tell us.

Each call is checked by its service's own rules before anything of it is believed, and answered after the commit: 200 for
what was taken in and what came before, 401, 400 and 413 as they say, 503 where it is to come again. A "no" in it is on the
block list before the answer. A hook that is off has no path, as if it were not there.
"""

from __future__ import annotations

from collections import Counter as Count
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec
import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from engine.core.moments import MINUTE, Instant
from engine.listeners.intake import Intake, Result
from engine.listeners.objections import Objections
from engine.listeners.serving import body_of, json_error
from engine.ports import Clock, ForgedError, Heard, Hook, HookCall, UnreadableError

BODY_AT_MOST = 1_000_000
BODY_SECONDS = 10.0

Remember = Callable[[str, str, bytes], Awaitable[bool]]
"""Remembers what a call said, by its hook and its name there; False where that name said something else before."""

log = structlog.get_logger(__name__)


class Hooks:
    """The hooks that are on."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        intake: Intake,
        objections: Objections,
        remember: Remember,
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
            remember: keeps a call from being brought again with something else in it.
            clock: tells which signed times are near.
            registry: where calls and events are counted.
            body_at_most: bytes of a call.
            body_seconds: how long a call may take to arrive.

        """
        self._hooks, self._intake, self._objections, self._remember = hooks, intake, objections, remember
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
        except Exception:
            log.exception("a hook failed", hook=hook.name)
            response = json_error(503, "the engine could not take this now: bring it again")
        self._calls.labels(hook.name, str(response.status)).inc()
        return response

    async def _taken(self, hook: Hook, request: web.Request) -> web.Response:
        body = await body_of(request, self._body_at_most, self._body_seconds)
        headers: dict[str, str] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), value)
        heard = await hook.hear(HookCall(headers, body, self._clock.now()))
        if heard.once is not None and not await self._remember(hook.name, *heard.once):
            raise ForgedError("this call came before, and said something else")
        results = await self._events_of(hook, heard)
        return web.Response(body=_encode({"results": results}), content_type="application/json")

    async def _events_of(self, hook: Hook, heard: Heard) -> list[Result]:
        if not heard.events:
            return []
        results = await self._intake.take(heard.events, f"hooks/{hook.name}", self._objections.heed)
        for status, count in Count(result.status for result in results).items():
            self._events.labels(hook.name, status).inc(count)
        return results

    def _refused(self, hook: Hook, status: int, why: str) -> web.Response:
        """Answer no, and say so in the log: whoever sets a hook up looks there. The same once a minute."""
        now = self._clock.now()
        if now - self._told.get((hook.name, why), -MINUTE) >= MINUTE:
            if len(self._told) > _MOST_TOLD:
                self._told.clear()
            self._told[hook.name, why] = now
            log.warning("a hook's call was refused", hook=hook.name, status=status, why=why)
        return json_error(status, why)


_MOST_TOLD = 100
_encode = msgspec.json.Encoder().encode
