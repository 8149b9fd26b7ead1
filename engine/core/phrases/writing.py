"""How phrases are written: nouns for whom a mail is for, put together with what is said of them."""

from __future__ import annotations

import re

THEM = (
    r"(?:user(?:s|name|id)?|recip(?:ient)?s?|rcpt|mail\s?box(?:es)?|(?:e-?)?mail address(?:es)?|address(?:es)?"
    r"|addressee|accounts?"
    r"|person|customer|member|alias|mail\s?drop|inbox|employee|student|screen\s?name|user[ -]id|local[ -]part)"
)
"""Who or what a mail is for."""

THEIRS = (
    r"(?:empf.{1,2}nger\w*|benutzer\w*|nutzer\w*|(?:email|mail)?-?adress[ea]\w*|postfach|mailbox|mailkonto"
    r"|konto|teilnehmer|account"
    r"|utilisateur|destinataires?|compte|bo.{1,2}te(?: aux lettres)?|abonn.{1,2}"
    r"|usuario|(?:destinatario|recipiente)|cuenta|buz.{1,2}n|direcci.{1,2}n|utente|casella|indirizzo|account"
    r"|usu.{1,2}rio|destinat.{1,2}rio|conta|caixa|endere.{1,2}o|gebruiker|ontvanger|postbus|u.ytkownik"
    r"|odbiorca|adres\w*|skrzynk\w*"
    r"|пользовател\w*|получател\w*|адрес\w*|ящик\w*|учетн\w*)"
)
"""The same in German, French, Spanish, Italian, Portuguese, Dutch, Polish and Russian; `.{1,2}` is a letter that charsets mangle."""


def any_of(*phrases: str) -> re.Pattern[str]:
    """Return a pattern of phrases any of which may stand in words made alike by `wording`.

    A gap in a phrase is bounded (`{0,6}`), so that a search takes linear time.
    """
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases))
