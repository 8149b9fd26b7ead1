"""Messages of a back-test as their customers would have read them (`simulate --bodies`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final

from msgspec.structs import replace

from engine.core.customer import Customer
from engine.core.effects import Effect
from engine.core.links import Keys, derive
from engine.core.rulebook import Rules
from engine.rendering import Brand, Templates, offer_variables
from engine.rendering.customers import customer_variables
from engine.rendering.envelope import Desk, headers, links

SAMPLE_SECRET: Final = b"the sample key of back-tests"
"""Not a secret: it makes links that lead nowhere, and the same ones on every machine."""

SAMPLE_URL: Final = "https://links.example"

Completing = Callable[[Effect, Customer, Rules], Effect]
"""Adds subject, bodies, headers and links to a send that was released for this customer."""


def completing(templates: Templates, brand: Brand) -> Completing:
    """Return what adds bodies to sends, with links signed by the sample key.

    It raises RenderError where a template needs something that the send does not have.
    """
    keys, key = Keys({1: SAMPLE_SECRET}), derive(SAMPLE_SECRET, b"blocks")
    desk = Desk(
        name=brand.sender_name or brand.name, address=brand.sender_email or brand.support_email, public_url=SAMPLE_URL
    )

    def complete(effect: Effect, customer: Customer, rules: Rules) -> Effect:
        data = effect.data
        made = links(desk, keys, key, effect_id=effect.effect_id, data=data)
        told = {name: value for name, value in data["customer"].items() if value is not None}
        context = {
            "customer": customer_variables(customer, effect.time, rules.lifecycle) | told,
            "offer": _offer(data, rules),
            "links": made,
            "shop": brand.variables(),
            "message": {"purpose": data["purpose"], "why": None},
            "with": data.get("with") or {},
        }
        rendered = templates.render(data["template"], data["customer"].get("language"), context)
        bodies = {
            "subject": rendered.subject,
            "text": rendered.text,
            "html": rendered.html,
            "headers": headers(desk, data, made),
            "links": made,
        }
        return replace(effect, data={**data, **bodies})

    return complete


def _offer(data: Mapping[str, Any], rules: Rules) -> dict[str, Any] | None:
    told = data.get("offer")
    if not told:
        return None
    offer = rules.version(data["workflow"], data["version"]).offers[told["name"]]
    return offer_variables(offer, told["code"], date.fromisoformat(told["valid_until"]))
