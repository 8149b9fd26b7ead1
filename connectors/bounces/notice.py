"""Notices in plain words: of qmail, Exim, old Sendmail, Exchange, Domino and the many that follow no standard.

What they have in common is read rather than each one's form: who writes, the words of failure, an address at the beginning
of a line or behind a word that introduces it, what is said from there to the next address, and a line from which on our
own mail is given back.
"""

from __future__ import annotations

import re

from msgspec import Struct

from connectors.bounces.addresses import addresses_in, found_in, unique
from connectors.bounces.parts import Part

_SENDERS = re.compile(
    r"mailer[-_. ]?daemon|post[-_. ]?master|mail[-_. ]?(?:delivery|system|administrator|robot|server|gateway)|e?mail (?:delivery|admin)|delivery[-_. ](?:sub)?system|delivery[-_.](?:status|failure|notification)|system[- ]?administrator|mdaemon|smtp[-_]?mail|\bndr\b|maildaemon|mail-?er\b|bounce-?handler|internet mail (?:service|delivery)|anti-?virus|virus ?wall|\bimss\b|exchange|mailenable|hostmaster|<>",
    re.IGNORECASE,
)
_SUBJECTS = re.compile(
    r"undeliver|un-?deliverable|not delivered|non[- ]?deliver|return(?:ed|ing) (?:mail|message|to sender|e-?mail|post)|mail (?:error|failed|failure|not|could|delivery|system|returned|warning|undel)|failure (?:notice|delivery|notification)|(?:delivery|message|e-?mail|mail|processing|nondelivery|dsn)\b.{0,30}\b(?:fail\w*|status|error|notif\w*|problem|report|warning|delay\w*|postponed|expired|rejected|blocked|impossible|unsuccessful|has failed|not possible)|fail(?:ed|ure).{0,20}(?:mail|deliver|message)|warning: .{0,40}(?:message|mail|delay|could not)|could not (?:be )?(?:deliver|send)|(?:couldn't|can ?not|cannot|can't) be delivered|automatically rejected|rejected (?:mail|message)|address not found|mailbox (?:full|unavail)|user unknown|delayed mail|recipient (?:not|unknown|rejected)|bounce|undelivered"
    r"|unzustellbar|nicht zu(?:ge|zu)?stell|zustell(?:ung|fehler|problem|bericht|status)\w*|fehler bei (?:der )?zustellung|nicht (?:zugestellt|ausgeliefert|zustellbar)|zur.{1,2}ck an absender|.bermittlung.{0,20}(?:fehl|nicht)"
    r"|non remis|.chec de (?:la )?(?:remise|distribution|livraison|d.livrance)|non d.livr|non distribu|non recens|retour .{0,20}exp.diteur|impossible de remettre|utilisateur non"
    r"|no (?:se )?(?:pudo|puede|ha podido|entregad)|error (?:de|en|al) (?:la )?(?:entrega|env)|no entregable|devuelto|fallo (?:de|en|al) (?:la )?(?:entrega|env)"
    r"|mancat[ao] (?:consegna|recapito)|impossibile (?:recapit|consegn)|non recapitabile|n.o (?:foi )?(?:entregue|entreg)|falha (?:na|de|no) (?:entrega|envio)|devolvid|onbestelbaar|niet (?:afgeleverd|bezorgd)|niedostarczon|zwrot|kan inte levereras|doru.it"
    r"|配信(?:不能|失敗|エラー)|配達(?:不能|失敗)|送信(?:エラー|失敗)|エラー通知|не доставлен|ошибка доставки|сообщение не|退信|投递失败|传输失败|退回",
    re.IGNORECASE,
)
_WORDS = re.compile(
    r"(?:could|can|cannot|can't|couldn't|was|were|wasn't|has|have|did|is|are|unable|not able|failed|not|fail) (?:\S+ ){0,6}?(?:deliver\w*|reach(?:ed)?|receive\w*|dispatched|be sent)|deliver\w* (?:\S+ ){0,6}?(?:fail\w*|impossible|aborted|postponed|problem|error)|undeliver|fail\w* (?:\S+ ){0,5}?(?:deliver|recipient|address)|permanent (?:fatal )?(?:failure|error)|fatal error|returned (?:mail|to sender|to you|because)|rejected|(?:failed|following|intended|undeliverable|invalid|affected) (?:recipient|address|user)|error (?:was )?(?:detected|encountered|while)|user unknown|unknown user|no such user|did not (?:exactly )?match|not accepting mail|mailbox (?:is )?full|over quota|non-?delivery"
    r"|nicht (?:\S+ ){0,3}?(?:zugestellt|zustellbar|ausgeliefert|erreicht|.bermittelt|gesendet)|unzustellbar|zustellung .{0,60}(?:fehlgeschlagen|nicht|gescheitert|unm.glich)|nicht m.glich, .{0,60}zuzustellen"
    r"|n'a pas pu|n'ont pas pu|pas pu .tre|non remis|.chec (?:de|permanent)|n'a pas .t. (?:remis|livr|distribu)|impossible de (?:remettre|livrer|distribuer|d.livrer)"
    r"|no (?:se )?(?:pudo|puede|ha podido|han podido|fue posible) (?:ser )?(?:entreg|envi)|no (?:\S+ )?pudo ser entregad|no (?:ha sido|fue) entregad|n.o (?:p.de|foi|pode) (?:ser )?(?:poss.vel )?entreg"
    r"|impossibile (?:recapitare|consegnare)|non (?:. stato|. stata|sono stati) (?:possibile )?(?:recapitat|consegnat)|kon niet worden (?:afgeleverd|bezorgd)|nie (?:mog.a|zosta.a) .{0,20}dostarcz"
    r"|配信(?:できません|に失敗|されません)|送信できません|届けることができません|お届けできません|配送できません|не может быть доставлен|не доставлен|не удалось доставить|无法(?:发送|投递|送达)|投递失败",
    re.IGNORECASE,
)
_WARNINGS = re.compile(
    r"not yet been delivered|has been delayed|(?:mail|message|delivery) (?:\S+ ){0,3}(?:is |has been |was )?(?:delayed|postponed|deferred)|(?:this is|just) (?:just )?a warning|warning message only|do(?:es)? not need to (?:re-?send|take any)|will (?:continue|keep|be retried|retry|try again|attempt)|delivery attempts will (?:continue|be)|attempts? will continue|no action is required|still trying|not been able to deliver .{0,60} yet|will be retried"
    r"|noch nicht (?:zugestellt|ausgeliefert)|verz.gert|weitere zustellversuche|wird weiter(?:hin)? versuch|retard|retrasad|in ritardo",
    re.IGNORECASE,
)
_COPY_BEGINS = re.compile(
    r"^[ \t]*(?:"
    r"[-=*_#|~+<]{2,}[ \t]*[^\n]{0,50}?(?:original|copy|copie|kopie|copia|returned (?:mail|message)|forwarded|message (?:text|header|body|follows|headers)|(?:text|header|headers|body|lines|portion|part) (?:of|follow)|unsent|undelivered message|urspr.{1,2}nglich|weitergeleitet|mensaje|messaggio|following message|header of the|nachricht folgt|start of|begin|附件|原件|原邮件|原信)[^\n]{0,100}"
    r"|(?:the |le |die )?(?:first \d+ lines|headers?|full headers?|text|body|content|contents|beginning) (?:and [^\n]{0,30})?of (?:your|the|this) (?:original |returned |undelivered |rejected |failed )?(?:message|mail|e-?mail)"
    r"|(?:here is |included is |below is |attached is |the following is |this is )?(?:a |the )?copy of (?:the |your )(?:original |first |message|mail|returned|undelivered)"
    r"|included is a copy|here is a copy|original message (?:follows|headers?|details|as received|text|attached)|message headers? follows?|your (?:original )?message reads|(?:your |the )?(?:original|rejected|returned|undeliverable) message (?:is |was )?(?:attached|follows|below|included)|undelivered mail"
    r"|(?:received|x-received): (?:from|by|\()|return-path:[ \t]|message-id:[ \t]*<|arc-seal:|dkim-signature:|authentication-results:"
    r"|urspr.{1,2}ngliche (?:nachricht|kopf|mail)|(?:es folgt|hier folgt|nachstehend|anbei) (?:\S+ ){0,3}(?:kopie|nachricht|original)"
    r")",
    re.IGNORECASE | re.MULTILINE,
)
_INTRODUCED = re.compile(
    r"(?:^|[\s\"'(<\[|*:>])(?:(?:original |final |failed |intended |undeliverable |affected |bad |invalid |unknown |local |actual |e-?mail |rejected )*(?:recipients?|address(?:es)?|users?|user ?ids?|mailbox|userid|account|destination)(?: address)?|rcpt to|(?:delivery |failed )?to|attempts|error-for|addressed to|undeliverable|for|empf.nger\w*|an|adresse|destinataires?|destinatari[oa]s?|. l'adresse|an die adresse|recipient name|was|folgende adresse)[ \t]*(?:\[?smtp)?[\s:;=<\"'(\[]*$",
    re.IGNORECASE,
)
_ORIGINALLY = re.compile(
    r"(?:expanded|generated|aliased|redirected|forwarded) from[\s:<]*$|originally addressed to[\s:<]*$", re.IGNORECASE
)
_NOT_THEM = re.compile(
    r"(?:\bfrom|sender|contact\w*|\bby|mailto|questions?|help|assist\w*|administrator|support|message[ -]?id|\bmts-id[^\n]*|helo|ehlo|reply[ -]to|originat\w*|(?:write|forward|reply|report|send|information|assistance|turn) (?:\w+ ){0,5}(?:to|at)|\bvia|absender\w*|\bvon|exp.diteur|\bde la part de|remitente|mittente|return-path|return path|in-reply-to|references|mail from|\bcc|accepting mail from|please|locator|found|address of|new address|has (?:changed|moved) to|x-[\w-]+)[\s:;=<\"'(\[]*(?:\w+[\s:<(]+){0,2}$",
    re.IGNORECASE,
)
_AT_THE_BEGINNING = re.compile(
    r"^[\s>*|+#.\-\u2022\u00b7\"'<(\[:=]{0,40}(?:smtp:|mailto:)?[\"'<]{0,2}$|dda:smtp=$|smtp=$", re.IGNORECASE
)
_WRITTEN_TO = re.compile(r"^[ \t>]*(?:to|an|an:|a|. |cc|para|aan|recipient list)[ \t]*:[^@\n]{0,80}$", re.IGNORECASE)
_ROLES = frozenset(
    {"mailer-daemon", "postmaster", "mailerdaemon", "abuse", "hostmaster", "mailer_daemon", "spamreport"}
)
_LONGEST = 20_000
_LONGEST_PASSAGE = 3_000
_MOST = 100


