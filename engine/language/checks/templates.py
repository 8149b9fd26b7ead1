"""What a message must show for the way it is sent: law, courtesy, and what its offer and question need."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from engine.core.rules import Lifecycle, Offer, Purpose, Send
from engine.language.forms import Fields
from engine.language.problems import Spot, shown
from engine.language.reading import Reading
from engine.language.workflows import WorkflowDraft

MOST_HTML = 100_000


class Blank(Protocol):
    """A variable that can be empty, and where it is shown without a fallback: file, line and column."""

    @property
    def variable(self) -> str:
        """The variable's name."""
        ...

    @property
    def place(self) -> tuple[str, int, int]:
        """File within the templates' folder, line and column from 1."""
        ...


class TemplateFacts(Protocol):
    """What the rendering side knows of a template; `lacks` names the files that do not show any of these variables."""

    @property
    def without_text(self) -> tuple[str, ...]:
        """Languages that have no text part."""
        ...

    @property
    def subjects(self) -> tuple[str, ...]:
        """Its subjects as they are written, in each language."""
        ...

    @property
    def values(self) -> tuple[str, ...]:
        """Names it takes from a send's `with:`."""
        ...

    @property
    def blanks(self) -> Iterable[Blank]:
        """Variables it shows without a fallback though they can be empty."""
        ...

    @property
    def needs_offer(self) -> bool:
        """Whether it cannot be rendered without an offer."""
        ...

    @property
    def needs_question(self) -> bool:
        """Whether it cannot be rendered without `asks:`."""
        ...

    @property
    def html_bytes(self) -> int:
        """Size of the largest HTML part."""
        ...

    def lacks(self, any_of: Iterable[str]) -> tuple[str, ...]:
        """Return the files that do not show any of these variables in every case."""
        ...


BESIDE_MAIL = ("letter", "phone", "sms", "push")
"""Channels on which nobody can follow a link in a mail."""

_MARKETING: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    ("template-no-unsubscribe", ("links.unsubscribe",), "no link to unsubscribe", "show {{ links.unsubscribe }}"),
    ("template-no-imprint", ("shop.imprint",), "no imprint", "show shop.imprint, as templates/shared/ does"),
    ("template-no-sender", ("shop.sender_name", "shop.name"), "no sender's name", "show {{ shop.sender_name }}"),
)
_ANSWERS = ("links.confirm", "links.yes", "links.no", "links.accept", "links.decline", "links.survey")


def check(
    draft: WorkflowDraft, facts: Mapping[str, TemplateFacts], offers: Mapping[str, Offer], reading: Reading
) -> None:
    """Check each send against its template. A template is named once for each thing it lacks, at its first send."""
    noted: set[tuple[str, str]] = set()
    for sending in draft.sendings:
        if sending.send.template not in facts:
            continue
        send, found = sending.send, facts[sending.send.template]
        for code, message, hint in (*_lacks(send, found), *_of_offer(send, found, offers)):
            if (send.template, message) not in noted:
                noted.add((send.template, message))
                reading.error(
                    sending.fields.nodes["send"], code, f"the template {shown(send.template)} {message}", hint
                )
        _with(sending.fields, send, found, reading)


def _lacks(send: Send, found: TemplateFacts) -> Iterable[tuple[str, str, str]]:
    if send.purpose is not Purpose.SERVICE:
        for code, variables, what, hint in _MARKETING if send.channel not in BESIDE_MAIL else _MARKETING[1:]:
            if files := found.lacks(variables):
                yield code, f"shows {what} ({', '.join(files)})", hint
    if found.without_text:
        yield "template-no-text", f"has no text part ({', '.join(found.without_text)})", "add LANG.text.liquid"
    if found.html_bytes > MOST_HTML:
        size = found.html_bytes // 1000
        yield "template-too-big", f"makes {size} KB of HTML, and mail programs cut it at 100", "make it smaller"
    if send.asks and (files := found.lacks(_ANSWERS)):
        yield "template-no-answer", f"asks, and has no link to answer ({', '.join(files)})", "show {{ links.confirm }}"


def _of_offer(send: Send, found: TemplateFacts, offers: Mapping[str, Offer]) -> Iterable[tuple[str, str, str]]:
    offer = offers.get(send.offer)
    if offer is None:
        return
    wanted = [("value", True), ("minimum_basket", offer.minimum_basket), ("valid_until", True), ("terms", offer.terms)]
    for name, there_is_one in wanted:
        if there_is_one and (files := found.lacks((f"offer.{name}",))):
            words = {"valid_until": "last day", "minimum_basket": "minimum basket"}.get(name, name)
            yield (
                "template-offer",
                f"does not show the offer's {words} ({', '.join(files)})",
                f"show {{{{ offer.{name} }}}}",
            )


def _with(fields: Fields, send: Send, found: TemplateFacts, reading: Reading) -> None:
    node = fields.nodes["send"]
    template = shown(send.template)
    if found.needs_offer and not send.offer and "offer" not in fields.keys:
        reading.error(
            node, "template-offer", f"the template {template} shows an offer, and this send makes none", "add 'offer:'"
        )
    if found.needs_question and not send.asks and "asks" not in fields.keys:
        reading.error(
            node,
            "template-no-answer",
            f"the template {template} has links to answer a question, and this send asks none",
            "add 'asks:'",
        )
    missing = [name for name in found.values if name not in send.values]
    if missing and not ("with" in fields.nodes and reading.inside(fields.nodes["with"])):
        names = ", ".join(missing)
        reading.error(
            node,
            "template-empty",
            f"the template {template} shows {names}, and this send does not say it",
            f"add 'with: {{{missing[0]}: …}}'",
        )


def check_blanks(
    draft: WorkflowDraft, facts: Mapping[str, TemplateFacts], spelled: Callable[[str], str], reading: Reading
) -> None:
    """Note variables that can be empty and have no fallback, in the templates that are sent; `spelled` names a file."""
    for name in dict.fromkeys(each.send.template for each in draft.sendings if each.send.template in facts):
        for blank in facts[name].blanks:
            file, line, column = blank.place
            hint = f"write {{{{ {blank.variable} | default: '…' }}}}, or ask with {{% if {blank.variable} %}}"
            message = f"{shown(blank.variable)} can be empty, and there is no fallback"
            reading.error(Spot(spelled(file), line, column, len(blank.variable)), "template-empty", message, hint)


def check_service(draft: WorkflowDraft, lifecycle: Lifecycle, reading: Reading) -> None:
    """Note sends with `purpose: service` whose template lifecycle.yaml does not list: nobody may stop those."""
    for each in draft.sendings:
        template, keys = each.send.template, each.fields.nodes
        if each.send.purpose is Purpose.SERVICE and template and template not in lifecycle.service_templates:
            message = f"{shown(template)} is not among the 'service_templates:' of lifecycle.yaml"
            at = keys.get("purpose", keys["send"])
            if reading.inside(keys["send"], "unknown-template"):
                continue
            reading.error(at, "service-template", message, "list it there, if it is no advertising")
