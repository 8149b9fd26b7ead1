"""What every sender does alike: SMTP, mail services, the local mailbox, and the honest fake."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from connectors.mailbox import Mailbox
from connectors.memory import FixedClock, MemorySender
from connectors.smtp import SmtpSender, SmtpSettings
from engine.ports import Message, Sender
from tests.mail_servers import Mails, mail_server
from tests.mail_service_servers import SERVERS, serving

Taken = Callable[[], list[str]]
NOW = 1_767_607_200_000_000


@pytest.fixture(params=["smtp", "mailbox", "memory", *SERVERS])
async def pair(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Sender, Taken]]:
    """A sender, and the subjects of what has arrived at its other end."""
    if request.param == "memory":
        memory = MemorySender()
        yield memory, lambda: [message.subject for message in memory.accepted]
    elif request.param == "mailbox":
        mailbox = Mailbox(tmp_path / "mailbox", FixedClock(NOW))
        yield mailbox, lambda: [letter.subject for letter in reversed(mailbox.letters()[0])]
    elif request.param in SERVERS:
        async with serving(SERVERS[request.param]()) as server:
            client = server.client(FixedClock(NOW))
            yield client, lambda: [taken.subject for taken in server.taken]
            await client.close()
    else:
        mails = Mails()
        async with mail_server(mails) as server:
            smtp = SmtpSender(SmtpSettings(port=server.port, tls="none", hello="test"), FixedClock(NOW))
            yield smtp, lambda: [str(mail["subject"]) for mail in mails.mails()]
            await smtp.close()


def message(number: int = 1, recipient: str = "ada@example.org") -> Message:
    """Return a message whose subject tells its number."""
    return Message(
        effect_id=f"e{number}",
        message_id=f"<e{number}@shop.example>",
        sender_name="Lädchen",
        sender_address="hello@shop.example",
        recipient=recipient,
        subject=f"Grüße {number}",
        text="Hallo\n",
        html="<p>Hallo</p>",
        headers={"List-Id": "<marketing.shop.example>"},
        not_after=0,
    )


async def test_done_means_taken_once(pair: tuple[Sender, Taken]) -> None:
    """A call that ends as done has put one message at the other end."""
    sender, taken = pair
    assert (await sender.send(message())).outcome == "done"
    assert taken() == ["Grüße 1"]


async def test_many_at_once_all_arrive(pair: tuple[Sender, Taken]) -> None:
    """Calls at the same time do not disturb each other."""
    sender, taken = pair
    ends = await asyncio.gather(*(sender.send(message(number)) for number in range(20)))
    assert {end.outcome for end in ends} == {"done"}
    assert sorted(taken()) == sorted(f"Grüße {number}" for number in range(20))


async def test_a_repeated_call_is_taken_once_where_the_sender_says_so(pair: tuple[Sender, Taken]) -> None:
    """`honours_key` tells the truth: with it a second call with the same effect id puts nothing more there."""
    sender, taken = pair
    await sender.send(message())
    await sender.send(message())
    shortly = getattr(sender, "honours_key_shortly", False)
    assert len(taken()) == (1 if sender.honours_key or shortly else 2)


async def test_close_may_be_called_twice(pair: tuple[Sender, Taken]) -> None:
    """Closing is final and harmless."""
    sender, _ = pair
    await sender.send(message())
    await sender.close()
    await sender.close()


@pytest.mark.parametrize("recipient", ["", "nobody", "a b@example.org", "ada@exa\r\nmple.org"])
async def test_what_is_no_address_is_refused_not_raised(pair: tuple[Sender, Taken], recipient: str) -> None:
    """A sender never raises for what is in a message: a recipient that is none is a refusal as dead."""
    sender, taken = pair
    end = await sender.send(message(recipient=recipient))
    assert (end.outcome, end.kind, end.status) == ("refused", "dead", "5.1.3")
    assert taken() == []
