"""Reports of every kind, and what is none."""

from base64 import b64encode

import pytest

from connectors.bounces import Report, read
from tests.connectors.bounces.servers import OURS, SENT_FROM, dsn, headers, mail, postfix

ADA, BEN, CAI = "ada@example.org", "ben@example.org", "cai@example.org"
DECLARED = 'Content-Type: multipart/report; report-type=delivery-status;\n\tboundary="=_b"\n'


def fields(to: str, action: str, status: str, diagnostic: str = "") -> str:
    """Return a recipient's block of a DSN."""
    said = f"\nDiagnostic-Code: smtp; {diagnostic}" if diagnostic else ""
    return f"Final-Recipient: rfc822; {to}\nAction: {action}\nStatus: {status}{said}"


def notified(*blocks: str) -> Report:
    """Read a DSN of some blocks."""
    body, more = dsn("See the attached report.", "\n\n".join(blocks), ADA)
    return read(mail("MAILER-DAEMON@mx.relay.example", "Delivery report", body, more))


def verdicts(report: Report) -> dict[str, str]:
    """Return the verdicts by address."""
    return {each.address: each.verdict for each in report.recipients}


# Notifications -------------------------------------------------------------------------------------------------------


def test_a_report_may_speak_of_several() -> None:
    """Each recipient has a verdict of their own, by their own block."""
    report = notified(
        fields(ADA, "failed", "5.1.1", "550 5.1.1 user unknown"),
        fields(BEN, "failed", "5.2.2", "552 5.2.2 mailbox full"),
        fields(CAI, "delayed", "4.4.1", "connection timed out"),
    )

    assert report.kind == "bounce"
    assert verdicts(report) == {ADA: "dead", BEN: "full", CAI: "soft"}


@pytest.mark.parametrize("action", ["delivered", "relayed", "expanded"])
def test_good_news_is_no_bounce(action: str) -> None:
    """What was delivered, relayed or expanded is told as delivered."""
    report = notified(fields(ADA, action, "2.1.5"))

    assert (report.kind, verdicts(report)) == ("delivered", {ADA: "delivered"})


def test_a_delay_is_soft_whatever_it_says() -> None:
    """A warning counts against nobody, even where the server's words sound final."""
    assert verdicts(notified(fields(ADA, "delayed", "4.0.0", "450 user unknown, not found, no such user"))) == {
        ADA: "soft"
    }


def test_blank_lines_may_be_missing_or_too_many() -> None:
    """The names of the fields divide recipients, since servers forget blank lines and put too many."""
    missing = fields(ADA, "failed", "5.1.1") + "\n" + fields(BEN, "failed", "5.2.2")
    too_many = f"Final-Recipient: rfc822; {ADA}\n\nAction: failed\n\nStatus: 5.1.1"

    assert verdicts(notified(missing)) == {ADA: "dead", BEN: "full"}
    assert verdicts(notified(too_many)) == {ADA: "dead"}


def test_the_original_recipient_goes_before_the_final_one() -> None:
    """Whom we wrote to is told, not whom a forwarding led to."""
    block = f"Final-Recipient: rfc822; elsewhere@example.net\nOriginal-Recipient: rfc822;{ADA}\nAction: failed\nStatus: 5.1.1"

    assert verdicts(notified(block)) == {ADA: "dead"}


def test_addresses_beyond_ascii() -> None:
    """RFC 6533: utf-8 addresses as they are and written with escapes, in parts named global."""
    block = "Final-Recipient: utf-8; j\\x{fc}rgen@b\\x{fc}cher.example\nAction: failed\nStatus: 5.1.1"
    body, more = dsn("Siehe Anhang.", block, ADA, copy="message/global-headers")
    raw = mail(
        "MAILER-DAEMON@mx.relay.example",
        "Report",
        body.replace("message/delivery-status", "message/global-delivery-status"),
        more,
    )

    assert verdicts(read(raw)) == {"jürgen@bücher.example": "dead"}


