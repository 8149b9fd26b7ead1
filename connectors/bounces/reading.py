"""A mail that came in: whether it is a bounce, a complaint, an automatic answer or a person's words, and about what."""

from __future__ import annotations

import re

from msgspec import Struct

from connectors.bounces import feedback, notice, status
from connectors.bounces.addresses import addresses_in, unique
from connectors.bounces.automatic import is_automatic
from connectors.bounces.parts import Part, part_of
from connectors.bounces.quoting import own_words, text_of_html
from connectors.bounces.report import About, Recipient, Report
from engine.core.verdict import SOFT, verdict_in_words, verdict_of

_COPIES = frozenset(
    {
        "message/rfc822",
        "text/rfc822-headers",
        "text/rfc822",
        "message/rfc822-headers",
        "message/global",
        "message/global-headers",
    }
)
_SENT_TO = ("delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to", "x-forwarded-to", "to", "cc")
_IDS = ("x-winback-message-id", "message-id", "x-original-message-id", "original-message-id")
_ANSWERED = ("in-reply-to", "references")
_AN_ID = re.compile(r"<([^<>\s]{1,500}@[^<>\s]{1,255})>")
_AN_ID_IN_TEXT = re.compile(
    r"^[ \t>]*(?:X-Winback-Message-ID|Message-ID|Original-Message-ID)[ \t]*:\s*<?([^<>\s]{1,500}@[^<>\s]{1,255})>?",
    re.MULTILINE | re.IGNORECASE,
)
_READ = re.compile(r"^Disposition[ \t]*:.{0,200}", re.MULTILINE | re.IGNORECASE)
_MOST_IDS = 30
_FOR_GOOD = 550  # a notice that is no warning and names no code speaks of a mail that was given up
_SAYS_LITTLE = re.compile(r"(?:[245]\.0\.0)?|[45]\.[1235]\.0")


class _Mail(Struct, frozen=True):
    """A mail, what its parts say in words and in fields, and the mail of ours it gives back."""

    whole: Part
    words: str
    quoted: str
    fields: dict[str, str]
    copy: Part | None

    @property
    def is_report(self) -> bool:
        return bool(self.fields)


def read(raw: bytes) -> Report:
    """Read a mail. Nothing is refused and nothing raised: what is none of the known kinds is `other`, with its text."""
    return _read(part_of(raw), may_hold_another=True)


def _read(whole: Part, *, may_hold_another: bool) -> Report:
    mail = _taken_apart(whole)
    about = _about(mail)
    if may_hold_another and not mail.fields and mail.copy is not None and mail.copy.type == "multipart/report":
        return _passed_on(mail.copy, about)
    if (told := _complaint(mail, about) or _notification(mail, about) or _disposition(mail, about)) is not None:
        return told
    automatic = is_automatic(whole, mail.words)
    if (not automatic or _from_a_server(whole)) and (told := _notice(mail, about)) is not None:
        return told
    if automatic:
        return Report("auto_reply", about=about, text=own_words(mail.words))
    if may_hold_another and mail.copy is not None:  # somebody passed a report on to us
        inner = _passed_on(mail.copy, about)
        if inner.kind in ("bounce", "complaint", "delivered"):
            return inner
    return Report("other", about=about, text=own_words(mail.words))


def _passed_on(report: Part, about: About) -> Report:
    """Read a report that is in another mail, as gateways and people forward them."""
    inner = _read(report, may_hold_another=False)
    return Report(inner.kind, inner.recipients, _joined(inner.about, about), inner.text)


# The parts -----------------------------------------------------------------------------------------------------------


def _taken_apart(whole: Part) -> _Mail:
    words, html, copy, fields = list[str](), list[str](), None, dict[str, str]()
    for part in whole.leaves():
        if part.type in status.TYPES:
            fields["status"] = f"{fields.get('status', '')}\n\n{part.text}"
        elif part.type == feedback.TYPE:
            fields["feedback"] = part.text
        elif part.type == "message/disposition-notification":
            fields["disposition"] = part.text
        elif part.type in _COPIES:
            copy = copy or part_of(part.content)
        elif part.type == "text/html":
            html.append(part.text)
        elif part.type.startswith("text/") or (
            part is whole and not part.type.startswith(("image/", "audio/", "video/"))
        ):
            words.append(part.text)
    text = "\n\n".join(words)
    if not text.strip() and html:
        text = "\n\n".join(text_of_html(page, quotes=bool(copy or fields)) for page in html)
    said, quoted = notice.without_copy(text)
    if not fields:
        fields = _fields_in_words(text)
    return _Mail(whole, text if not fields and not quoted else said, quoted, fields, copy or _copy_in_words(quoted))


