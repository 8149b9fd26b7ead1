"""Whether somebody's own words ask us to write no more: phrases in German, English, French, Spanish, Dutch and Italian.

A "no" counts in any form (R27), so phrases are many and what is near to one counts. But it is the writer's words that
count: lines that were quoted, or that hold a link (such as our own "Abmelden: https://..." below the mail), say nothing.
A message of one command alone (`stop`, `baja`) is a no; within a sentence such a word is none. Linear time.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST_READ: Final = 4_000
"""Characters of a reply that are looked at: who says no says it early."""

_OF_REPLIES = re.compile(r"^\s*(re|aw|antw|antwort|wg|fw|fwd|tr|rv|rif|r|sv|vs)\s*(\[\d+\])?\s*:", re.IGNORECASE)
_NOT_THEIRS = re.compile(r"^\s*>|https?://|www\.|mailto:", re.IGNORECASE)
_SIGNATURE = re.compile(r"^(--|__+|\u2014)\s*$")


def says_no(text: str, subject: str = "") -> bool:
    """Say whether a reply is a "no". `text` is what the writer says, without quotes; `subject` as it stands.

    The subject counts only where it is the writer's own: that of a reply is ours.
    """
    if subject and not _OF_REPLIES.match(subject) and _is_no(_plain(subject[:200])):
        return True
    return _is_no(_plain(own_words(text)))


def says_more(text: str) -> bool:
    """Say whether there is more in a "no" than the wish to be written to no more: somebody should read it then."""
    return len(_plain(own_words(text)).split()) > _A_COMMAND_AND_THANKS


_A_COMMAND_AND_THANKS = 12


def own_words(text: str) -> str:
    """Return the lines that are the writer's: none that is quoted, holds a link, or stands below the signature's dashes."""
    lines = []
    for line in text[:LONGEST_READ].splitlines():
        if _SIGNATURE.match(line):
            break
        if not _NOT_THEIRS.search(line):
            lines.append(line)
    return "\n".join(lines)


def _is_no(plain: str) -> bool:
    if _COMMAND.fullmatch(plain) or any(_COMMAND.fullmatch(line) for line in _lines(plain)):
        return True
    if _PHRASE.search(plain):
        return True
    return any(not _is_turned_round(plain, match) for match in _VERB.finditer(plain))


def _is_turned_round(plain: str, verb: re.Match[str]) -> bool:
    """Say whether a "not" stands before the verb, or before its last word: `mich bitte nicht abmelden`."""
    last = verb.start() + verb[0].rfind(" ") + 1
    return any(_NEGATED.search(plain[max(0, at - 60) : at]) for at in (verb.start(), last))


def _lines(plain: str) -> list[str]:
    return [line.strip(" .,;:!?*-") for line in re.split(r"[\n.!?]", plain) if len(line) < 60]


def _plain(text: str) -> str:
    """Return text in small letters without accents, apostrophes alike, blanks single: how people type it."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_APOSTROPHES))
    bare = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return "\n".join(re.sub(r"[ \t\xa0]+", " ", line).strip() for line in bare.splitlines()).strip()


_APOSTROPHES = {0x2019: "'", 0xB4: "'", 0x60: "'"}


def _any(*phrases: str) -> str:
    return "|".join(f"(?:{phrase})" for phrase in phrases)


_POLITE = r"(?:bitte|please|pls|danke|thanks|thank you|merci|por favor|gracias|s'?il vous plait|svp|alstublieft|aub|per favore|grazie|hallo|hello|hi|sofort|now|jetzt)"
_COMMAND = re.compile(
    rf"(?:{_POLITE}[ ,!.]+)*(?:"
    + _any(
        r"abmelden|abmeldung|austragen|abbestellen|abbestellung|loschen|stop+|stopp|unsubscribe|unsubscribed?|remove(?: me)?",
        r"opt[ -]?out|cancel|desabonner|desabonnement|desinscrire|desinscription|desinscrivez[ -]moi|stop pub",
        r"baja|cancelar|darme de baja|borrarme|afmelden|uitschrijven|afmelding|opzeggen|stoppen",
        r"cancella(?:mi|temi|zione)?|disiscrivi(?:mi|temi)?|disiscrizione|rimuovi(?:mi|temi)?",
        r"no more|genug|es reicht|enough|basta",
    )
    + rf")(?:[ ,!.]+(?:{_POLITE}|me|mich|moi))*[ .!]*"
)
"""A message, or a line of it, that is nothing but this."""

