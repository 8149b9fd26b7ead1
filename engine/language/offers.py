"""offers.yaml: what may be given away. A send names an offer, and the customer gets a code of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from msgspec import structs

from engine.core.moments import Length
from engine.core.money import Money
from engine.core.rules import Budget, Discount, FreeTrial, Gift, Offer, PerCustomer
from engine.language import values
from engine.language.forms import Fields, Form, OneOf
from engine.language.kinds import Key
from engine.language.nodes import Text
from engine.language.problems import shown
from engine.language.reading import Reading
from engine.language.scalars import (
    BUDGET,
    MONEY,
    NAME,
    PART,
    PRICE,
    RATE,
    SPAN,
    TEXT,
    URL,
    Ref,
    Scalar,
    WordOr,
    whole,
    words,
)
from engine.language.shapes import ListOf, MapOf
from engine.language.values import Wrong


@dataclass(frozen=True, slots=True)
class OfferDraft:
    """An offer as it was read, and where."""

    name: Text
    offer: Offer
    fields: Fields


def _discount(text: str) -> Discount:
    if re.search(r"[A-Za-z€$£¥]", text) and "%" not in text and "percent" not in text.lower():
        try:
            return Discount(money=values.money_above_zero(text))
        except Wrong as wrong:
            raise Wrong(wrong.message, wrong.hint, "bad-money") from None
    share = values.percent(text)
    if not share:
        raise Wrong(f"{shown(text)} is no discount", "write a share above zero")
    return Discount(share)


DISCOUNT = Scalar(
    "a share (10%) or money (5 EUR)",
    "bad-percent",
    _discount,
    lambda: {"type": "string", "pattern": f"^(?:{values.PERCENT}|{values.MONEY})$"},
)


def _code(text: str) -> str:
    if not re.fullmatch(r"[\w-]{3,40}", text):
        raise Wrong(f"a code is 3 to 40 letters, digits, - and _, not {shown(text)}", "write it like COMEBACK")
    return text


CODE = Scalar("a code (COMEBACK)", "bad-text", _code, lambda: {"type": "string", "pattern": r"^[\w-]{3,40}$"})


def _file(text: str) -> str:
    if not re.fullmatch(r"[\w-][\w.-]{0,100}", text):
        raise Wrong(f"the name of a file is expected, not {shown(text)}", "write it like trial_codes.csv")
    return text


FILE = Scalar("a file (trial_codes.csv)", "bad-text", _file, lambda: {"type": "string"})
_HOW = words(("signed", "pool", "shop", "text"))


def _offer(fields: Fields, reading: Reading) -> tuple[Offer, Fields]:
    _check_codes(fields, reading)
    _check_shop(fields, reading)
    _check_cost(fields, reading)
    _check_look_back(fields, reading)
    per = fields.get("per_customer")
    budget = fields.get("budget")
    given = {name: fields.values[name] for name in _AS_WRITTEN if name in fields.values}
    return Offer(
        name="",
        what=_what(fields),
        valid_for=fields.get("valid_for", Length(days=1)),
        per_customer=PerCustomer(*per) if isinstance(per, tuple) else per,
        budget=Budget(*budget) if budget else None,
        line=fields.line,
        **given,
    ), fields


_AS_WRITTEN = (
    "codes",
    "text",
    "pool",
    "low_water",
    "minimum_basket",
    "terms",
    "if_refused",
    "after",
    "excludes",
    "had_within",
    "expected_response",
)


def _what(fields: Fields) -> Discount | Gift | FreeTrial:
    cost = fields.get("cost", Money(0, "EUR"))
    if "gift" in fields.values:
        return Gift(fields.values["gift"], cost)
    if "free_trial" in fields.values:
        return FreeTrial(fields.values["free_trial"], cost)
    discount: Discount = fields.get("discount", Discount())
    return discount


def _check_codes(fields: Fields, reading: Reading) -> None:
    codes = fields.get("codes", "signed")
    for needs, key, also in (("pool", "pool", ("low_water",)), ("text", "text", ())):
        if codes == needs and key not in fields.keys:
            reading.error(fields.keys["codes"], "missing-key", f"'codes: {needs}' needs {shown(key)}", f"add '{key}:'")
        if codes != needs and not reading.inside(fields.keys.get("codes", fields.node)):
            for name in (key, *also):
                if name in fields.keys:
                    message = f"{shown(name)} goes with 'codes: {needs}'"
                    reading.error(
                        fields.keys[name], "conflicting-keys", message, f"write 'codes: {needs}', or leave it out"
                    )


def _check_shop(fields: Fields, reading: Reading) -> None:
    kind = next((name for name in ("gift", "free_trial") if name in fields.keys), "")
    if kind and fields.get("codes") == "shop":
        message = f"the shop's interface makes codes for discounts, not for {shown(kind)}"
        reading.error(fields.keys["codes"], "conflicting-keys", message, "write 'codes: pool', with codes made there")


def _check_cost(fields: Fields, reading: Reading) -> None:
    kind = next((name for name in ("gift", "free_trial") if name in fields.keys), "")
    if kind and "cost" not in fields.keys:
        message = f"an offer with {shown(kind)} needs 'cost'"
        reading.error(fields.keys[kind], "missing-key", message, "add what one costs you, such as 'cost: 4 EUR'")
    if "discount" in fields.keys and "cost" in fields.keys and not kind:
        message = "'cost' goes with a gift or free trial; what a discount costs follows from the basket"
        reading.error(fields.keys["cost"], "conflicting-keys", message, "leave it out")


def _check_look_back(fields: Fields, reading: Reading) -> None:
    if "had_within" in fields.keys and not {"after", "excludes"} & set(fields.keys):
        message = "'had_within' says how far 'after' or 'excludes' looks back, and neither is there"
        reading.error(fields.keys["had_within"], "conflicting-keys", message, "add one of them, or leave it out")


def _named(name: Text, read: tuple[Offer, Fields], _: Reading) -> OfferDraft:
    offer, fields = read
    return OfferDraft(name, structs.replace(offer, name=name.value, line=name.spot.line), fields)


OFFER = Form(
    "an offer",
    "A coupon, discount, gift or free trial.",
    (
        Key("discount", DISCOUNT, "So much off the basket."),
        Key("gift", TEXT, "What is given, in your words."),
        Key("free_trial", TEXT, "What may be tried, in your words."),
        Key("cost", MONEY, "What one gift or free trial costs you."),
        Key("minimum_basket", PRICE, "The basket must come to this much."),
        Key(
            "valid_for", SPAN, "From the mail to the end of the customer's day; the mail shows that day.", required=True
        ),
        Key("codes", _HOW, "How the checkout knows the code: signed (when left out), pool, shop, or text."),
        Key("text", CODE, "The one code for everybody; goes with `codes: text`."),
        Key("pool", FILE, "The list of codes the shop knows, one a line; goes with `codes: pool`."),
        Key("low_water", whole(0, 10_000_000), "Warn when fewer codes than this are left."),
        Key("per_customer", WordOr({"never_again": PerCustomer(1, None)}, RATE), "How often one customer may have it."),
        Key("budget", BUDGET, "What it may cost at most in how long a time."),
        Key("terms", URL, "Where its terms are written."),
        Key("if_refused", words(("skip", "send_without")), "What becomes of the send when the offer may not be given."),
        Key("after", Ref("offer"), "Only for customers who had that offer before."),
        Key("excludes", ListOf(Ref("offer"), least=1), "Not for customers who have one of these."),
        Key("had_within", SPAN, "How far `after:` and `excludes:` look back; for ever when left out."),
        Key("expected_response", PART, "The share that will use it, as long as nothing is measured."),
    ),
    one_of=(OneOf(("discount", "gift", "free_trial"), required=True, cure="say what is offered"),),
    build=_offer,
)

OFFERS = Form(
    "offers.yaml",
    "What may be given away.",
    (Key("offers", MapOf(NAME, OFFER, "offers by name", with_key=_named), "The offers by name.", required=True),),
    build=lambda fields, _: fields.get("offers", {}),
)
