"""A made-up folder of many workflows: what a large shop's may hold after some years, the same for the same seed.

Each workflow is about a group of customers of its own (a country, a tier, a field of the shop's, a tag) as it is where
there are hundreds: nobody has hundreds that all fit the same people. The shop's own files and the shared templates are
the shipped ones; templates and offers are copies of them under other names.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from engine.language.files import SPECIAL

TEMPLATES = 40
OFFERS = 40
COUNTRIES = ("DE", "AT", "CH", "GB", "IE", "US", "FR", "NL", "BE", "IT", "ES", "PL")
CATEGORIES = ("tea", "gifts", "coffee", "cups", "honey", "chocolate", "wine", "books")
TRIES = ("order.placed", "newsletter.confirmed", "email.clicked", "customer.logged_in", "coupon.redeemed")
REASONS = (
    ("standing: lapsed", "for: 7d"),
    ("standing: lapsed",),
    ("standing: reader",),
    ("returned:", "  from: [reader, lapsed]", "  within: 3d"),
    ("event: order.cancelled", "within: 7d"),
    ("event: order.refunded", "within: 14d"),
    ("event: contract.cancelled", "within: 7d"),
    ("event: ticket.solved", "within: 7d"),
    ("event: email.clicked", "within: 30d", "at_least: 2"),
    ("customer: idle_days", "at_least: 200"),
)


def make_folder(folder: Path, shipped: Path, count: int, seed: int, lines_each: int = 20) -> None:
    """Write a folder of so many workflows, each with a scenario; about `lines_each` lines a workflow on average."""
    chance = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    for path in (shipped / name for name in SPECIAL):
        if path.is_file():
            shutil.copy(path, folder / path.name)
    shutil.copytree(shipped / "templates", folder / "templates")
    for number in range(TEMPLATES):
        for kind in ("coupon_offer", "welcome_back"):
            shutil.copytree(shipped / "templates" / kind, folder / "templates" / f"{kind}_{number}")
    (folder / "offers.yaml").write_text("\n".join(_offers(chance)) + "\n", encoding="utf-8")
    written = 0
    for number in range(count):
        text = list(_workflow(number, lines_each * (number + 1) - written, chance))
        written += len(text)
        (folder / f"{_name(number)}.yaml").write_text("\n".join(text) + "\n", encoding="utf-8")
        (folder / f"{_name(number)}.scenarios.yaml").write_text(_scenario(number), encoding="utf-8")


def _name(number: int) -> str:
    return f"winback-{number:04}"


def _offers(chance: random.Random) -> Iterator[str]:
    yield "offers:"
    for number in range(OFFERS):
        yield f"  offer_{number}: {{discount: {chance.randint(5, 25)}%, minimum_basket: 20 EUR, valid_for: 60d, codes: signed,"
        yield '    per_customer: 1 per 365d, terms: "https://shop.example/terms"}'


def _workflow(number: int, lines: int, chance: random.Random) -> Iterator[str]:
    """Write one workflow of at least 16 lines: more stages while there are lines left."""
    group = chance.choice(
        [
            f"customer: country, is: {chance.choice(COUNTRIES)}",
            f"customer: attributes.segment, is: s{chance.randrange(40)}",
            f"customer: categories, any_of: [{', '.join(chance.sample(CATEGORIES, 2))}]",
            f"customer: average_basket, at_least: {chance.randint(5, 30) * 5} EUR",
            f"tag: group_{chance.randrange(40)}",
        ]
    )
    first, *others = chance.choice(REASONS)
    yield f"workflow: {_name(number)}"
    yield f"title: Bring back group {number}"
    yield "mode: live"
    yield "enter_when_all:"
    yield f"  - {{{group}}}"
    yield f"  - {first}"
    yield from (f"    {other}" for other in others)
    yield f"again_after: {chance.randint(60, 400)}d"
    yield "enter_at_most: skip"
    yield f"priority: {chance.randint(10, 90)}"
    yield "leave_when_any: [{event: email.unsubscribed}, {address: dead}]"
    yield "stages:"
    left = lines - 10 - len(others)
    stages = max(1, left // 7)
    for stage in range(stages):
        yield f"  stage_{stage}:"
        yield "    steps:"
        yield f"      - {{send: coupon_offer_{chance.randrange(TEMPLATES)}, offer: offer_{number % OFFERS}}}"
        yield f"      - wait: {chance.randint(3, 12)}d  # time to come by"
        if stage < stages - 1:
            yield "    until_any:"
            yield f"      - {{event: {chance.choice(TRIES)}, then: stage_{stages - 1}}}"
            yield f"    after: stage_{stage + 1}"
        else:
            yield "    end: over"


def _scenario(number: int) -> str:
    return f"""workflow: {_name(number)}
scenarios:
  - title: Who does not fit does not enter
    given: {{standing: active, orders: 3, last_order: 10d ago}}
    expect: {{}}
"""