class Named(Struct, frozen=True):
    """A recipient that a notice names, and what it says of them."""

    address: str
    passage: str


def is_notice(mail: Part, text: str) -> bool:
    """Whether a mail server wrote a mail to say that one did not arrive: two of writer, subject and words tell."""
    if mail.header("x-failed-recipients"):
        return True
    return is_a_servers(mail) + bool(_SUBJECTS.search(mail.header("subject"))) + bool(_WORDS.search(text[:3_000])) >= 2


def is_a_servers(mail: Part) -> bool:
    """Whether a mail server wrote a mail, going by the name it gives itself; an empty envelope sender is that of vacation notes too."""
    return _SENDERS.search(mail.header("from")) is not None


def is_warning(text: str) -> bool:
    """Whether a notice says that the mail is late, not that it is lost."""
    return _WARNINGS.search(text[:3_000]) is not None


def without_copy(text: str) -> tuple[str, str]:
    """Divide what the server says from the mail it gives back; a mark before anybody is named begins no copy."""
    text = text[:_LONGEST]
    for mark in _COPY_BEGINS.finditer(text):
        if text[: mark.start()].strip():
            return text[: mark.start()], text[mark.start() :]
    return text, ""


def named_in(notice: str, ours: frozenset[str]) -> tuple[Named, ...]:
    """Return the recipients a notice names, the server's and our own addresses (in lower case) left out.

    Addresses that begin a line or are introduced go before those in the middle of a sentence, and these before a `To:`.
    """
    places = [(_rank(notice, begin), begin, address) for begin, _, address in found_in(notice)[:_MOST]]
    places = [each for each in places if each[0] and _is_theirs(each[2], ours)]
    best = max((rank for rank, _, _ in places), default=0)
    chosen = [(begin, address) for rank, begin, address in places if rank == best]
    return tuple(Named(address, _passage(notice, chosen, address)) for address in unique(each for _, each in chosen))