def _fields_in_words(text: str) -> dict[str, str]:
    """Fields of a report whose parts were lost: a mailing list or a gateway made plain text of it."""
    if status.in_plain_text(text):
        return {"status": text}
    return {"feedback": text} if feedback.in_plain_text(text) else {}


def _copy_in_words(quoted: str) -> Part | None:
    """The headers of our mail where they stand in the notice's own text."""
    begin = re.search(
        r"^[ \t>]*(?:Return-Path|Received|Message-ID|From|To|Subject|Date|MIME-Version)[ \t]*:",
        quoted,
        re.MULTILINE | re.IGNORECASE,
    )
    if begin is None:
        return None
    lines = [line[2:] if line.startswith("> ") else line.lstrip(">") for line in quoted[begin.start() :].split("\n")]
    return part_of("\n".join(lines).lstrip().encode(errors="replace"))


# About what ----------------------------------------------------------------------------------------------------------


def _about(mail: _Mail) -> About:
    ids = [*_ids(mail.copy, *_IDS), *_AN_ID_IN_TEXT.findall(mail.fields.get("disposition", ""))]
    ids += [found for text in (mail.words, mail.quoted) for found in _AN_ID_IN_TEXT.findall(text)[:5]]
    ids += [*_ids(mail.whole, "in-reply-to"), *reversed(_ids(mail.whole, "references"))]
    sent_to = [each for value in mail.whole.all(*_SENT_TO) for each in addresses_in(value)]
    sent_from = [each for value in (mail.copy.all("return-path") if mail.copy else ()) for each in addresses_in(value)]
    return About(unique(ids)[:_MOST_IDS], unique((*sent_to, *sent_from))[:_MOST_IDS])


def _ids(part: Part | None, *names: str) -> list[str]:
    if part is None:
        return []
    return [
        each
        for value in part.all(*names)
        for each in (_AN_ID.findall(value) or [value.strip("<> ")] if "@" in value else [])
    ]


def _joined(first: About, second: About) -> About:
    return About(
        unique((*first.message_ids, *second.message_ids)),
        unique((*first.envelope_recipients, *second.envelope_recipients)),
        first.envelope_id or second.envelope_id,
    )


# The kinds -----------------------------------------------------------------------------------------------------------


def _complaint(mail: _Mail, about: About) -> Report | None:
    if "feedback" not in mail.fields:
        marked = (
            next(iter(mail.copy.all("x-hmxmroriginalrecipient")), "") if mail.copy else ""
        )  # Microsoft's, of no standard
        if not marked:
            return None
        return Report("complaint", (_complaining(marked.strip("<> "), "abuse"),), about)
    told = feedback.feedback_of(mail.fields["feedback"])
    about = About(about.message_ids, about.envelope_recipients, told.envelope_id)
    if not told.is_complaint:
        return Report("other", about=about, text=f"a feedback report of type {told.type}")
    known = told.recipients or unique([notice.returned_recipient(mail.copy) if mail.copy else ""])
    return Report("complaint", tuple(_complaining(each, told.type) for each in known or ("",)), about)


def _complaining(address: str, kind: str) -> Recipient:
    return Recipient(
        address, "complaint", "", "the recipient called the mail spam", (f"Feedback-Type: {kind or 'abuse'}",)
    )


def _notification(mail: _Mail, about: About) -> Report | None:
    if "status" not in mail.fields:
        return None
    told = status.notification_of(mail.fields["status"])
    about = About(about.message_ids, about.envelope_recipients, told.envelope_id)
    if not told.told:
        return _notice(mail, about)
    said = notice.passages_about(mail.words, tuple(each.address for each in told.told if each.address))
    recipients = tuple(_recipient(mail, each, said, alone=len(told.told) == 1) for each in told.told)
    kinds = {each.verdict for each in recipients}
    return Report("delivered" if kinds == {"delivered"} else "bounce", recipients, about)


