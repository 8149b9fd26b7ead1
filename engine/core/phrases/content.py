"""What servers say of a mail: that it is spam, that its content is not liked, or that it is too big."""

from __future__ import annotations

from engine.core.phrases.writing import any_of

CONTENT = any_of(
    r"\b(?:anti-?)?spam(?:my|my|mer|mers|ming|assassin|trap|med|mail)?\b|unsolicited|\bjunk\b",
    r"\bu[cb]e\b|\bbulk (?:e-?)?mail|likely suspicious|\bspam-|\bspam",
    r"\bvirus(?:es)?\b|malware|phish|trojan|\bworm\b|infected|malicious|ransomware|clamav|harmful",
    r"dangerous|scam\b|fraud",
    r"(?:message|mail|body|email|e-mail|html|subject|header|url|link|attachment|file)?(?:'s)? ?(?:content"
    r"|contents|body|attachment|attachments|subject|html|url|link|links|urls|headers?) (?:\w+ ){0,3}(?:filter"
    r"|reject|denied|block|not (?:allowed|accepted|permitted)|suspicious|forbidden|prohibited|restrict|refused"
    r"|contains|banned|unaccept|inappropriate|violat|scan|triggered|looks|malformed)",
    r"(?:filter|reject|denied|block|forbidden|prohibited|restricted|suspicious|unacceptable|inappropriate"
    r"|illegal|banned|bad|refused|objectionable|offensive|disallowed|contains) (?:\w+ ){0,3}(?:content"
    r"|attachment|subject|header|file ?type|extension|url|link|words?|html|image|media|character)",
    r"content[ -](?:filter|reject|scan|analysis|protect|check|security)",
    r"(?:high|spam) (?:\w+ )?(?:score|probability)|score (?:is )?too high|bayes|surbl|uribl|\bdcc\b",
    r"razor|pyzor|cloudmark|mailscanner",
    r"message (?:looks|scored|appears|seems|detected|identified|classified|considered|flagged|filtered)",
    r"(?:looks|appears|seems) (?:like|to be) (?:a )?(?:spam|bulk|unsol|advert|virus)|identified as",
    r"classified as|considered (?:as )?(?:spam|unsol|bulk|unsafe)|unerw.{1,2}nscht|werbung|pourriel",
    r"ind.{1,2}sirable|no deseado|correo basura|indesiderata|спам|迷惑メール|垃圾邮件",
)
"""Spam, viruses, and content that was not accepted."""

TOO_BIG = any_of(
    r"(?:message|mail|e-?mail|content|data|attachment|nachricht|file|total"
    r"|maximum)(?: @)?(?: [^\s.;]+){0,3}? (?:size|length|too large|too big|too long|zu gro|trop (?:gros|volum)"
    r"|demasiado grande)",
    r"size (?:limit|exceed|of (?:the |your )?(?:message|mail))",
    r"(?:exceed\w*|larger than|bigger than|over) (?:\w+ ){0,5}(?:size|maximum message|message limit|bytes|kb"
    r"|mb|mega)",
    r"too (?:large|big) (?:message|mail|for)",
)
"""Mails beyond a limit."""
