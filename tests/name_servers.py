"""For tests that look at the world as receivers do: a small real DNS server, and mails signed with a real key."""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dkim  # type: ignore[import-untyped]  # it comes without types
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

from engine.wiring.preflight.dns import DnsResolver

COVERED = (b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post")


@dataclass
class NameServer:
    """Answers for the names it was given; `failing` ones end in SERVFAIL, all others do not exist."""

    records: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    port: int = 0

    def has(self, name: str, kind: str, *values: str) -> None:
        """Give a name records of a kind; TXT values longer than 255 letters are cut into pieces, as they must be."""
        self.records[name.casefold(), kind] = [_txt(value) if kind == "TXT" else value for value in values]

    @property
    def resolver(self) -> DnsResolver:
        """A resolver that asks this server alone."""
        return DnsResolver([f"127.0.0.1:{self.port}"])

    def answer(self, wire: bytes) -> bytes:
        """Answer one question."""
        query = dns.message.from_wire(wire)
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        question = query.question[0]
        name, kind = str(question.name).rstrip(".").casefold(), dns.rdatatype.to_text(question.rdtype)
        if name in self.failing:
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif found := self.records.get((name, kind)):
            reply.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *found))
        elif not any(known == name for known, _ in self.records):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        return reply.to_wire()


def _txt(value: str) -> str:
    return " ".join(f'"{value[at : at + 255]}"' for at in range(0, len(value), 255))


@contextmanager
def name_server() -> Iterator[NameServer]:
    """Run a name server on loopback."""
    server = NameServer()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        server.port = listening.getsockname()[1]
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                wire, asker = listening.recvfrom(4_096)
                if wire:
                    listening.sendto(server.answer(wire), asker)

        thread = threading.Thread(target=serve)
        thread.start()
        yield server
        over.set()
        listening.sendto(b"", ("127.0.0.1", server.port))
        thread.join()


@dataclass
class Signer:
    """Signs mails with a real key, whose public half `record` publishes."""

    private: bytes
    record: str

    def sign(
        self, mail: bytes, domain: str = "kaffee.de", selector: str = "k1", covered: tuple[bytes, ...] = COVERED
    ) -> bytes:
        """Return the mail with its signature in front."""
        made: bytes = dkim.sign(mail, selector.encode(), domain.encode(), self.private, include_headers=list(covered))
        return made + mail


def a_signer(folder: Path, bits: int = 2_048) -> Signer:
    """Make a key of so many bits."""
    key = folder / f"{bits}.pem"
    openssl = ["openssl"]
    subprocess.run([*openssl, "genrsa", "-traditional", "-out", key, str(bits)], check=True, capture_output=True)
    public = subprocess.run([*openssl, "rsa", "-in", key, "-pubout"], check=True, capture_output=True).stdout.decode()
    return Signer(key.read_bytes(), "v=DKIM1; k=rsa; p=" + re.sub(r"-----[A-Z ]+-----|\s", "", public))


def a_mail(sender: str = "hallo@kaffee.de", *, without: str = "", through: str = "203.0.114.7") -> bytes:
    """Return a marketing mail of ours as somebody else's server received it, without a signature."""
    lines = [
        f"Received: from mail.kaffee.de (mail.kaffee.de [{through}]) by mx.elsewhere.example with ESMTPS id 1",
        "Received: from localhost (localhost [127.0.0.1]) by mail.kaffee.de with ESMTP id 2",
        f"From: Kaffee <{sender}>",
        "To: ada@elsewhere.example",
        "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
        "Date: Sun, 22 Nov 2026 10:00:00 +0000",
        "Message-ID: <1@kaffee.de>",
        "List-Unsubscribe: <https://mail.kaffee.de/u/abc>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    ]
    kept = [line for line in lines if not without or not line.startswith(f"{without}:")]
    return ("\r\n".join([*kept, "", "Hallo!", ""])).encode()