def _recipient(mail: _Mail, told: status.Told, said: dict[str, str], *, alone: bool) -> Recipient:
    address = told.address
    if not address and alone:
        address = next((each.address for each in notice.named_in(mail.words, _ours(mail))), "") or (
            notice.returned_recipient(mail.copy) if mail.copy else ""
        )
    if told.action in ("delivered", "relayed", "expanded"):
        return Recipient(
            address, "delivered", told.status, f"the server says: {told.action}", (f"Action: {told.action}",)
        )
    if told.action == "delayed":
        return Recipient(
            address, SOFT, told.status, "the mail is late, and the server still tries", ("Action: delayed",)
        )
    passages = [told.diagnostic, said.get(address.casefold(), "")]
    if alone and _SAYS_LITTLE.fullmatch(told.status) and not any(passages):
        passages.append(mail.words)  # what stands around a reply is the same in each of a server's reports
    for text in passages:
        spoken = _naming_us(text, mail, address)
        if verdict := verdict_in_words(spoken, status=told.status, provider=told.server):
            return Recipient.judged(address, verdict)
    verdict = verdict_of(told.diagnostic, status=told.status, provider=told.server)
    return Recipient.judged(address, verdict) if verdict.evidence else _unexplained(address)


def _disposition(mail: _Mail, about: About) -> Report | None:
    """Receipts (RFC 8098): a mail that was shown or deleted had arrived, unless its server says it turned the mail away."""
    if "disposition" not in mail.fields:
        return None
    fields = mail.fields["disposition"]
    found = _READ.search(fields)
    how = found[0].casefold() if found else ""
    if "deleted" in how and "automatic" in how and (told := _notice(mail, about)):
        return told
    told_of = status.notification_of(fields).told
    address = told_of[0].address if told_of else ""
    return Report(
        "delivered",
        (Recipient(address, "delivered", "", "the recipient's program sent a receipt", (how[:120],)),),
        about,
    )


def _notice(mail: _Mail, about: About) -> Report | None:
    if not notice.is_notice(mail.whole, mail.words):
        return None
    failed = unique(each for value in mail.whole.all("x-failed-recipients") for each in addresses_in(value))
    if failed:
        said = notice.passages_about(mail.words, failed)
        named = tuple(notice.Named(each, said[each.casefold()]) for each in failed)
    else:
        named = notice.named_in(mail.words, _ours(mail)) or _from_the_copy(mail)
    late = notice.is_warning(mail.words)
    return Report("bounce", tuple(_judged(each, mail, late=late, alone=len(named) == 1) for each in named), about)


def _from_the_copy(mail: _Mail) -> tuple[notice.Named, ...]:
    address = notice.returned_recipient(mail.copy) if mail.copy else ""
    return (notice.Named(address, ""),) if address else ()


def _judged(named: notice.Named, mail: _Mail, *, late: bool, alone: bool) -> Recipient:
    if late:
        return Recipient(named.address, SOFT, "", "the mail is late, and the server still tries", ())
    for text in (named.passage, mail.words if alone else ""):
        if verdict := verdict_in_words(_naming_us(text, mail, named.address), code=_FOR_GOOD):
            return Recipient.judged(named.address, verdict)
    verdict = verdict_of(named.passage or mail.words)
    return Recipient.judged(named.address, verdict) if verdict.evidence else _unexplained(named.address)


def _naming_us(text: str, mail: _Mail, recipient: str) -> str:
    """Say of our own addresses that they are the sender's: `verification failed for <ours>: unknown user` is about us."""
    values = mail.whole.all("to", "delivered-to")
    returned = mail.copy.all("from", "return-path") if mail.copy else []
    ours = unique(each for value in (*values, *returned) for each in addresses_in(value))
    written = [re.escape(each) for each in ours[:10] if each.casefold() != recipient.casefold() and each in text]
    return re.sub("|".join(written), "sender address", text) if written else text


def _unexplained(address: str) -> Recipient:
    return Recipient(address, "unknown", "", "the report does not say why", ())


def _ours(mail: _Mail) -> frozenset[str]:
    """Addresses that are no recipients: where the report went to and came from, and who sent the mail that came back."""
    values = mail.whole.all("to", "cc", "delivered-to", "from", "reply-to", "sender")
    returned = mail.copy.all("from", "return-path", "reply-to", "sender") if mail.copy else []
    return frozenset(each.casefold() for value in (*values, *returned) for each in addresses_in(value))


def _from_a_server(whole: Part) -> bool:
    return bool(whole.header("x-failed-recipients")) or notice.is_a_servers(whole)
