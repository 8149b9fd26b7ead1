"""Signing mail: how many a second on one core, beside writing it alone and beside dkimpy's own signatures."""

import time
from collections.abc import Callable

import dkim as dkimpy  # type: ignore[import-untyped]  # it comes without types
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.smtp import DkimSigner
from connectors.smtp.signing import SIGNED
from engine.ports import Message
from engine.rendering.mime import as_bytes

NOW = 1_767_607_200_000_000
ROUNDS = 3


def a_mail() -> Message:
    """Return a mail of about 20 kB, as a template with a table of goods makes it."""
    return Message(
        effect_id="0123456789abcdef0123456789abcdef",
        message_id="<0123456789abcdef0123456789abcdef@shop.example>",
        sender_name="Lädchen",
        sender_address="hallo@shop.example",
        recipient="ada@example.org",
        subject="Wir haben Sie vermisst: Grüße aus dem Lädchen",
        text="Hallo Ada, schön, dass Sie wieder hereinschauen.\n" * 40,
        html="<tr><td style='padding:8px'>Kaffee, geröstet</td><td>9,90 €</td></tr>\n" * 220,
        headers={
            "List-Unsubscribe": "<https://mail.shop.example/u/" + "t" * 300 + ">",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            "List-Id": "<marketing.shop.example>",
        },
        not_after=0,
    )


def rate(work: Callable[[], object], seconds: float = 1.0) -> float:
    """Return how often a second of this process's time something can be done: the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        begun, times = time.process_time(), 0
        while time.process_time() - begun < seconds:
            work()
            times += 1
        best = max(best, times / (time.process_time() - begun))
    return best


def main() -> None:
    """Measure and print."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    edwards = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    mail = a_mail()
    raw = as_bytes(mail, NOW)
    by_rsa, by_ed25519 = DkimSigner("k1", "shop.example", pem), DkimSigner("k1", "shop.example", edwards)
    relaxed = (b"relaxed", b"relaxed")
    rows: dict[str, Callable[[], object]] = {
        "written alone": lambda: as_bytes(mail, NOW),
        "signed, RSA 2048": lambda: by_rsa(raw, NOW),
        "signed, Ed25519": lambda: by_ed25519(raw, NOW),
        "dkimpy alone, RSA 2048": lambda: dkimpy.sign(
            raw, b"k1", b"shop.example", pem, canonicalize=relaxed, include_headers=list(SIGNED)
        ),
    }
    print(f"one mail of {len(raw):,} bytes; the best of {ROUNDS}")
    for name, work in rows.items():
        found = rate(work)
        print(f"{name:24}{found:>10,.0f} mails/s{1_000 / found:>8.2f} ms each")


if __name__ == "__main__":
    main()