_VERB = re.compile(
    r"\b(?:"
    + _any(
        # German
        r"(?:newsletter|e-?mails?|werbung|verteiler|liste|infomails?)[^.!?\n]{0,40}\b(?:abmelden|abbestellen|austragen|kundigen|stornieren)",
        r"(?:mich|uns)[^.!?\n]{0,40}\b(?:abmelden|austragen|abbestellen)",
        r"melden sie (?:mich|uns)[^.!?\n]{0,40}\bab\b|melde mich[^.!?\n]{0,40}\bab\b|bestelle[^.!?\n]{0,40}(?:newsletter|werbung)[^.!?\n]{0,20}\bab\b",
        r"tragen sie (?:mich|uns)[^.!?\n]{0,40}\baus\b",
        # English
        r"unsubscribe|opt(?:ing)? (?:me )?out|remove (?:me|us|my|this address)|take (?:me|us|my \w+(?: \w+)?) off|delete my (?:e-?mail|address|data|account)",
        r"stop (?:sending|e-?mailing|mailing|writing|contacting|spamming|bothering|the e-?mails|these e-?mails|this)",
        # French
        r"(?:me|nous) (?:desabonner|desinscrire)|desabonne[zr][ -]moi|desinscri\w+[ -]moi|retire[zr][ -](?:moi|mon|nous)|supprime[zr] (?:moi|mon|mes)|supprime[zr]-moi",
        # Spanish
        r"dar(?:me|nos)? de baja|den(?:me)? de baja|denme de baja|cancelar (?:mi|la) suscripcion|elimin\w+ mi (?:correo|e-?mail|direccion)|borr\w+ mi (?:correo|e-?mail)|desuscrib\w+",
        # Dutch
        r"(?:mij|me|ons)[^.!?\n]{0,40}\b(?:afmelden|uitschrijven|verwijder\w*)|(?:nieuwsbrief|mails?)[^.!?\n]{0,30}\b(?:afmelden|opzeggen|uitschrijven|stopzetten)|schrijf (?:mij|me)[^.!?\n]{0,30}\buit\b|haal (?:mij|me)[^.!?\n]{0,30}\baf\b|verwijder (?:mij|me|mijn)",
        # Italian
        r"cancell\w*(?:mi|temi)\b|cancell\w+ (?:la mia|il mio)|disiscri\w*(?:mi|temi|ermi)?|rimuov\w*(?:mi|temi)\b|annulla\w* l'?iscrizione|cancella\w* (?:l'?)?iscrizione|togli\w*(?:mi|temi)\b",
    )
    + r")"
)
"""Words that are a no unless somebody says that they do not want it."""

_NEGATED = re.compile(r"\b(?:nicht|not|n't|don't|dont|never|nie|niemals|ne|pas|no|niet|non)\s+(?:[a-z']+\s+){0,2}$")
"""What stands before such a verb and turns it round: at most two words between."""

