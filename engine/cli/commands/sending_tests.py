"""`winback test-send`: a mail to oneself, by the real way."""

from __future__ import annotations

import asyncio
import os
import secrets as chance

import click

from engine.cli.calling import Call, Misused, Wrong, named
from engine.cli.documents import SentToMeDocument
from engine.cli.printing import print_json, to_people
from engine.cli.templates import fields_of_customer, files_with
from engine.core.rules import RuleSet
from engine.ports import Message, Sender, Sent
from engine.rendering import RenderError
from engine.wiring.clock import clock_of
from engine.wiring.secret import keys_of
from engine.wiring.settings import SettingsError
from engine.wiring.testing import NotAllowedError, message_to_me, receiver_of, sender_for_tests, written_of


@named(
    "test-send",
    "winback test-send coupon_offer --to me@shop.example",
    "winback test-send coupon_offer --to me@shop.example --language de --customer c-1042",
)
@click.argument("template")
@click.option("--to", metavar="ADDRESS", required=True, help="Where it goes, and nowhere else.")
@click.option("--customer", metavar="CUSTOMER", help="With this customer's data instead of a sample's.")
@click.option("--language", metavar="LANG", help="The customer's language. [the sample's: en]")
def command(call: Call, template: str, to: str, customer: str | None, language: str | None) -> None:
    """Send a template to yourself, by the sender that the settings name, before go-live too.

    The newest files are used. The mail is marked as a test; its links answer as any other and change nothing, its code is
    good for nothing. Nothing is put on any customer's record. It exits 1 when the mail is not taken.
    """
    settings = call.settings
    checked = files_with(call, template)
    known = fields_of_customer(call, customer, (checked.rules or RuleSet()).lifecycle) if customer else {}
    wanted = language or known.get("language") or "en"
    number = f"test-{chance.token_hex(8)}"
    try:
        sender = sender_for_tests(settings, os.environ, clock_of(settings))
        keys = keys_of(settings, os.environ)
        to = receiver_of(settings, to)
        message, rendered = message_to_me(
            settings, keys, written_of(checked), template, to=to, language=wanted, known=known, number=number
        )
    except (SettingsError, NotAllowedError) as error:
        raise Misused(str(error)) from None
    except RenderError as error:
        raise Wrong(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or call.data}: {error.strerror}") from None
    sent = asyncio.run(_sent(sender, message))
    if call.json:
        print_json(
            SentToMeDocument(
                template, to, rendered.language, message.subject, sent.outcome, message.message_id, sent.diagnostic
            )
        )
    elif sent.outcome == "done":
        by = settings.where_mail_goes
        to_people().print(f"{by} has taken {template} in {rendered.language} to {to}: {message.subject}", style="green")
    if sent.outcome != "done":
        raise Wrong(f"the mail was not taken ({sent.outcome}): {sent.diagnostic or sent.kind}")


async def _sent(sender: Sender, message: Message) -> Sent:
    try:
        return await sender.send(message)
    finally:
        await sender.close()