def test_the_fields_may_come_in_base64() -> None:
    """A part two in base64 is read, though it should not be so."""
    block = b64encode(fields(ADA, "failed", "5.1.1", "550 no such user").encode()).decode()
    body = f"--=_b\nContent-Type: text/plain\n\nNo.\n\n--=_b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n{block}\n\n--=_b--\n"

    assert verdicts(read(mail("MAILER-DAEMON@x.example", "Report", body, DECLARED))) == {ADA: "dead"}


def test_a_report_that_became_plain_text() -> None:
    """A gateway that makes one text of all parts loses nothing."""
    body, _ = dsn(f"<{ADA}>: no", fields(ADA, "failed", "5.1.1", "550 no such user"), ADA)
    report = read(mail("postmaster@x.example", "Undeliverable", body, "Content-Type: text/plain\n"))

    assert verdicts(report) == {ADA: "dead"}
    assert report.about.message_ids[0] == OURS


def test_a_boundary_that_is_not_there() -> None:
    """Where the declared boundary does not occur, the one that does is taken."""
    body, _ = dsn(f"<{ADA}>: no", fields(ADA, "failed", "5.1.1", "550 no such user"), ADA)

    for declared in ('Content-Type: multipart/report; boundary="other"\n', "Content-Type: multipart/report\n"):
        assert verdicts(read(mail("MAILER-DAEMON@x.example", "Undeliverable", body, declared))) == {ADA: "dead"}


def test_a_charset_that_lies() -> None:
    """Text in a charset that is not the claimed one, or not known at all, is read as what it is."""
    said = f"Der Empfänger existiert nicht:\n\n{ADA}\n   550 Empfänger unbekannt\n".encode("latin-1")
    for charset in ("utf-8", "x-unknown", "punycode", "us-ascii", "utf-7\0"):
        head = f"From: MAILER-DAEMON@x.example\nSubject: Unzustellbar\nContent-Type: text/plain; charset={charset}\n\n"
        assert verdicts(read(head.encode() + said)) == {ADA: "dead"}, charset


def test_a_report_without_its_fields_is_read_by_its_words() -> None:
    """Where part two is missing or names nobody, the words for people are read."""
    body = f"--=_b\nContent-Type: text/plain\n\nYour mail could not be delivered.\n\n<{ADA}>: 550 5.1.1 no such user\n\n--=_b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x.example\n\n--=_b--\n"

    assert verdicts(read(mail("MAILER-DAEMON@x.example", "Undeliverable", body, DECLARED))) == {ADA: "dead"}


def test_a_report_passed_on_by_a_person() -> None:
    """A bounce that somebody forwards as an attachment is the bounce."""
    inner = postfix(ADA, "mx.example.org", ["550 5.1.1 user unknown"]).decode()
    body = f"--=_f\nContent-Type: text/plain\n\nHave a look at this.\n\n--=_f\nContent-Type: message/rfc822\n\n{inner}\n--=_f--\n"
    report = read(mail("Eve <eve@shop.example>", "Fwd: mail", body, 'Content-Type: multipart/mixed; boundary="=_f"\n'))

    assert (report.kind, verdicts(report)) == ("bounce", {ADA: "dead"})
    assert report.about.message_ids[0] == OURS


def test_a_wrapped_address_is_unwrapped() -> None:
    """Addresses that servers have signed or rewritten (BATV, SRS) are those within."""
    for wrapped in (f"prvs=1234abcdef={ADA}", "SRS0=abcd=AB=example.org=ada@forwarder.example"):
        assert verdicts(notified(fields(wrapped, "failed", "5.1.1"))) == {ADA: "dead"}


def test_the_envelope_id_is_given_back() -> None:
    """Original-Envelope-Id is told, where a server gives it."""
    body, more = dsn("No.", fields(ADA, "failed", "5.1.1"), ADA)
    raw = mail(
        "MAILER-DAEMON@x.example",
        "No",
        body.replace("Arrival-Date", "Original-Envelope-Id: QQ314159\nArrival-Date"),
        more,
    )

    assert read(raw).about.envelope_id == "QQ314159"