_PHRASE = re.compile(
    r"\b(?:"
    + _any(
        # German
        r"kein(?:e|en|erlei)?\s+(?:weitere[nr]?\s+|mehr\s+)?(?:werb|reklame|spam|newsletter|e-?mails?|mails?|nachrichten|angebote|post|zusendung)\w*",
        r"nicht (?:mehr|weiter|langer) (?:\w+ ){0,2}(?:an)?(?:schreiben|kontaktieren|mailen|belastigen|erhalten|bekommen|zusenden|schicken|senden|zugesendet|zugeschickt)",
        r"(?:aus|von) (?:de[mr]|ihre[mr]|eure[mr]) (?:e-?mail-?|mail-?|newsletter-?)?(?:verteiler|liste|adressliste|mailingliste|kartei|datenbank)\w*(?! (?:habe|bin|wurde))",
        r"(?:horen|hort|hor) (?:sie )?(?:bitte )?(?:endlich )?auf,? (?:mir|mich|uns)",
        r"(?:lassen|lasst|lass) (?:sie )?mich (?:bitte )?(?:endlich )?in ruhe",
        r"widerspreche\b|(?:einwilligung|zustimmung|einverstandnis) (?:\w+ ){0,3}(?:zuruck|widerruf)|widerrufe\b|ziehe (?:\w+ ){0,3}(?:einwilligung|zustimmung|einverstandnis)",
        r"(?:werbung|mails?|e-?mails|newsletter|zusendung|angebote)[^.!?\n]{0,30} (?:un)?erwunscht nicht|(?:werbung|mails?|newsletter) (?:ist|sind) (?:nicht erwunscht|unerwunscht)",
        # English
        r"no (?:more|further) (?:\w+ ){0,2}(?:e-?mails?|mails?|messages|advertising|ads|offers|newsletters?|spam|marketing|contact)",
        r"(?:do not|don't|dont|never) (?:ever )?(?:e-?mail|mail|contact|write|message|send|bother|spam) (?:to )?(?:me|us|any|anything)",
        r"(?:do not|don't|dont|no longer) (?:want|wish|like) (?:to (?:get|receive|have|hear)|any|your|these|more)[^.!?\n]{0,40}(?:mails?|e-?mails?|newsletters?|offers|advertising|ads|messages|from you|spam)",
        r"leave me alone|withdraw (?:my|our) consent|object to (?:the |any )?(?:processing|direct marketing|marketing|advertising)",
        # French
        r"ne (?:veux|souhaite|desire|voulons|souhaitons)s? plus (?:\w+ ){0,2}(?:recevoir|etre)|ne plus (?:\w+ )?(?:recevoir|m'?envoyer|me contacter|m'?ecrire)",
        r"plus (?:de|d'|aucun|aucune) ?(?:publicites?|pubs?|mails?|e-?mails?|courriels?|messages?|newsletters?|offres)",
        r"ne m'?(?:envoyez|ecrivez|contactez|envoie|ecris|contacte) plus|arretez (?:de|d'|vos|ces)|pas de publicite",
        # Spanish
        r"no (?:quiero|deseo|queremos|deseamos) (?:\w+ ){0,2}(?:recibir|mas|publicidad|correos|sus|que)",
        r"no (?:me|nos) (?:\w+ )?(?:envien?|envies|escriban?|escribas|manden?|mandes|contacten?)|no mas (?:correos?|e-?mails?|publicidad|mensajes|ofertas)|dejen? de (?:enviar|escribir|mandar|molestar)\w*|sin publicidad",
        # Dutch
        r"geen (?:reclame|spam|nieuwsbrie\w+|aanbiedingen|e-?mails?(?: meer)?|mails?(?: meer)?|mailtjes|berichten)",
        r"niet (?:meer|langer) (?:\w+ ){0,2}(?:mailen|schrijven|ontvangen|krijgen|sturen|benaderen|contacteren)|stop met (?:mailen|sturen|schrijven|deze|die|jullie)|laat me met rust",
        # Italian
        r"non (?:voglio|desidero|vorrei|vogliamo|desideriamo) (?:piu )?(?:\w+ ){0,2}(?:ricevere|essere|vostre|pubblicita|mail|email)",
        r"non (?:mi |ci )?(?:scrivete|scrivetemi|inviate|inviatemi|mandate|mandatemi|contattate|contattatemi)(?: piu)?|(?:niente|basta|nessuna) (?:piu )?(?:pubblicita|mail|email|e-mail|newsletter|messaggi|spam|offerte)|smett\w+ di (?:scriver|inviar|mandar)\w+",
    )
    + r")"
)
"""Phrases that are a no wherever they stand in what somebody says."""
