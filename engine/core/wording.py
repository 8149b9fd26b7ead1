"""A mail server's words, made alike: without addresses, hosts and links, so that what is left is what was said.

A host called `spamfilter` says nothing about spam, nor does an address called `quota@`. So names go before anybody looks
for words. What a name does tell stays as a word: a block list's name becomes `blocklist`, and the reason that Google puts
into a link's `?p=NoSuchUser` is read like text.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from msgspec import Struct

LONGEST: Final = 4_000
"""Characters of an answer that are read: three quarters from its beginning, the rest from its end."""

_STATUS = re.compile(r"(?<![\d.\w])([245]\.\d{1,3}\.\d{1,3})(?![\d\w]|\.\d)")
_CODE = re.compile(r"(?:^|[\s:;<>(\"'#])([45]\d\d)(?=[ \-,:#<]|$)")
_CODES_BETWEEN = re.compile(r"(?:(?<![\w.])[45]\d\d[ -]{1,3})?#?(?<![\d.\w])[245]\.\d{1,3}\.\d{1,3}(?![\d\w]|\.\d)")
_CODE_OF_A_LINE = re.compile(r"(?<![\w.])[45]\d\d-")
_URL = re.compile(r"https?://[^\s<>\"']{1,300}", re.IGNORECASE)
_REASON_IN_A_LINK = re.compile(r"[?&]p=([A-Za-z]{3,40})")
_ADDRESS = re.compile(r"[^\s<>@\"',;:()\[\]]{1,64}@[\w.\-\[\]]{1,255}")
_HOST = re.compile(r"(?<![\w.-])(?:[A-Za-z0-9_-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_IP = re.compile(r"\[?(?<![\d.])\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d)\]?")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_LISTS = (
    r"spamhaus|spamcop|barracuda\s?(?:central|reputation)|sorbs|uceprotect|abuseat|senderbase|senderscore|invaluement|mailspike"
    r"|abusix|nixspam|gbudb|0spam|hostkarma|\bpsbl|ivmsip|ivmuri"
)
_BLOCK_LIST = re.compile(rf"{_LISTS}|surbl|uribl|(?<![a-z])(?:dns|u|r)?[rb]b?l\.", re.IGNORECASE)
_BLOCK_LIST_BY_NAME = re.compile(rf"(?:(?<=\s)|^)(?:{_LISTS})(?=[\s,.;:)'\u2019]|$)", re.IGNORECASE)
_NOT = re.compile(r"(?<=[a-z])n['\u2019]t\b")
_NOT_WITHOUT_A_MARK = re.compile(r"\b(does|did|is|was|could|would|can|has|have|are|do)nt\b")
_SPACES = re.compile(r"\s+")
_NO_LETTERS = re.compile(r"[\"`*_|=<>\u00ab\u00bb\u201c\u201d\u201e]+")
_FRAME = re.compile(  # what the reporting server says around the words of the other one
    r"\bhost [~ ()\[\]:]+(?:said|says)? ?:|\bremote (?:host|server) (?:said|replied|returned|answered) ?:?|\brcpt to ?:? ?@? ?:?"
    r"|smtp error from remote (?:mail )?(?:server|mailer) (?:after|for)|\bgiving up on [~ \[\]]+|in reply to (?:end of )?\w+ command"
)
_STATE = (
    r"(?:spam\w*|unsolicited|junk|black\s?listed|blocked|block\s?listed|banned|full|over\s?quota|virus\w*|malware|disabled|suspended"
    r"|voll|gesperrt|deaktiviert|pleine?)"
)
_BETWEEN = (
    r"(?:been|being|be|a|an|the|is|was|considered|identified|classified|marked|seen|treated|as|because|due|caused|by|of|to|yet"
    r"|currently|related|any|for|or|nor|als|wegen|aufgrund|eine?|de|un|une)"
)
_GUESSED = re.compile(r"\b(?:may|might)\s(?:(?:be|not|no|longer|have|been|also|only)\s){1,4}\w+")
_DENIED = re.compile(
    rf"\b(?:not|never|neither|nicht|kein|pas|jamais)\s(?:{_BETWEEN}\s){{0,5}}{_STATE}\b(?:\s(?:{_BETWEEN}\s){{1,3}}{_STATE}\b)?"
)


class Said(Struct, frozen=True):
    """What was said: `words` made alike, and the digits and the enhanced status in it, 0 and empty where there are none."""

    words: str
    code: int
    status: str


def heard(text: str) -> Said:
    """Return what a text says, in time that grows with its length up to `LONGEST` and no further."""
    text = _shortened(text)
    code, status = _CODE.search(text), _STATUS.search(text)
    return Said(_alike(text), int(code[1]) if code else 0, status[1] if status else "")


def _shortened(text: str) -> str:
    if len(text) > LONGEST:
        text = f"{text[: LONGEST * 3 // 4]} {text[-LONGEST // 4 :]}"
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _alike(text: str) -> str:
    """Take out names and codes, then bring what is left into one case and one form of `not`."""
    if "://" in text:
        text = _URL.sub(_words_of_a_link, text)
    if "@" in text:
        text = _ADDRESS.sub("@", text)
    text = _BLOCK_LIST_BY_NAME.sub(" blocklist ", text)
    text = _CODE_OF_A_LINE.sub(" ", _CODES_BETWEEN.sub(" ", text))
    text = _HOST.sub(_words_of_a_host, _IP.sub("~", text))
    text = _NO_LETTERS.sub(" ", _HUMP.sub(" ", text)).casefold()
    text = _NOT_WITHOUT_A_MARK.sub(r"\1 not", _NOT.sub(" not", text).replace("cannot", "can not"))
    return _GUESSED.sub("~", _DENIED.sub("~", _FRAME.sub(" ", _SPACES.sub(" ", text)))).strip()


def _words_of_a_link(link: re.Match[str]) -> str:
    reason = _REASON_IN_A_LINK.search(link[0])
    return f" {reason[1] if reason else '~'}{' blocklist' if _BLOCK_LIST.search(link[0]) else ''} "


def _words_of_a_host(host: re.Match[str]) -> str:
    """Exchange's RESOLVER.ADR.RecipientNotFound and a sentence's end without a space look like hosts and are words."""
    name = host[0]
    if _BLOCK_LIST.search(name):
        return " blocklist "
    last = name.rpartition(".")[2]
    return name.replace(".", ". ") if last[0].isupper() and not last.isupper() else "~"
