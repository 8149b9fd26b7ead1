"""The words of the public pages, in German and English; other languages read English.

A table of plain text instead of templates: there are a few pages of three sentences.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

LANGUAGES: Final = ("de", "en")
_FALLBACK: Final = "en"


class Words(Struct, frozen=True):
    """A page: its title, the sentence below it, and the words on its button or two."""

    title: str
    text: str
    button: str = ""
    second: str = ""


_WHAT = {
    "de": {"newsletter": "den Newsletter", "marketing": "Angebote per E-Mail", "": "E-Mails"},
    "en": {"newsletter": "the newsletter", "marketing": "offers by email", "": "emails"},
}

WORDS: dict[str, dict[str, Words]] = {
    "de": {
        "unsubscribe": Words(
            "Abmelden?",
            "Möchten Sie {what} von {shop} nicht mehr erhalten? Ein Klick genügt.",
            "Ja, abmelden",
        ),
        "stopped": Words(
            "Sie sind abgemeldet.",
            "Sie erhalten {what} von {shop} nicht mehr. Sie müssen nichts weiter tun.",
        ),
        "confirm": Words(
            "Möchten Sie von uns hören?",
            "Ja, ich möchte {what} von {shop} erhalten.",
            "Ja, gern",
        ),
        "confirmed": Words("Danke, das freut uns!", "Wir haben notiert, dass Sie von {shop} hören möchten."),
        "answer": Words(
            "Möchten Sie weiter von uns hören?",
            "Möchten Sie {what} von {shop} weiter erhalten?",
            "Ja, gern weiter",
            "Nein, danke",
        ),
        "question": Words("Ihre Antwort", "{shop} hat Ihnen eine Frage geschickt.", "Ja, gern", "Nein, danke"),
        "survey": Words("Woran lag es?", "Ein Klick genügt. Danke, dass Sie sich die Zeit nehmen."),
        "chosen": Words("Gespeichert.", "Wir halten uns ab sofort daran."),
        "replied": Words("Danke für Ihre Antwort!", "Wir haben sie notiert und halten uns daran."),
        "answer_over": Words(
            "Diese Frage ist abgelaufen.",
            "Mit Ja können Sie sie nicht mehr beantworten. Möchten Sie {what} von {shop} nicht mehr erhalten?",
            "",
            "Ja, abmelden",
        ),
        "link_over": Words("Dieser Link ist abgelaufen.", "Er stand in einer älteren E-Mail von {shop}."),
        "tested": Words(
            "Das war ein Test.",
            "Diese E-Mail von {shop} war ein Test ({test}). Es wurde nichts verändert.",
        ),
        "bad_link": Words(
            "Dieser Link passt nicht.",
            "Vielleicht wurde er beim Kopieren abgeschnitten. Bitte öffnen Sie ihn noch einmal aus der E-Mail.",
        ),
        "no_such_way": Words("Das geht hier nicht.", "Bitte öffnen Sie den Link noch einmal aus der E-Mail."),
        "failed": Words(
            "Das hat gerade nicht geklappt.",
            "Bitte versuchen Sie es in ein paar Minuten noch einmal.",
        ),
    },
    "en": {
        "unsubscribe": Words(
            "Unsubscribe?",
            "Would you like to stop receiving {what} from {shop}? One click is enough.",
            "Yes, unsubscribe",
        ),
        "stopped": Words(
            "You are unsubscribed.",
            "You will no longer receive {what} from {shop}. There is nothing else you need to do.",
        ),
        "confirm": Words(
            "Would you like to hear from us?",
            "Yes, I would like to receive {what} from {shop}.",
            "Yes, please",
        ),
        "confirmed": Words("Thank you, we are glad!", "We have noted that you want to hear from {shop}."),
        "answer": Words(
            "Would you like to keep hearing from us?",
            "Would you like to keep receiving {what} from {shop}?",
            "Yes, keep it coming",
            "No, thanks",
        ),
        "question": Words("Your answer", "{shop} has sent you a question.", "Yes, please", "No, thanks"),
        "survey": Words("What was it?", "One click is enough. Thank you for taking the time."),
        "chosen": Words("Saved.", "We will keep to it from now on."),
        "replied": Words("Thank you for your answer!", "We have noted it and will keep to it."),
        "answer_over": Words(
            "This question has run out.",
            "It can no longer be answered with yes. Would you like to stop receiving {what} from {shop}?",
            "",
            "Yes, unsubscribe",
        ),
        "link_over": Words("This link has run out.", "It was in an older email from {shop}."),
        "tested": Words(
            "This was a test.",
            "This email from {shop} was a test ({test}). Nothing has been changed.",
        ),
        "bad_link": Words(
            "This link does not fit.",
            "It may have been cut off when it was copied. Please open it again from the email.",
        ),
        "no_such_way": Words("That cannot be done here.", "Please open the link again from the email."),
        "failed": Words("That did not work just now.", "Please try again in a few minutes."),
    },
}

REASONS: dict[str, dict[str, str]] = {
    "price": {"de": "Es war mir zu teuer", "en": "It was too expensive"},
    "quality": {"de": "Die Ware war nicht gut genug", "en": "The goods were not good enough"},
    "service": {"de": "Lieferung oder Service haben nicht gestimmt", "en": "Delivery or service fell short"},
    "offer": {"de": "Es war nicht das Richtige für mich dabei", "en": "There was nothing that suited me"},
    "changed_need": {"de": "Ich brauche es nicht mehr", "en": "I no longer need it"},
    "variety": {"de": "Ich wollte etwas anderes ausprobieren", "en": "I wanted to try something else"},
    "competitor": {"de": "Ich kaufe jetzt woanders", "en": "I buy elsewhere now"},
    "moved": {"de": "Ich bin umgezogen", "en": "I have moved"},
    "other": {"de": "Etwas anderes", "en": "Something else"},
}
"""What the survey offers as answers: causes, in the customer's words; `other` is none of them."""

QUESTIONS = {"de": "Fragen? Schreiben Sie an", "en": "Questions? Write to"}
PREFERENCES_INSTEAD = {
    "de": "Lieber seltener oder anderes? Hier einstellen",
    "en": "Rather less often, or something else? Choose here",
}
TO_THE_SHOP = {"de": "Weiter zum Shop", "en": "Go to the shop"}


def pick_language(known: str, accepted: str) -> str:
    """Return the language of a page: the message's, else the first that the browser takes and we have, else English."""
    wishes = [known, *(part.partition(";")[0] for part in accepted.split(","))]
    for wish in wishes:
        base = wish.strip().replace("_", "-").partition("-")[0].lower()
        if base in LANGUAGES:
            return base
    return _FALLBACK


def wording(name: str, language: str, shop: str, purpose: str, test: str = "") -> str:
    """Return the sentence that a page asks: what a customer says yes to."""
    what = _WHAT[language].get(purpose, _WHAT[language][""])
    return WORDS[language][name].text.format(what=what, shop=shop, test=test)
