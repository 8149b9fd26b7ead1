"""Mails to oneself: rendered and sent as customers would get them, marked as tests, with links of nobody's.

Nothing of them is put on any customer's record, and what is answered through them changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from html import escape
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.core.rules import Offer, RuleSet, Send, sends_of
from engine.language.files import Checked
from engine.ports import Clock, Message, Sender
from engine.rendering import Brand, Rendered, Templates, sample_context, template_facts
from engine.rendering.envelope import headers, links, message, message_id
from engine.rendering.mime import BadMessageError, mailbox
from engine.wiring.composing import desk
from engine.wiring.secret import Secrets
from engine.wiring.senders import mailbox_of, outside_of
from engine.wiring.settings import Settings

MARK = "X-Winback-Test"
"""The header of every test mail."""

_BODY = re.compile(r"<body[^>]*>", re.IGNORECASE)


class Written(Struct, frozen=True):
    """What mails are made of: the templates, the brand, and the rules that say what a template is sent with."""

    templates: Templates
    brand: Brand
    rules: RuleSet


def written_of(checked: Checked) -> Written:
    """Return what files write, also where some of them have errors."""
    assert checked.templates is not None, "asked only with templates"
    return Written(checked.templates, checked.brand, checked.rules or RuleSet())


class NotAllowedError(Exception):
    """The address is none, or `only_to` keeps mail from it."""


def receiver_of(settings: Settings, address: str) -> str:
    """Return an address that a test mail may go to.

    Raises:
        NotAllowedError: it may not; the message says why.

    """
    try:
        mailbox(address)
    except BadMessageError as error:
        raise NotAllowedError(f"{address}: {error}") from None
    patterns = settings.sender.only_to
    if patterns and not any(fnmatchcase(address.casefold(), each.casefold()) for each in patterns):
        raise NotAllowedError(f"{address}: [sender] only_to lets mail go to {', '.join(patterns)} alone")
    return address


def sender_for_tests(settings: Settings, environment: Mapping[str, str], clock: Clock) -> Sender:
    """Return the sender that the settings name, whether the shop is live or not: a test reaches whom it is sent to.

    Raises:
        SettingsError: a password or key is missing or cannot be read.
        OSError: the local mailbox cannot be written.

    """
    if settings.sender.kind == "mailbox":
        return mailbox_of(settings.data, clock)
    return outside_of(settings, environment, clock)


def context_of(written: Written, template: str, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to render a template with: a sample's data, `known` fields of a customer, and what its send says.

    The offer, the purpose and the values are those of the first step that sends it.
    """
    step = first_send_of(written.rules, template)
    facts = template_facts(written.templates, template)
    offer: Offer | None = written.rules.offers.get(step.offer) if step else None
    context = sample_context(
        brand=written.brand,
        purpose=step.purpose.value if step else "marketing",
        customer=known,
        values={**{name: f"({name})" for name in facts.values}, **(step.values if step else {})},
    )
    if offer is not None:
        context |= {"offer": sample_context(brand=written.brand, offer=offer)["offer"]}
    elif step is not None and not facts.needs_offer:
        context["offer"] = None
    return context


def first_send_of(rules: RuleSet, template: str) -> Send | None:
    """Return the first step that sends a template, None where none does."""
    for workflow in rules.workflows.values():
        for stage in workflow.stages:
            for step in stage.steps:
                for send in sends_of(step):
                    if send.template == template:
                        return send
    return None


def message_to_me(
    settings: Settings,
    secrets: Secrets,
    written: Written,
    template: str,
    *,
    to: str,
    language: str,
    known: Mapping[str, Any],
    number: str,
    label: str = "Test",
) -> tuple[Message, Rendered]:
    """Return a template as the mail it would be, for oneself, and how it was rendered.

    Args:
        settings: who writes.
        secrets: what links are made with.
        written: what it is made of.
        template: its name.
        to: where it goes.
        language: the customer's.
        known: fields of a customer, shown instead of the sample's.
        number: names this mail; another test has another.
        label: stands before its subject.

    Raises:
        RenderError: the template needs something that it is not given.

    """
    context = context_of(written, template, known)
    purpose = context["message"]["purpose"]
    writer = desk(settings, written.brand)
    data = {"customer": {"id": "", "email": to, "language": language}, "purpose": purpose, "asks": "test"}
    made = links(writer, secrets.links, secrets.blocks, effect_id=number, data=data)
    rendered = written.templates.render(template, language, context | {"links": made})
    bodies = {"subject": rendered.subject, "text": rendered.text, "html": rendered.html}
    full = {**data, **bodies, "workflow": "test", "headers": headers(writer, data, made)}
    return as_test(message(writer, number, full), to, number=number, label=label), rendered


def as_test(sent: Message, to: str, *, number: str, label: str, banner: str = "") -> Message:
    """Return a message as a test: to oneself, its subject and a header saying so, a banner line above it.

    `number` names it, so that no other test is taken for the same.
    """
    text, html = sent.text, sent.html
    if banner:
        text = f"--- {banner} ---\n\n{text}" if text else text
        html = _with_banner(html, banner) if html else html
    return replace(
        sent,
        effect_id=number,
        message_id=message_id(number, sent.sender_address.rpartition("@")[2]),
        recipient=to,
        subject=f"[{label}] {sent.subject}",
        text=text,
        html=html,
        headers={**sent.headers, MARK: "yes"},
        not_after=0,
    )


def _with_banner(html: str, banner: str) -> str:
    style = "margin:0;padding:8px 12px;background:#fff3bf;color:#3b2f00;font:14px/1.4 sans-serif"
    line = f'<p style="{style}">{escape(banner)}</p>'
    body = _BODY.search(html)
    return line + html if body is None else html[: body.end()] + line + html[body.end() :]
