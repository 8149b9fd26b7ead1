"""Signatures of SES's requests, against the vectors that AWS has published for Signature Version 4."""

from __future__ import annotations

import pytest

from connectors.mail_services.sigv4 import Credentials, authorization
from engine.core.moments import SECOND

SUITE = Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "us-east-1", "service")
NOW = 1_440_938_160 * SECOND  # 20150830T123600Z
BASE = {"Host": "example.amazonaws.com", "X-Amz-Date": "20150830T123600Z"}
FORM = {**BASE, "Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "signature"),
    [
        ("GET", "/", BASE, b"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", BASE, b"", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            BASE,
            b"",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "/", FORM, b"Param1=value1", "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"),
    ],
    ids=["get-vanilla", "post-vanilla", "get-vanilla-query-order-key-case", "post-x-www-form-urlencoded"],
)
def test_the_suite_of_aws(method: str, target: str, headers: dict[str, str], body: bytes, signature: str) -> None:
    """Each request of the suite is signed as the suite has it."""
    made = authorization(SUITE, method, target, headers, body, NOW)
    names = ";".join(sorted(name.casefold() for name in headers))
    assert made == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders={names}, Signature={signature}"
    )


def test_the_example_of_the_documentation() -> None:
    """The request to IAM that the guide signs step by step."""
    credentials = Credentials("AKIDEXAMPLE", SUITE.secret, "us-east-1", "iam")
    headers = {
        "host": "iam.amazonaws.com",
        "x-amz-date": "20150830T123600Z",
        "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    }
    made = authorization(credentials, "GET", "/?Action=ListUsers&Version=2010-05-08", headers, b"", NOW)
    assert made.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_blanks_in_headers_and_the_order_of_headers_do_not_matter() -> None:
    """What a proxy may change of a header changes no signature."""
    one = authorization(SUITE, "GET", "/", {**BASE, "My-Header": " a   b "}, b"", NOW)
    assert one == authorization(SUITE, "GET", "/", {"my-header": "a b", **BASE}, b"", NOW)