def test_a_verdict_without_a_word_is_unknown() -> None:
    """A report that gives no reason at all counts as unknown."""
    assert verdicts(notified(f"Final-Recipient: rfc822; {ADA}\nAction: failed")) == {ADA: "unknown"}


# Complaints ----------------------------------------------------------------------------------------------------------


def complained(kind: str, named: str = f"Original-Rcpt-To: <{ADA}>\n", to: str = ADA) -> Report:
    """Read a feedback report (RFC 5965)."""
    body = f"--=_b\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n--=_b\nContent-Type: message/feedback-report\n\nFeedback-Type: {kind}\nUser-Agent: Loop/1.0\nVersion: 1\n{named}\n--=_b\nContent-Type: message/rfc822\n\n{headers(to)}\nHello\n\n--=_b--\n"
    return read(
        mail(
            "fbl@provider.example",
            "FW: We have kept your basket",
            body,
            'Content-Type: multipart/report; report-type=feedback-report; boundary="=_b"\n',
        )
    )


@pytest.mark.parametrize("kind", ["abuse", "opt-out", "fraud", "other"])
def test_a_complaint(kind: str) -> None:
    """Whoever calls a mail spam, or wants no more, objects; the mail they mean is told."""
    report = complained(kind)

    assert (report.kind, verdicts(report)) == ("complaint", {ADA: "complaint"})
    assert report.about.message_ids[0] == OURS
    assert SENT_FROM in report.about.envelope_recipients


def test_a_complaint_without_an_address() -> None:
    """Where the provider leaves the address out, the returned mail's recipient is taken, else the complaint stands without."""
    assert verdicts(complained("abuse", "")) == {ADA: "complaint"}
    assert verdicts(complained("abuse", "", to="undisclosed-recipients:;")) == {"": "complaint"}


@pytest.mark.parametrize("kind", ["not-spam", "auth-failure", "virus", "dmarc"])
def test_what_is_no_customers_word_is_no_complaint(kind: str) -> None:
    """A mail taken out of the spam folder, and reports of failed authentication, object to nothing."""
    report = complained(kind)

    assert (report.kind, report.recipients) == ("other", ())


def test_a_complaint_of_no_standard() -> None:
    """Microsoft's older reports name the recipient in a header of the returned mail."""
    inner = f"X-HmXmrOriginalRecipient: {ADA}\n{headers('undisclosed-recipients:;')}\nHello\n"
    body = f"--=_b\nContent-Type: message/rfc822\n\n{inner}\n--=_b--\n"

    report = read(
        mail(
            "staff@hotmail.example", "complaint about message", body, 'Content-Type: multipart/mixed; boundary="=_b"\n'
        )
    )
    assert verdicts(report) == {ADA: "complaint"}


# Notices in words ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sender", "subject", "body", "verdict"),
    [
        (
            "MAILER-DAEMON@x.example",
            "failure notice",
            f"<{ADA}>:\nSorry, no mailbox here by that name. (#5.1.1)\n",
            "dead",
        ),
        (
            "Postmaster@x.example",
            "Unzustellbar: Hallo",
            f"Ihre Nachricht konnte nicht zugestellt werden:\n\n{ADA}\nPostfach voll\n",
            "full",
        ),
        (
            "postmaster@x.example",
            "Échec de la remise",
            f"Votre message n'a pas pu être remis à {ADA}\nutilisateur inconnu\n",
            "dead",
        ),
        (
            "postmaster@x.example",
            "エラー通知",
            f"次の宛先に配信できません:\n\n<{ADA}>\nメールアドレスは存在しません\n",
            "dead",
        ),
        (
            "postmaster@x.example",
            "No entregado",
            f"No se pudo entregar su mensaje a:\n{ADA}\nEl usuario no existe\n",
            "dead",
        ),
        (
            "Mail Delivery System <>",
            "Warning: message delayed",
            f"Your message to:\n  {ADA}\nhas not yet been delivered. No such user\n",
            "soft",
        ),
        (
            "MAILER-DAEMON@x.example",
            "Returned mail",
            f"Failed recipient: {ADA}\nReason: Remote host said: 550 unknown user\n",
            "dead",
        ),
        ("MAILER-DAEMON@x.example", "Delivery failure", f"Could not deliver to {ADA}.\n", "unknown"),
        ("postmaster@x.example", "Failure", f"Delivery to the following recipients failed.\n\n   {ADA}\n", "unknown"),
        ("postmaster@x.example", "Failure", f"The following recipients cannot be reached:\n\n   {ADA}\n", "unknown"),
        ("postmaster@x.example", "Failure", f"Delivery failed; the address may not exist:\n\n   {ADA}\n", "unknown"),
        (
            "mailer-daemon@x.example",
            "Failure",
            f"Your message wasn't delivered to {ADA} because the address couldn't be found, or is unable to receive mail.",
            "dead",
        ),
        ("MAILER-DAEMON@x.example", "Undeliverable", f"<{ADA}>: connection refused by mx.example.org\n", "soft"),
    ],
)
def test_notices_in_plain_words(sender: str, subject: str, body: str, verdict: str) -> None:
    """What follows no standard is read by who writes, the words of failure, and what stands beside the address."""
    report = read(mail(sender, subject, f"{body}\n--- Below this line is a copy of the message.\n\n{headers(ADA)}"))

    assert report.kind == "bounce"
    assert verdicts(report) == {ADA: verdict}
    assert report.about.message_ids[0] == OURS


