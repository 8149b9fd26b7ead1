"""Reports as mail servers write them: the form of each from its documentation, around a reply.

A form is a function of the recipient, their host and the reply's lines; it returns a whole mail, our own given back in it.
"""

import re
from collections.abc import Callable

OURS = "e7f3a9c2.Y3VzdG9tZXItMQ.dGFnLXRhZw@shop.example"
"""The Message-ID of the mail that came back."""

SENT_FROM = "b+mfrggzdfmy4q@bounces.shop.example"
"""Its envelope sender, to which reports go."""

_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]\d)")


def status_of(reply: str) -> str:
    """Return the status a server puts beside a reply: the one in it, else that of its class."""
    found = _STATUS.search(reply)
    if found:
        return found[1]
    return "4.0.0" if re.match(r"4\d\d", reply) else "5.0.0"


def headers(to: str) -> str:
    """Return the headers of our mail."""
    return (
        f"Return-Path: <{SENT_FROM}>\nReceived: from out.shop.example (out.shop.example [192.0.2.10])\n\tby mx.relay.example;"
        f" Mon, 23 Nov 2026 09:00:00 +0000\nFrom: The shop <news@shop.example>\nTo: <{to}>\nSubject: We have kept your basket\n"
        f"Message-ID: <{OURS}>\nX-Winback-Message-ID: {OURS}\nList-Unsubscribe: <https://shop.example/u/x>\n"
        "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
    )


def mail(sender: str, subject: str, body: str, more: str = "Content-Type: text/plain; charset=utf-8\n") -> bytes:
    """Return a report as it comes in."""
    return (
        f"Return-Path: <>\nDelivered-To: {SENT_FROM}\nFrom: {sender}\nTo: {SENT_FROM}\nSubject: {subject}\n"
        f"Date: Mon, 23 Nov 2026 09:00:05 +0000\nMessage-ID: <20261123090005.1@mx.relay.example>\nMIME-Version: 1.0\n{more}\n{body}"
    ).encode()


def dsn(
    words: str, fields: str, to: str, *, copy: str = "message/rfc822", reporting: str = "mx.relay.example"
) -> tuple[str, str]:
    """Return the body of a DSN and the header that declares it."""
    given_back = headers(to) + (
        "" if copy == "text/rfc822-headers" else "\nHello Ada, the user unknown to us is full of spam.\n"
    )
    body = (
        f"This is a MIME-encapsulated message.\n\n--=_b\nContent-Type: text/plain; charset=utf-8\n\n{words}\n\n--=_b\n"
        f"Content-Type: message/delivery-status\n\nReporting-MTA: dns; {reporting}\nArrival-Date: Mon, 23 Nov 2026 09:00:00 +0000\n\n"
        f"{fields}\n\n--=_b\nContent-Type: {copy}\n\n{given_back}\n--=_b--\n"
    )
    return body, 'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="=_b"\n'


def _fields(to: str, host: str, reply: list[str], kind: str = "smtp") -> str:
    joined = " ".join(reply)
    remote = f"Remote-MTA: dns; {host}\n" if kind == "smtp" else ""
    return f"Final-Recipient: rfc822; {to}\nOriginal-Recipient: rfc822;{to}\nAction: failed\nStatus: {status_of(joined)}\n{remote}Diagnostic-Code: {kind}; {joined}"


def postfix(to: str, host: str, reply: list[str]) -> bytes:
    """Postfix, the remote server's words in its own."""
    words = (
        "This is the mail system at host mx.relay.example.\n\nI'm sorry to have to inform you that your message could not\nbe delivered"
        " to one or more recipients. It's attached below.\n\nFor further assistance, please send mail to postmaster.\n\nIf you do so, please"
        " include this problem report. You can\ndelete your own text from the attached returned message.\n\n                   The mail system\n\n"
        f"<{to}>: host {host}[192.0.2.7] said: {' '.join(reply)}"
    )
    body, more = dsn(words, _fields(to, host, reply), to)
    return mail(
        "MAILER-DAEMON@mx.relay.example (Mail Delivery System)",
        "Undelivered Mail Returned to Sender",
        body,
        f"Auto-Submitted: auto-replied\n{more}",
    )


