"""From a released send to the message that leaves: the customer as they are now, the template, links and headers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from engine.core.customer import Customer
from engine.core.moments import DAY, Instant
from engine.core.rulebook import Rules
from engine.core.rules import Offer
from engine.core.standing import is_observed
from engine.ports import Message
from engine.rendering import Brand, Templates, offer_variables
from engine.rendering.customers import customer_variables
from engine.rendering.envelope import Desk, headers, links, message
from engine.rendering.tracking import Tracking, tracked
from engine.wiring.in_force import Kept, compiled
from engine.wiring.secret import Secrets
from engine.wiring.settings import Settings


def desk(settings: Settings, brand: Brand) -> Desk:
    """Return who writes: what the settings say, else the shop's own words."""
    sender = settings.sender
    return Desk(
        name=sender.name or brand.sender_name or brand.name,
        address=sender.address or brand.sender_email or brand.support_email,
        public_url=settings.links_begin_with,
        reply_to=sender.reply_to,
        unsubscribe_mailto=sender.unsubscribe_mailto,
        feedback_id=sender.feedback_id,
        bounces_to=settings.incoming.address,
    )


class Composer:
    """Makes messages. Templates and brand can be changed while it works; the next message has the new ones."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        rules: Callable[[], Rules],
        load: Callable[[str], Customer | None],
        now: Callable[[], Instant],
        *,
        for_nobody: bool = False,
        signed: bool = False,
    ) -> None:
        """Make messages; `use` says with which templates.

        Args:
            settings: who writes.
            secrets: sign links, and with `signed` the customer in each Message-ID.
            rules: as of now.
            load: returns a customer's record as of the last commit.
            now: reads the clock.
            for_nobody: links change nothing.
            signed: Message-IDs carry the customer, as the distributed engine finds them by.

        """
        self._message_key = secrets.messages if signed else b""
        self._settings, self._secrets = settings, secrets
        self._rules, self._load, self._now = rules, load, now
        self._for_nobody = for_nobody
        self._templates: Templates | None = None
        self._brand: Brand | None = None

    def use(self, kept: Kept) -> None:
        """Make messages with these templates from now on."""
        self._templates, self._brand = compiled(kept), kept.brand

    @property
    def desk(self) -> Desk:
        """Who writes, as of now."""
        assert self._brand is not None, "a brand is in force before anything is written"
        return desk(self._settings, self._brand)

    def __call__(self, effect_id: str, data: Mapping[str, Any]) -> Message:
        """Return the message of a send, from its effect's data.

        Raises:
            RenderError: the template is not there, or needs something that this send does not have.
            LookupError: the offer is not known any more.

        """
        return message(self.desk, effect_id, self.written(effect_id, data), self._message_key, self._secrets.returns)

    def written(self, effect_id: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return a send's data with what is written: subject, text, html, headers and links.

        Raises:
            RenderError, LookupError: as above.

        """
        assert self._templates is not None, "templates are in force before the relay starts"
        assert self._brand is not None, "and so is the brand"
        rules = self._rules()
        sender = desk(self._settings, self._brand)
        whose = {**data, "customer": {**data["customer"], "id": ""}} if self._for_nobody else data
        made = links(sender, self._secrets.links, self._secrets.blocks, effect_id=effect_id, data=whose)
        record = self._load(data["customer"]["id"])
        context = {
            "customer": self._customer(record, data["customer"], rules),
            "offer": _offer_of(data, rules.version(data["workflow"], data["version"]).offers),
            "links": made,
            "shop": self._brand.variables(),
            "message": {"purpose": data["purpose"], "why": None},
            "with": data.get("with") or {},
        }
        rendered = self._templates.render(data["template"], data["customer"].get("language"), context)
        html = rendered.html
        if html and record is not None and is_observed(record, rules.lifecycle) and not self._for_nobody:
            html = tracked(
                html,
                self._tracking(rules),
                sender,
                self._secrets.links,
                effect_id=effect_id,
                data=data,
                home=self._brand.url,
            )
        return {
            **data,
            "subject": rendered.subject,
            "text": rendered.text,
            "html": html,
            "headers": headers(sender, data, made, self._stops_at(sender, effect_id, whose["customer"])),
            "links": made,
        }

    def _stops_at(self, sender: Desk, effect_id: str, customer: Mapping[str, Any]) -> str:
        """Return an address whose token says which mail is answered, if mail to it is taken in."""
        whose, address = str(customer.get("id") or ""), str(customer.get("email") or "")
        if not (sender.bounces_to and self._settings.incoming.takes_mail and whose):
            return ""
        return self._secrets.returns.address(sender.bounces_to, effect_id, whose, address)

    def _tracking(self, rules: Rules) -> Tracking:
        """What is noted of reading, where the customer consents; a link leads on as long as what is learned is kept."""
        said, kept = self._settings.tracking, rules.lifecycle.keep.engagement
        return Tracking(said.opens, said.clicks, -(-kept.roughly // DAY))

    def _customer(self, record: Customer | None, told: Mapping[str, Any], rules: Rules) -> dict[str, Any]:
        """The customer as they are known now; who they are, and where the mail goes, as it was decided."""
        known = customer_variables(record, self._now(), rules.lifecycle) if record is not None else {}
        return known | {name: value for name, value in told.items() if value is not None}


def _offer_of(data: Mapping[str, Any], offers: Mapping[str, Offer]) -> dict[str, Any] | None:
    told = data.get("offer")
    if not told:
        return None
    return offer_variables(offers[told["name"]], told["code"], date.fromisoformat(told["valid_until"]))