def test_addresses_that_are_nobodys() -> None:
    """The postmaster to ask, our own addresses and the returned mail's are no recipients."""
    body = f"Could not deliver your message.\n\n{ADA}\n  550 no such user\n\nFor help contact help@x.example or write to postmaster@x.example.\nFrom: news@shop.example\n\n----- Original message -----\n{headers(ADA)}\nbogus@example.net\n"

    assert verdicts(read(mail("MAILER-DAEMON@x.example", "Undeliverable", body))) == {ADA: "dead"}


def test_a_notice_that_names_nobody_is_of_whom_the_mail_was_for() -> None:
    """Where a server names nobody, the returned mail's one recipient is meant."""
    body = f"The recipient's mailbox is full.\nYour mail could not be delivered.\n\n----- Original message follows -----\n{headers(ADA)}"

    assert verdicts(read(mail("MAILER-DAEMON@x.example", "Undeliverable", body))) == {ADA: "full"}


def test_page_like_notices() -> None:
    """A notice in HTML alone is read as the text it shows."""
    page = f"<html><head><style>p {{ color: full }}</style></head><body><p>Could not be delivered to:</p><p>&lt;{ADA}&gt;<br>550 no such user</p></body></html>"

    assert verdicts(
        read(mail("MAILER-DAEMON@x.example", "Undeliverable", page, "Content-Type: text/html; charset=utf-8\n"))
    ) == {ADA: "dead"}


# People and programs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "subject", "body"),
    [
        ("Auto-Submitted: auto-replied\n", "Re: basket", "I have left the company."),
        ("X-Autoreply: yes\n", "Re: basket", "Later."),
        ("Precedence: auto_reply\n", "Re: basket", "Later."),
        ("", "Automatische Antwort: Wir haben Ihren Warenkorb", "Ich bin bis Montag im Urlaub."),
        ("", "Out of Office: basket", "Back on Monday."),
        ("", "Réponse automatique : panier", "Je suis absente."),
        ("", "Re: basket", "I am currently out of the office until Monday."),
        ("", "Please confirm your message", "To deliver your message, please confirm that you are a person."),
        ("Auto-Submitted: auto-generated (vacation)\n", "Urlaub", "No such user unknown, mailbox full."),
    ],
)
def test_automatic_answers(more: str, subject: str, body: str) -> None:
    """Vacation notes, receipts and questions whether one is a person are nobody's word, and name no recipients."""
    report = read(mail(f"Ada <{ADA}>", subject, body, f"{more}In-Reply-To: <{OURS}>\nContent-Type: text/plain\n"))

    assert (report.kind, report.recipients) == ("auto_reply", ())
    assert OURS in report.about.message_ids