def postfix_local(to: str, host: str, reply: list[str]) -> bytes:
    """Postfix in its own words; a reply begins with the status."""
    status, _, said = " ".join(reply).partition(" ")
    fields = f"Final-Recipient: rfc822; {to}\nAction: failed\nStatus: {status}\nDiagnostic-Code: X-Postfix; {said}"
    body, more = dsn(
        f"This is the mail system at host {host}.\n\n<{to}>: {said}", fields, to, copy="text/rfc822-headers"
    )
    return mail(
        "MAILER-DAEMON@mx.relay.example (Mail Delivery System)",
        "Undelivered Mail Returned to Sender",
        body,
        f"Auto-Submitted: auto-replied\n{more}",
    )


def exim(to: str, host: str, reply: list[str]) -> bytes:
    """Exim's plain text, as it was for decades and still is where DSN is off."""
    said = "\n".join(f"    {line}" for line in reply)
    remote = (
        f"    host {host} [192.0.2.7]\n    SMTP error from remote mail server after RCPT TO:<{to}>:\n"
        if reply[0][:1] in "45"
        else ""
    )
    words = (
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more"
        f" of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  {to}\n{remote}{said}\n\n"
        f"------ This is a copy of the message, including all the headers. ------\n\n{headers(to)}\nHello Ada, spam, quota exceeded, no such user.\n"
    )
    more = f"X-Failed-Recipients: {to}\nAuto-Submitted: auto-replied\nContent-Type: text/plain; charset=utf-8\n"
    return mail(
        "Mail Delivery System <Mailer-Daemon@mx.relay.example>",
        "Mail delivery failed: returning message to sender",
        words,
        more,
    )


def exim_dsn(to: str, host: str, reply: list[str]) -> bytes:
    """Exim's DSN."""
    words = (
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more"
        f" of its\nrecipients. This is a permanent error. The following address(es) failed:\n\n  {to}\n    host {host} [192.0.2.7]\n"
        f"    SMTP error from remote mail server after RCPT TO:<{to}>:\n" + "\n".join(f"    {line}" for line in reply)
    )
    fields = f"Action: failed\nFinal-Recipient: rfc822;{to}\nStatus: 5.0.0\nRemote-MTA: dns; {host}\nDiagnostic-Code: smtp; {' '.join(reply)}"
    body, more = dsn(words, fields, to)
    return mail(
        "Mail Delivery System <Mailer-Daemon@mx.relay.example>",
        "Mail delivery failed: returning message to sender",
        body,
        more,
    )


def qmail(to: str, host: str, reply: list[str]) -> bytes:  # noqa: ARG001 - all forms are called alike
    """qmail-send, the remote server's words in its own."""
    said = "\n".join(reply)
    return _qmail(to, f"192.0.2.7 does not like recipient.\nRemote host said: {said}\nGiving up on 192.0.2.7.")


def qmail_local(to: str, host: str, reply: list[str]) -> bytes:  # noqa: ARG001 - all forms are called alike
    """qmail-send in its own words."""
    return _qmail(to, "\n".join(reply))


def _qmail(to: str, said: str) -> bytes:
    words = (
        "Hi. This is the qmail-send program at mx.relay.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n"
        f"This is a permanent error; I've given up. Sorry it didn't work out.\n\n<{to}>:\n{said}\n\n"
        f"--- Below this line is a copy of the message.\n\n{headers(to)}\nHello Ada\n"
    )
    return mail("MAILER-DAEMON@mx.relay.example", "failure notice", words, "")


def sendmail(to: str, host: str, reply: list[str]) -> bytes:
    """Sendmail's DSN with the transcript of the session."""
    words = (
        "The original message was received at Mon, 23 Nov 2026 09:00:00 GMT\nfrom out.shop.example [192.0.2.10]\n\n"
        f"   ----- The following addresses had permanent fatal errors -----\n<{to}>\n    (reason: {reply[0]})\n\n"
        f"   ----- Transcript of session follows -----\n... while talking to {host}.:\n>>> RCPT To:<{to}>\n"
        + "".join(f"<<< {line}\n" for line in reply)
    )
    body, more = dsn(words, _fields(to, host, reply), to)
    return mail(
        "Mail Delivery Subsystem <MAILER-DAEMON@mx.relay.example>",
        "Returned mail: see transcript for details",
        body,
        f"Auto-Submitted: auto-generated (failure)\n{more}",
    )


