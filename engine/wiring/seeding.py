"""Seeds: addresses of one's own that get each new version of a template once, when it first goes out live.

So somebody sees what customers see, in a real inbox, on the day they see it. A version is a template in one language with
all that it shows of the shop. Seeds get it with a sample's data, as a test: no customer's data goes there, links are
nobody's, and it counts in no figure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import blake2b

import msgspec
import structlog

from engine.books import seeds
from engine.books.ledger import Queued
from engine.books.relay import Books
from engine.books.store import SqlStore
from engine.core.moments import Instant
from engine.core.rulebook import Rules
from engine.ports import Sender, Sent
from engine.rendering import RenderError
from engine.rendering.loading import SHARED
from engine.wiring.in_force import Kept, compiled
from engine.wiring.secret import Secrets
from engine.wiring.settings import Settings
from engine.wiring.testing import NotAllowedError, Written, message_to_me, receiver_of

log = structlog.get_logger(__name__)

_STATES = {"done": "done", "refused": "refused"}  # every other end of a call is uncertain


class Seeding:
    """Sends new versions to the seeds. `on_done` hears of each mail that was handed over; `run` does the work."""

    def __init__(
        self, settings: Settings, secrets: Secrets, books: Books, sender: Sender, rules: Callable[[], Rules]
    ) -> None:
        """Send by the same sender as the mails themselves."""
        self._settings, self._secrets, self._books, self._sender, self._rules = settings, secrets, books, sender, rules
        self._kept: Kept | None = None
        self._written: Written | None = None
        self._met: set[tuple[str, str]] = set()
        self._to_do: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def use(self, kept: Kept) -> None:
        """Look out for versions of these templates from now on."""
        self._kept, self._written, self._met = kept, None, set()

    def on_done(self, queued: Queued) -> None:
        """A mail was handed over: if the shop is live and its version was not met yet, let the seeds have it."""
        if not self._rules().shop.gone_live:
            return
        known = (queued.template, str(queued.data()["customer"].get("language") or ""))
        if known not in self._met:
            self._met.add(known)
            self._to_do.put_nowait(known)

    async def run(self) -> None:
        """Send what there is to send, until cancelled."""
        await self._books.ask(lambda store, _: seeds.settle(store.connection))
        while True:
            template, wanted = await self._to_do.get()
            for seed in self._settings.sender.seeds:
                try:
                    await self._seed(template, wanted, seed)
                except (RenderError, NotAllowedError) as error:
                    log.warning("a template does not go to a seed", template=template, why=str(error))

    async def _seed(self, template: str, wanted: str, seed: str) -> None:
        written = self._in_force()
        language = written.templates.translation(template, wanted).language
        digest = self._digest(template, language)
        number = f"seed-{blake2b(digest + seed.encode(), digest_size=16).hexdigest()}"
        message, _ = message_to_me(
            self._settings,
            self._secrets,
            written,
            template,
            to=receiver_of(self._settings, seed),
            language=language,
            known={"language": language},
            number=number,
            label="Seed",
        )
        if not await self._books.ask(
            lambda store, now: seeds.claim(store.connection, digest, seed, template, language, now)
        ):
            return
        sent = await self._sender.send(message)
        await self._books.ask(lambda store, now: _note(store, digest, seed, sent, now))
        if sent.outcome == "later":  # with the next live mail of this template
            self._met.discard((template, wanted))
        log.info("a new version was handed over to a seed", template=template, language=language, outcome=sent.outcome)

    def _in_force(self) -> Written:
        assert self._kept is not None, "templates are in force before mails are handed over"
        if self._written is None:
            self._written = Written(compiled(self._kept), self._kept.brand, self._rules().rule_set)
        return self._written

    def _digest(self, template: str, language: str) -> bytes:
        """Return what names a version: of the template's files in a language, the shared parts and the brand."""
        assert self._kept is not None, "as above"
        sources = {**self._kept.older, **self._kept.sources}
        mine = (f"{template}/{language}.", f"{SHARED}/")
        shown = {path: text for path, text in sources.items() if path.startswith(mine)}
        return blake2b(msgspec.json.encode((self._kept.brand, shown), order="deterministic"), digest_size=16).digest()


def _note(store: SqlStore, digest: bytes, seed: str, sent: Sent, now: Instant) -> None:
    if sent.outcome == "later":
        seeds.give_back(store.connection, digest, seed)
    else:
        state = _STATES.get(sent.outcome, "uncertain")
        seeds.end(store.connection, digest, seed, state, sent.diagnostic, now)
