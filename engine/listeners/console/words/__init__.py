"""All words of the console: one table a language, with the same keys and the same values to be put in."""

from typing import Final

from engine.listeners.console.words.de import WORDS as GERMAN
from engine.listeners.console.words.en import WORDS as ENGLISH

LANGUAGES: Final = {"en": ENGLISH, "de": GERMAN}
OWN_NAMES: Final = {"en": "English", "de": "Deutsch"}
