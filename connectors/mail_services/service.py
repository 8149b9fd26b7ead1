"""The sender that hands messages to a mail service: one for all, with the service's dialect."""

from __future__ import annotations

from connectors.mail_services.calling import Answer, Caller, CallerSettings, NotGivenError, NotKnownError
from connectors.mail_services.dialect import UNREACHABLE, Dialect, marked, refused, unfit
from engine.ports import Clock, Message, Sent
from engine.rendering.mime import BadMessageError, as_bytes, needs_utf8


class MailService:
    """Hands messages to one service over pooled connections, and asks it what became of those of unknown end."""

    def __init__(self, dialect: Dialect, settings: CallerSettings, clock: Clock) -> None:
        """`clock` dates messages and signatures."""
        self._dialect, self._clock = dialect, clock
        self._caller = Caller(settings)
        self.honours_key, self.honours_key_shortly = dialect.honours_key, dialect.honours_key_shortly

    async def send(self, message: Message) -> Sent:
        """Hand the message over and say how it ended. `later` with kind `unreachable` concerns all messages."""
        dialect, now = self._dialect, self._clock.now()
        try:
            raw, beyond_ascii = as_bytes(marked(message), now), needs_utf8(message)
        except BadMessageError as bad:
            return unfit(bad)
        if beyond_ascii and not dialect.takes_utf8:
            return refused("it takes no addresses beyond ASCII", "5.6.7", dialect.name)
        if len(raw) > dialect.largest:
            return refused(f"the message has {len(raw):,} bytes, {dialect.largest:,} may be", "5.3.4", dialect.name)
        sent = await self._call(message, raw)
        if sent.outcome == "unknown" and dialect.honours_key_shortly:
            sent = await self._call(message, raw)  # at once, since the service knows the key for some minutes only
        if sent.outcome == "unknown" and dialect.honours_key:
            return Sent("later", "soft", diagnostic=sent.diagnostic)  # again is safe, however much later
        return sent

    async def find(self, effect_id: str, message_id: str) -> Sent | None:
        """Ask the service whether it has the message, None where it cannot say."""
        question = self._dialect.question(effect_id, message_id, self._clock.now())
        if question is None:
            return None
        try:
            answer = await self._caller.call(question, self._clock.now())
        except (NotGivenError, NotKnownError) as error:
            return Sent("unknown", diagnostic=str(error))
        return Sent("done") if 200 <= answer.status < 300 and self._dialect.found(answer) else Sent("unknown")

    async def trouble(self, domain: str) -> str:
        """Say why mail of a domain cannot be handed over as things stand, empty when it can: all that can be told."""
        said = []
        for request, read in self._dialect.looks(domain, self._clock.now()):
            try:
                said.append(read(await self._caller.call(request, self._clock.now())))
            except (NotGivenError, NotKnownError) as error:
                return f"{self._dialect.name}: {error}"
        return "; ".join(dict.fromkeys(each for each in said if each))

    async def close(self) -> None:
        """End all connections."""
        await self._caller.close()

    async def _call(self, message: Message, raw: bytes) -> Sent:
        now = self._clock.now()
        try:
            answer: Answer = await self._caller.call(self._dialect.request(message, raw, now), now)
        except NotGivenError as error:
            return Sent("later", UNREACHABLE, diagnostic=f"{self._dialect.name} {error}")
        except NotKnownError as error:
            return Sent("unknown", diagnostic=f"{self._dialect.name}: {error}")
        return self._dialect.ending(answer)
