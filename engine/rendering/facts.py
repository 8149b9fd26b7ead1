"""Facts about a template that the checks of meaning judge: what it shows in every case, and what a send must give it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from engine.rendering.analysis import Blank, Uses, uses
from engine.rendering.problems import RenderError
from engine.rendering.sample import sample_context
from engine.rendering.templates import Templates

UNSUBSCRIBE: Final = ("links.unsubscribe",)
IMPRINT: Final = ("shop.imprint",)
SENDER_NAME: Final = ("shop.sender_name", "shop.name")
OFFER_VALUE: Final = ("offer.value",)
MINIMUM_BASKET: Final = ("offer.minimum_basket",)
VALID_UNTIL: Final = ("offer.valid_until",)
TERMS: Final = ("offer.terms",)
_ANSWERS: Final = ("links.confirm", "links.yes", "links.no", "links.accept", "links.decline", "links.survey")


class Part(Struct, frozen=True):
    """One file of a template: the variables it shows whatever the customer's data."""

    file: str
    part: str
    certain: frozenset[str]


class Facts(Struct, frozen=True, kw_only=True):
    """What a template shows and needs, over all its languages. A thing counts as shown when every body shows it.

    `lacks` names the files that do not. `needs_offer` and `needs_question`: it shows an offer, or links that only a
    send with `asks:` has, without asking whether they are there. `subjects` are as they are written. `values` are the names it takes from a send's `with:`.
    """

    template: str
    languages: tuple[str, ...]
    subjects: tuple[str, ...]
    bodies: tuple[Part, ...]
    without_text: tuple[str, ...]
    variables: tuple[str, ...]
    values: tuple[str, ...]
    blanks: tuple[Blank, ...]
    needs_offer: bool
    needs_question: bool
    html_bytes: int

    def lacks(self, any_of: Iterable[str]) -> tuple[str, ...]:
        """Return the files that do not show any of these variables in every case."""
        wanted = frozenset(any_of)
        return tuple(part.file for part in self.bodies if not wanted & part.certain)

    @property
    def has_unsubscribe(self) -> bool:
        """Whether every body has a link that stops such messages."""
        return not self.lacks(UNSUBSCRIBE)

    @property
    def has_imprint(self) -> bool:
        """Whether every body says who is behind the shop."""
        return not self.lacks(IMPRINT)

    @property
    def has_sender_name(self) -> bool:
        """Whether every body names its sender."""
        return not self.lacks(SENDER_NAME)

    @property
    def has_text(self) -> bool:
        """Whether every language has a text part."""
        return not self.without_text

    @property
    def mentions_offer_value(self) -> bool:
        """Whether every body says what the offer is worth."""
        return not self.lacks(OFFER_VALUE)

    @property
    def mentions_minimum_basket(self) -> bool:
        """Whether every body says the offer's least basket, where it has one."""
        return not self.lacks(MINIMUM_BASKET)

    @property
    def mentions_valid_until(self) -> bool:
        """Whether every body says the offer's last day."""
        return not self.lacks(VALID_UNTIL)

    @property
    def mentions_terms(self) -> bool:
        """Whether every body leads to the offer's terms, where it has any."""
        return not self.lacks(TERMS)


def template_facts(templates: Templates, name: str) -> Facts:
    """Return the facts about a template.

    `html_bytes` is the size of the largest HTML part rendered with sample data, 0 where none can be rendered.

    Raises:
        RenderError: there is no such template.

    """
    bodies: list[Part] = []
    all_uses: list[Uses] = []
    without_text: list[str] = []
    languages = templates.languages(name)
    for language in languages or (None,):
        translation = templates.translation(name, language)
        if "text" not in translation.parts:
            without_text.append(translation.language)
        for part, template in sorted(translation.parts.items()):
            found = uses(template)
            all_uses.append(found)
            if part != "subject":
                bodies.append(Part(template.name, part, found.certain))
    mentioned = sorted({name for found in all_uses for name in found.mentioned})
    unasked = {name for found in all_uses for name in found.unasked}
    return Facts(
        template=name,
        languages=languages,
        subjects=tuple(
            text
            for path, text in sorted(templates.sources.items())
            if path.startswith(f"{name}/") and ".subject." in path
        ),
        bodies=tuple(bodies),
        without_text=tuple(without_text),
        variables=tuple(mentioned),
        values=tuple(name.split(".")[1] for name in mentioned if name.startswith("values.")),
        blanks=tuple(sorted({blank for found in all_uses for blank in found.blanks}, key=lambda blank: blank.place)),
        needs_offer="offer" in unasked,
        needs_question=not unasked.isdisjoint(_ANSWERS),
        html_bytes=max((_html_bytes(templates, name, language) for language in languages), default=0),
    )


def _html_bytes(templates: Templates, name: str, language: str) -> int:
    try:
        return len(templates.render(name, language, sample_context()).html.encode())
    except RenderError:
        return 0