def passages_about(notice: str, addresses: tuple[str, ...]) -> dict[str, str]:
    """Return what a notice says of each of some addresses (in lower case), from where it names them to the next."""
    known = {address.casefold() for address in addresses}
    places = [(begin, address) for begin, _, address in found_in(notice)[:_MOST] if address.casefold() in known]
    return {address: _passage(notice, places, address) for address in known}


def returned_recipient(copy: Part) -> str:
    """Return whom a returned mail was for, if it was for one: by its To, else by the servers that passed it on."""
    written = unique(each for value in copy.all("to", "x-original-to", "delivered-to") for each in addresses_in(value))
    return written[0] if len(written) == 1 else ""


def _rank(notice: str, begin: int) -> int:
    line = notice[max(0, notice.rfind("\n", 0, begin) + 1, begin - 300) : begin]
    if _WRITTEN_TO.match(line):
        return 1
    if _AT_THE_BEGINNING.search(line):
        before = notice[max(0, begin - 200) : begin].rstrip("\n \t<\"'(")
        return (
            2
            if re.search(r"(?:please (?:contact|write to|forward)|from|sender|contact)[:\s]*$", before, re.IGNORECASE)
            else 3
        )
    if _ORIGINALLY.search(line):
        return 3
    if _NOT_THEM.search(line):
        return 0
    return 3 if _INTRODUCED.search(line) else 2


def _is_theirs(address: str, ours: frozenset[str]) -> bool:
    return address.casefold() not in ours and address.partition("@")[0].casefold() not in _ROLES


def _passage(notice: str, places: list[tuple[int, str]], address: str) -> str:
    """Return the lines from where an address is named to where another one is; what stands before the first is everybody's."""
    wanted, found, length = address.casefold(), list[str](), 0
    for place, (begin, each) in enumerate(places):
        if each.casefold() != wanted or length > _LONGEST_PASSAGE:
            continue
        line = notice.rfind("\n", 0, begin) + 1
        following = places[place + 1][0] if place + 1 < len(places) else len(notice)
        end = notice.rfind("\n", 0, following) + 1 if following < len(notice) else following
        found.append(notice[line : end if end > begin else following][:_LONGEST_PASSAGE])
        length += len(found[-1])
    return "\n".join(found)
