"""`permission:` and `countries:` of lifecycle.yaml: what counts as permission, for everybody and by country."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

from msgspec.structs import replace

from engine.core.moments import Length
from engine.core.rules import BASES, FIVE_YEARS, CountryRule, Lifecycle, PermissionRule, Purpose
from engine.language import values
from engine.language.forms import Form
from engine.language.kinds import Key
from engine.language.problems import did_you_mean, shown
from engine.language.scalars import CLOCK_SPAN, FLAG, SPAN, TEXT, Scalar, Word, WordOr, words
from engine.language.shapes import ListOf, MapOf, OneOrList
from engine.language.values import Wrong

_NONE = {"none": None}
_BY_CHANNEL = ListOf(words(BASES))

ACCEPTS = Form(
    "what is enough on each channel",
    "Which bases are enough on each channel; an empty list lets nobody be reached there.",
    (
        Key("email", _BY_CHANNEL, "By email; [express, existing_customer] when left out."),
        Key("phone", _BY_CHANNEL, "By phone; [express, presumed_b2b] when left out."),
        Key("sms", _BY_CHANNEL, "By text message; [express] when left out."),
        Key("push", _BY_CHANNEL, "By push; [express] when left out."),
        Key("letter", _BY_CHANNEL, "By letter; [express, existing_customer] when left out."),
    ),
    example="{phone: [express]}",
    build=lambda fields, _: dict(fields.values),
)

_KEYS = (
    Key(
        "newsletter_covers",
        ListOf(Word({Purpose.MARKETING.value: Purpose.MARKETING})),
        "Purposes for which a permission for the newsletter is enough.",
    ),
    Key(
        "existing_customers",
        FLAG,
        "Whether customers may be written to without express permission (§ 7 (3) UWG); on says that they are told of "
        "their right to object with the sale.",
    ),
    Key("unused_warn", WordOr(_NONE, SPAN), "A permission unused for this long is warned of."),
    Key("unused_block", WordOr(_NONE, SPAN), "A permission unused for this long counts no more."),
    Key(
        "existing_customer_max_age",
        WordOr(_NONE, SPAN),
        "How long after their last order somebody still is an existing customer.",
    ),
    Key(
        "similar_goods",
        OneOrList(TEXT),
        "Categories one of which an existing customer must have bought; left out, you say that all you sell is similar.",
    ),
    Key("presumed_b2b", FLAG, "Whether companies that bought may be called without express permission."),
    Key("double_opt_in", FLAG, "Whether who subscribes must confirm it by the link of a mail before it counts."),
    Key("tracking_consent", FLAG, "Whether seeing who reads needs a consent of its own."),
    Key("accepts", ACCEPTS, "Which bases are enough on each channel."),
)

PERMISSION = Form(
    "what counts as permission",
    "What the shop may do by law is for its lawyer to say.",
    _KEYS,
    build=lambda fields, _: PermissionRule(**fields.values),
)

COUNTRY = Form(
    "the rules of a country",
    "What holds for customers of one country; a key left out is as for everybody.",
    (*_KEYS, Key("quiet", WordOr(_NONE, CLOCK_SPAN), "Nothing is sent in these hours of the customer's day.")),
    example="{double_opt_in: off, quiet: 21:00-08:00}",
    build=lambda fields, _: dict(fields.values),
)


@cache
def _countries() -> frozenset[str]:
    """The countries of ISO 3166, by their two letters."""
    table = (resources.files("tzdata") / "zoneinfo" / "iso3166.tab").read_text(encoding="utf-8")
    return frozenset(line[:2] for line in table.splitlines() if line and not line.startswith("#"))


def _country(text: str) -> str:
    if text not in _countries():
        capitals = text.upper()
        usual = "GB" if capitals == "UK" else capitals if capitals in _countries() else "DE"
        hint = (
            f"write {usual}" if usual != "DE" else did_you_mean(text, _countries()) or "write two letters, such as DE"
        )
        raise Wrong(f"ISO 3166 knows no country {shown(text)}", hint)
    return text


COUNTRIES = MapOf(
    Scalar("a country (DE)", "bad-word", _country, lambda: {"type": "string", "pattern": "^[A-Z]{2}$"}),
    COUNTRY,
    "countries with their rules",
)


def _long_enough(text: str) -> Length:
    length = values.length_above_zero(text)
    if length.roughly < Length(days=FIVE_YEARS).roughly:
        cure = f"write {FIVE_YEARS}d or more; `none` where no law of yours asks for it"
        raise Wrong(f"the proof of a consent to calls is to be kept for five years, not {shown(text)}", cure)
    return length


CALL_CONSENTS = WordOr(
    _NONE, Scalar("a length of five years or more (1827d)", "bad-length", _long_enough, lambda: SPAN.schema({}))
)


def with_countries(made: dict[str, Any]) -> dict[str, Any]:
    """Make the rules of countries whole: what one leaves out is as `permission:` and `quiet:` say for everybody."""
    written: dict[str, dict[str, Any]] | None = made.get("countries")
    if not written:
        return made
    usual = Lifecycle()
    general: PermissionRule = made.get("permission", usual.permission)
    quiet = made.get("quiet", usual.quiet)
    rules = {}
    for country, own in written.items():
        told = dict(own)
        if "accepts" in told:
            told["accepts"] = {**general.accepts, **told["accepts"]}
        hours = told.pop("quiet", quiet)
        rules[country] = CountryRule(replace(general, **told), hours)
    return {**made, "countries": rules}
