"""Mails damaged in the ways that lines, programs and enemies damage them, by a seeded chance."""

from collections.abc import Callable
from random import Random

Mutation = Callable[[Random, bytes], bytes]

_CHARSETS = (
    "utf-7",
    "utf-16",
    "punycode",
    "idna",
    "x-none",
    "rot13",
    "\0",
    "iso-2022-jp",
    "unicode_escape",
    "=?",
    "hz",
    "utf-8" * 40,
)
_TOKENS = (
    b"\r\n",
    b"\n\n",
    b"--=_b\n",
    b"--=_b--\n",
    b"=?utf-8?b?",
    b"?=",
    b"@",
    b"<",
    b">",
    b"5.1.1 ",
    b"550-",
    b"Final-Recipient: rfc822; ",
    b"\0",
    b"\xff\xfe",
    b"\r",
    b";",
    b'"',
    b"=",
    b"From x Mon Jan 1\n",
    b"Content-Type: multipart/mixed; boundary==_b\n\n",
    b"Subject: ",
)


def _flipped(chance: Random, raw: bytes) -> bytes:
    changed = bytearray(raw)
    for _ in range(chance.randint(1, 40)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(chance: Random, raw: bytes) -> bytes:
    return raw[: chance.randrange(len(raw))]


def _piece_taken_out(chance: Random, raw: bytes) -> bytes:
    begin = chance.randrange(len(raw))
    return raw[:begin] + raw[begin + chance.randint(1, 400) :]


def _piece_repeated(chance: Random, raw: bytes) -> bytes:
    begin = chance.randrange(len(raw))
    piece = raw[begin : begin + chance.randint(1, 60)]
    return raw[:begin] + piece * chance.randint(2, 200) + raw[begin:]


def _token_strewn(chance: Random, raw: bytes) -> bytes:
    for _ in range(chance.randint(1, 12)):
        place = chance.randrange(len(raw))
        raw = raw[:place] + chance.choice(_TOKENS) + raw[place:]
    return raw


def _lines_shuffled(chance: Random, raw: bytes) -> bytes:
    lines = raw.split(b"\n")
    chance.shuffle(lines)
    return b"\n".join(lines)


def _charset_changed(chance: Random, raw: bytes) -> bytes:
    return raw.replace(b"charset=utf-8", b"charset=" + chance.choice(_CHARSETS).encode())


def _encoding_claimed(chance: Random, raw: bytes) -> bytes:
    claimed = (
        b"\nContent-Transfer-Encoding: "
        + chance.choice((b"base64", b"quoted-printable", b"x-uuencode", b"8bit"))
        + b"\nContent-Type:"
    )
    return raw.replace(b"\nContent-Type:", claimed, chance.randint(1, 3))


def _line_endings(chance: Random, raw: bytes) -> bytes:
    return raw.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b"\n\r")))


def _giant_header(chance: Random, raw: bytes) -> bytes:
    name = chance.choice((b"To", b"References", b"Subject", b"Content-Type", b"X-Failed-Recipients", b"Auto-Submitted"))
    filling = chance.choice((b"a@b.example, ", b"<x@y>", b"=?utf-8?q?a?= ", b"x", b'; a="b"', b"\n ", b"auto "))
    return name + b": " + filling * chance.randint(100, 20_000) + b"\n" + raw


def _giant_line(chance: Random, raw: bytes) -> bytes:
    filling = chance.choice(
        (b"a", b"a.", b"@", b"a@", b"<", b"5.1.1", b"not ", b"user ", b"=", b"-", b" ", b"&lt;", b"\xe4", b"schrieb ")
    )
    place = chance.randrange(len(raw))
    return raw[:place] + filling * (chance.randint(1_000, 200_000) // len(filling)) + raw[place:]


def _nested(chance: Random, raw: bytes) -> bytes:
    for depth in range(chance.randint(2, 300)):
        mark = b"n%d" % (depth if chance.random() < 0.7 else 0)
        raw = b"Content-Type: multipart/mixed; boundary=" + mark + b"\n\n--" + mark + b"\n" + raw
    return raw


def _many_parts(chance: Random, raw: bytes) -> bytes:
    return b"Content-Type: multipart/mixed; boundary=m\n\n" + (b"--m\n\n" + raw[:200]) * chance.randint(10, 2_000)


def _wrapped(chance: Random, raw: bytes) -> bytes:
    for _ in range(chance.randint(1, 40)):
        raw = b"Content-Type: message/rfc822\n\n" + raw
    return raw


def _rubbish(chance: Random, raw: bytes) -> bytes:
    return raw[: chance.randrange(200)] + chance.randbytes(chance.randint(0, 5_000))


MUTATIONS: tuple[Mutation, ...] = (
    _flipped,
    _cut,
    _piece_taken_out,
    _piece_repeated,
    _token_strewn,
    _lines_shuffled,
    _charset_changed,
    _encoding_claimed,
    _line_endings,
    _giant_header,
    _giant_line,
    _nested,
    _many_parts,
    _wrapped,
    _rubbish,
)


def mutated(chance: Random, raw: bytes) -> bytes:
    """Return a mail with one to three mutations after another."""
    for _ in range(chance.randint(1, 3)):
        raw = chance.choice(MUTATIONS)(chance, raw or b"x")
    return raw