def exchange(to: str, host: str, reply: list[str]) -> bytes:
    """Exchange on a firm's own server: few words for people, the reply in the fields."""
    words = f"Delivery has failed to these recipients or groups:\n\n{to}<mailto:{to}>\n\nDiagnostic information for administrators:\n\nGenerating server: {host}\n\n{to}\n#{' '.join(reply)} ##"
    body, more = dsn(words, _fields(to, host, reply), to, reporting=host)
    return mail(
        "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@mail.example>",
        "Undeliverable: We have kept your basket",
        body,
        more,
    )


def microsoft(to: str, host: str, reply: list[str]) -> bytes:
    """Microsoft's hosted mail, speaking for a server beyond it."""
    said = " ".join(reply)
    words = (
        f"Your message to {to} couldn't be delivered.\n\nDelivery has failed to these recipients or groups:\n\n{to}\nYour message wasn't delivered."
        " Despite repeated attempts to contact the recipient's email system it didn't respond, or it said no.\n\nContact the recipient by some other"
        f" means (by phone, for example). For more tips to resolve this issue see the article.\n\nRemote server returned '{said}'"
    )
    body, more = dsn(words, _fields(to, host, reply), to, reporting="AM0PR01MB0001.eurprd01.prod.exchangelabs.com")
    return mail("postmaster@outlook.example", "Undeliverable: We have kept your basket", body, more)


def google(to: str, host: str, reply: list[str]) -> bytes:
    """Google's DSN; its words for people are the same whatever the reply."""
    said = " ".join(re.sub(r"^([45]\d\d)-", r"\1 ", line) for line in reply)
    words = f"\n** Message not delivered **\n\nYour message couldn't be delivered to {to} because the remote server is misconfigured. See technical details below for more information.\n\n\nThe response from the remote server was:\n\n{said}"
    body, more = dsn(
        words, _fields(to, host, [line.replace("\n", " ") for line in reply]), to, reporting="googlemail.com"
    )
    return mail(
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        body,
        f"X-Failed-Recipients: {to}\nAuto-Submitted: auto-replied\n{more}",
    )


def yahoo(to: str, host: str, reply: list[str]) -> bytes:  # noqa: ARG001 - all forms are called alike
    """Yahoo's plain text."""
    words = f"Sorry, we were unable to deliver your message to the following address.\n\n<{to}>:\n" + "\n".join(reply)
    return mail(
        "MAILER-DAEMON@yahoo.com",
        "Failure Notice",
        f"{words}\n\n--- Below this line is a copy of the message.\n\n{headers(to)}\nHello Ada\n",
        "",
    )


def kundenserver(to: str, host: str, reply: list[str]) -> bytes:
    """What 1&1, GMX and Web.de write for a server beyond them."""
    words = (
        "This message was created automatically by mail delivery software.\n\nA message that you sent could not be delivered to one or more of\nits"
        f" recipients. The following addresses failed:\n\n<{to}>\nSMTP error from remote server for RCPT TO command, host: {host} (192.0.2.7)"
        f" reason: {' '.join(reply)}\n\n\n--- The header of the original message is following. ---\n\n{headers(to)}"
    )
    return mail(
        '"Mail Delivery System" <mailer-daemon@kundenserver.example>',
        "Mail delivery failed: returning message to sender",
        words,
        "Content-Type: text/plain; charset=utf-8\n",
    )


def domino(to: str, host: str, reply: list[str]) -> bytes:  # noqa: ARG001 - all forms are called alike
    """IBM Domino's report."""
    said = " ".join(reply)
    words = f"Your message\n\n  Subject: We have kept your basket\n\nwas not delivered to:\n\n  {to}\n\nbecause:\n\n  {said}\n"
    fields = f"Final-Recipient: rfc822;{to}\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: X-Notes; {said}"
    body, more = dsn(words, fields, to)
    return mail("Postmaster@domino.example", f"DELIVERY FAILURE: {said[:60]}", body, more)


FORMS: dict[str, Callable[[str, str, list[str]], bytes]] = {
    "postfix": postfix,
    "postfix-local": postfix_local,
    "exim": exim,
    "exim-dsn": exim_dsn,
    "qmail": qmail,
    "qmail-local": qmail_local,
    "sendmail": sendmail,
    "exchange": exchange,
    "microsoft": microsoft,
    "google": google,
    "yahoo": yahoo,
    "gmx": kundenserver,
    "tonline": kundenserver,
    "domino": domino,
}
"""The forms by name. A server that is not here lets another speak for it: most replies reach us inside Postfix's or Exim's words."""
