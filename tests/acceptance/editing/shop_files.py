"""A shop's files that are edited at random: three workflows, their templates, and an offer that changes its terms."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random

from tests.acceptance.shipped import FOLDER

NAMES = ("visitors", "browsers", "guests")
LETTERS = {"one": ("letter_a", "letter_b", "letter_c"), "two": ("letter_d", "letter_e"), "thanks": ("letter_f",)}
"""Which templates a stage may send: none stands in two stages, so no run may ever get one twice."""

LANGUAGES = ("de", "en")

_LIFECYCLE = """timezone: Europe/Berlin
currency: EUR
margin: 35%
warm_up: none
caps: []
quiet: none
offers_at_most: none
hold_while: {ticket_open: true}
service_templates: [account_closing]
"""
_OFFER = """offers:
  gift: {{discount: {share}%, minimum_basket: 20 EUR, valid_for: 40d, per_customer: 1 per 30d, terms: "https://shop.example/terms"}}
"""
_HEAD = """workflow: {name}
title: Edited at random, edition {edition}
mode: {mode}
reach: {reach}
priority: {priority}
again_after: 9d
ends_within: 60d
enter_when_all:
  - event: customer.visited
    within: 2d
leave_when_any:
  - event: email.unsubscribed
stages:
"""


class Files:
    """The folder, and what its author has in mind. `edition` counts the edits of templates: it stands in each subject."""

    def __init__(self, folder: Path, chance: Random) -> None:
        self.folder, self.chance = folder, chance
        self.edition = 0
        folder.mkdir()
        shutil.copy(FOLDER / "shop.yaml", folder)
        shutil.copytree(FOLDER / "templates/shared", folder / "templates/shared")
        (folder / "lifecycle.yaml").write_text(_LIFECYCLE)
        self._template("account_closing", "account_closing")
        for letters in LETTERS.values():
            for name in letters:
                self._template("welcome_back", name)
        self._template("still_with_us", "question")
        self._template("coupon_offer", "gift_letter")
        self._template("coupon_reminder", "gift_reminder")
        self.new_offer()
        self.new_edition()
        for name in NAMES:
            self.rewrite(name)

    def edit(self) -> str:
        """Do one edit; return what it was."""
        name = self.chance.choice(NAMES)
        path = self.folder / f"{name}.yaml"
        what = self.chance.choices(["rewrite", "remove", "letters", "offer"], [10, 2, 3, 2])[0]
        if what == "remove" and path.exists() and len(self.there()) > 1:
            path.unlink()
        elif what == "letters":
            self.new_edition()
        elif what == "offer":
            self.new_offer()
        else:
            self.rewrite(name)
        return what

    def there(self) -> list[str]:
        """The workflows that have a file."""
        return [name for name in NAMES if (self.folder / f"{name}.yaml").exists()]

    def new_edition(self) -> None:
        """Edit every template."""
        self.edition += 1
        for path in self.folder.glob("templates/*/*.subject.liquid"):
            path.write_text(f"{path.parent.name} edition {self.edition}\n")

    def new_offer(self) -> None:
        """Change the terms of the offer."""
        share = self.chance.choice([10, 15, 20])
        (self.folder / "offers.yaml").write_text(_OFFER.format(share=share))

    def rewrite(self, name: str) -> None:
        """Write a workflow anew: other steps, another order, other lengths; stages change places, or one is gone."""
        chance = self.chance
        head = _HEAD.format(
            name=name,
            edition=chance.randrange(1_000),
            mode=chance.choices(["live", "draft", "shadow"], [16, 1, 1])[0],
            reach=chance.choice(["100%", "100%", "60%"]),
            priority=chance.choice([40, 50, 60]),
        )
        order = chance.choice([("one", "two"), ("one", "two"), ("two", "one"), ("one",)])
        stages = [
            self._stage(stage, f"after: {following}" if following else "end: done")
            for stage, following in zip(order, [*order[1:], ""], strict=True)
        ]
        stages.append(f"  thanks:\n    steps:\n{self._listed(self._sends('thanks'))}\n    end: thanked\n")
        (self.folder / f"{name}.yaml").write_text(head + "".join(stages))

    def _stage(self, name: str, then: str) -> str:
        chance = self.chance
        steps = [*self._sends(name), *(f"wait: {length}" for length in chance.choices(["1d", "3d", "36h", "6d"], k=2))]
        steps += chance.sample(["tag: seen", "tag: met", "hand_off: sales"], chance.randrange(3))
        chance.shuffle(steps)
        if name == "one" and chance.random() < 0.6:
            reminder = "- wait: 2d\n      - send: gift_reminder\n        offer: gift"
            steps.append(f"send: gift_letter\n        offer: gift\n      {reminder}")
        if name == "two" and chance.random() < 0.6:
            notice = f"close_account: {{notice: {chance.choice(['2d', '5d'])}, send: account_closing}}"
            stop = chance.choice(["suppress: newsletter", notice])
            steps += ["send: question\n        asks: staying", f"wait: {chance.choice(['8d', '9d'])}", stop]
        until = "    until_any:\n      - event: order.placed\n        then: thanks\n"
        return f"  {name}:\n    steps:\n{self._listed(steps)}\n{until}    {then}\n"

    def _sends(self, stage: str) -> list[str]:
        letters = LETTERS[stage]
        return [f"send: {name}" for name in self.chance.sample(letters, self.chance.randint(1, len(letters)))]

    def _listed(self, steps: list[str]) -> str:
        return "\n".join(f"      - {step}" for step in steps)

    def _template(self, like: str, name: str) -> None:
        if not (self.folder / "templates" / name).exists():
            shutil.copytree(FOLDER / "templates" / like, self.folder / "templates" / name)