@pytest.mark.parametrize(
    "quoted",
    [
        "\n\nOn Mon, 23 Nov 2026 at 10:00, The shop <news@shop.example> wrote:\n> Unsubscribe here\n",
        "\n\nAm 23.11.2026 um 10:00 schrieb The shop <news@shop.example>:\n\n> abmelden\n> Werbung\n",
        "\n\nAm Mo., 23. Nov. 2026 um 10:00 Uhr schrieb The shop <\nnews@shop.example>:\n\n> abmelden\n",
        "\n\nLe lun. 23 nov. 2026 à 10:00, The shop <news@shop.example> a écrit :\n> se désabonner\n",
        "\n\n-----Ursprüngliche Nachricht-----\nVon: The shop\nabmelden\n",
        "\n\n________________________________\nFrom: The shop <news@shop.example>\nSent: Monday\nunsubscribe\n",
        "\n\nVon: The shop <news@shop.example>\nGesendet: Montag\nabmelden\n",
        "\n\nVon meinem iPhone gesendet\n\n> abmelden\n",
        "\n-- \nAda\nunsubscribe from my signature\n",
    ],
)
def test_a_persons_own_words(quoted: str) -> None:
    """What a person says is told without what they quote, whose `abmelden` is ours."""
    report = read(
        mail(
            f"Ada <{ADA}>",
            "Re: We have kept your basket",
            f"Wann kommt mein Paket?\nDanke{quoted}",
            f"References: <{OURS}>\n",
        )
    )

    assert (report.kind, report.text) == ("other", "Wann kommt mein Paket?\nDanke")
    assert report.about.message_ids == (OURS,)


def test_a_persons_words_in_html() -> None:
    """Of a page, what comes before the quote is theirs."""
    page = '<div>Bitte keine Werbung mehr!</div><div class="gmail_quote">On Monday The shop wrote:<blockquote>abmelden</blockquote></div>'

    report = read(mail(f"Ada <{ADA}>", "Re: basket", page, "Content-Type: text/html; charset=utf-8\n"))

    assert (report.kind, report.text) == ("other", "Bitte keine Werbung mehr!")


def test_people_who_speak_of_failed_mail_are_people() -> None:
    """A question about a mail that did not arrive is no bounce, nor is an order that holds the words."""
    for body in (
        "My order could not be delivered to my address, user unknown says the carrier.",
        "Is your mailbox full?",
    ):
        report = read(mail(f"Ada <{ADA}>", "Where is my order", body))
        assert (report.kind, report.text) == ("other", body)


def test_mail_to_a_list_is_other() -> None:
    """A newsletter that reaches our mailbox is nothing to act on."""
    report = read(
        mail("List <list@example.org>", "News", "Hello all", "List-Id: <news.example.org>\nPrecedence: list\n")
    )

    assert (report.kind, report.recipients) == ("other", ())


def test_a_receipt_is_good_news() -> None:
    """A program that says it showed the mail (RFC 8098) says it arrived; a server that turned it away by one says no."""

    def receipt(disposition: str, words: str) -> Report:
        body = f"--=_b\nContent-Type: text/plain\n\n{words}\n\n--=_b\nContent-Type: message/disposition-notification\n\nFinal-Recipient: rfc822; {ADA}\nOriginal-Message-ID: <{OURS}>\nDisposition: {disposition}\n\n--=_b--\n"
        return read(
            mail(
                "Mail System <postmaster@example.org>",
                "Automatically rejected mail",
                body,
                'Content-Type: multipart/report; report-type=disposition-notification; boundary="=_b"\n',
            )
        )

    shown = receipt("manual-action/MDN-sent-manually; displayed", "Your message was displayed.")
    turned_away = receipt(
        "automatic-action/MDN-sent-automatically; deleted",
        f"Your message to <{ADA}> was automatically rejected:\nQuota exceeded",
    )

    assert (shown.kind, verdicts(shown)) == ("delivered", {ADA: "delivered"})
    assert (turned_away.kind, verdicts(turned_away)) == ("bounce", {ADA: "full"})
    assert shown.about.message_ids == turned_away.about.message_ids == (OURS,)
