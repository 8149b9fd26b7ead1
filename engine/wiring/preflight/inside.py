"""Checks that need no look at the outside world: settings, files and rules. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from engine.core.moments import MINUTE, Instant, rfc3339
from engine.core.rules import Discount, Offer
from engine.rendering.brand import PLACEHOLDER
from engine.wiring.preflight.check import WARNING, Check, right, wrong
from engine.wiring.preflight.situation import Situation, is_for_examples, is_loopback
from engine.wiring.receivers_missing import receivers_missing


def inside(situation: Situation) -> Iterator[Check]:
    """Yield what can be said without asking anybody."""
    yield suppressions(situation)
    yield workflows(situation)
    yield templates(situation)
    yield receivers(situation)
    yield imprint(situation)
    yield budgets(situation)
    yield margin(situation)
    yield clock(situation)
    yield approvals(situation)
    yield only_to(situation)
    yield public_url(situation)


def suppressions(situation: Situation) -> Check:
    """Whoever said no to the tool before us must be known here first."""
    at: Instant = situation.suppressions_at
    if at:
        return right("suppressions", f"suppressions were imported, last on {rfc3339(at)}")
    if situation.none_elsewhere:
        return right("suppressions", "it was said that there are none")
    return wrong(
        "suppressions",
        "no suppressions of another tool were imported",
        "winback import suppressions FILE.csv, or say --no-suppressions if nobody said no anywhere else",
    )


def workflows(situation: Situation) -> Check:
    """The files can be used; that none is live is no mistake."""
    if situation.errors:
        count = situation.errors
        return wrong(
            "workflows", f"the workflow files have {count} error{'s' * (count > 1)}", "winback check shows them"
        )
    if situation.live:
        return right("workflows", f"live: {', '.join(situation.live)}")
    said = "no workflow is live, so nobody is written to yet"
    return right("workflows", said, "set `mode: live` in a workflow, then winback apply")


def templates(situation: Situation) -> Check:
    """Each template that a live workflow sends is in force."""
    missing = sorted({send.template for send in situation.live_sends()} - set(situation.templates))
    if missing:
        return wrong("templates", f"missing: {', '.join(missing)}", "winback check, then winback apply")
    return right("templates", "every template that is sent is there")


def receivers(situation: Situation) -> Check:
    """Whatever a live workflow asks of the world, somebody takes: a promise that nobody hears of is not kept."""
    missing = receivers_missing(situation.rules, situation.settings)
    if missing:
        return wrong("receivers", "; ".join(need.said for need in missing), "name them in winback.toml, then restart")
    return right("receivers", "somebody takes each effect that live workflows need")


def imprint(situation: Situation) -> Check:
    """Who is behind the mail: the law asks for it in every one."""
    brand = situation.brand
    if not any(line.strip() for line in brand.imprint):
        return wrong("imprint", "shop.yaml names nobody under `imprint`", "write name and address, a line each")
    if brand.imprint[:2] == PLACEHOLDER.imprint[:2] or brand.name == PLACEHOLDER.name:
        said = "shop.yaml still shows the example shop"
        return wrong("imprint", said, "write your own name, addresses and imprint in shop.yaml, then winback apply")
    if is_for_examples(situation.sender_domain):
        said = f"mails would come from {situation.sender_address}, whose domain exists in examples only"
        return wrong("imprint", said, "set sender_email in shop.yaml, or [sender] address in winback.toml")
    return right("imprint", f"{brand.imprint[0]}; mails come from {situation.sender_address}")


def budgets(situation: Situation) -> Check:
    """Each offer that costs something has an end to what it may cost."""
    without = [name for name, offer in situation.live_offers().items() if offer.budget is None and _costs(offer)]
    if without:
        said = f"no budget: {', '.join(without)}"
        return wrong("budgets", said, "write `budget: 5000 EUR per 30d` under each in offers.yaml, then winback apply")
    return right(
        "budgets", "every offer of a live workflow has a budget" if situation.live_offers() else "no live offer"
    )


def _costs(offer: Offer) -> bool:
    what = offer.what
    return isinstance(what, Discount) or what.cost.amount > 0


def margin(situation: Situation) -> Check:
    """What an offer is worth to us cannot be said without the margin."""
    lifecycle = situation.rules.lifecycle
    if lifecycle.margin is None and not lifecycle.margin_by_category:
        return wrong(
            "margin", "lifecycle.yaml names no margin", "write `margin: 35%` in lifecycle.yaml, then winback apply"
        )
    return right("margin", "the margin is set")


def clock(situation: Situation) -> Check:
    """Time never goes back in the engine: with a clock that was set back it stands still until then."""
    ahead = situation.accepted - situation.now
    if ahead > MINUTE:
        said = f"the clock stands {ahead // MINUTE} min before the last signal, of {rfc3339(situation.accepted)}"
        return wrong("clock", said, "set the clock right; until it has caught up, time stands still here")
    return right("clock", "the clock is not behind the last signal")


def approvals(situation: Situation) -> Check:
    """How many eyes see a change before customers do."""
    if situation.settings.approvals:
        return right("approvals", "what can reach customers or money needs a second person")
    said = "one person alone can change what reaches customers"
    return right("approvals", said, "approvals = 1 in winback.toml asks for a second")


def only_to(situation: Situation) -> Check:
    """With `only_to` most customers get nothing, which is meant for staging."""
    patterns = situation.settings.sender.only_to
    if patterns:
        said = f"[sender] only_to lets mail go to {', '.join(patterns)} alone"
        return wrong("only_to", said, "take it out of winback.toml once it is meant for everybody", WARNING)
    return right("only_to", "mail may go to everybody")


def public_url(situation: Situation) -> Check:
    """Customers must reach the pages behind the links, over https."""
    hint = 'public_url = "https://mail.shop.example" in winback.toml: where your proxy hands on to [listen] public'
    url = situation.settings.public_url
    if url is None:
        where = situation.settings.links_begin_with
        return wrong("public_url", f"public_url is not set, so links lead to {where}", hint)
    parts = urlsplit(url)
    host = parts.hostname or ""
    if is_loopback(host):
        return wrong("public_url", f"links lead to {url}, which is each reader's own machine", hint)
    if parts.scheme != "https":
        return wrong("public_url", f"links lead to {url}: mail programs unsubscribe over https alone", hint)
    if is_for_examples(host):
        return wrong("public_url", f"links lead to {url}, whose domain exists in examples only", hint)
    return right("public_url", f"links lead to {url}")
