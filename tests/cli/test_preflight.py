"""`winback preflight`, and what go-live makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.cli.documents import PreflightDocument
from tests.cli.conftest import Winback
from tests.name_servers import a_mail, a_signer, name_server

FOR_REAL = """
public_url = "http://127.0.0.1:{port}"
[sender]
kind = "smtp"
address = "hallo@kaffee.de"
[smtp]
host = "smtp.kaffee.de"
tls = "none"
"""


def levels(document: Any) -> dict[str, str]:
    """How bad each check is: empty, warning or error."""
    return {each["name"]: each["level"] for each in document["checks"]}


def test_before_the_first_start_the_files_are_looked_at(winback: Winback) -> None:
    """Nothing is made or changed by it; the errors of files are one of its findings."""
    called = winback("preflight", "--no-suppressions", "--json")
    assert called.code == 0
    assert set(levels(called.json).values()) == {"", "warning"}
    assert not Path("data").exists()
    Path("workflows/welcome-back.yaml").write_text("workflow: welcome-back\n")
    broken = winback("preflight", "--no-suppressions", "--json")
    assert (broken.code, levels(broken.json)["workflows"]) == (1, "error")


def test_every_document_has_its_fields(winback: Winback) -> None:
    """The JSON is what its schema says, each check with its name once."""
    checks = winback("preflight", "--json").json["checks"]
    fields = set(PreflightDocument.__struct_fields__)
    assert fields == {"checks"}
    assert all(set(each) == {"name", "ok", "message", "hint", "level"} for each in checks)
    assert all(each["hint"] and each["message"] for each in checks if not each["ok"])
    assert len({each["name"] for each in checks}) == len(checks)


def test_go_live_with_a_real_mail_server_is_refused_on_what_only_warned_before(
    winback: Winback, tmp_path: Path, unused_tcp_port: int
) -> None:
    """The same shop goes live with the mailbox, and not with a server that reaches people."""
    signer = a_signer(tmp_path)
    Path("arrived.eml").write_bytes(signer.sign(a_mail(), covered=(b"from", b"subject")))
    Path("winback.toml").write_text(FOR_REAL.format(port=unused_tcp_port))
    with name_server() as names:
        names.has("k1._domainkey.kaffee.de", "TXT", signer.record)
        asked = ("--nameserver", f"127.0.0.1:{names.port}", "--no-suppressions", "--json")
        refused = winback("go-live", "--received", "arrived.eml", *asked)
        looked = winback("preflight", "--received", "arrived.eml", *asked)
    errors = {name for name, level in levels(refused.json).items() if level == "error"}
    assert (refused.code, refused.json["live_since"]) == (1, None)
    assert errors == {"imprint", "public_url", "unsubscribe_post", "spf", "dmarc", "ptr", "tls", "signed_headers"}
    assert levels(looked.json) == levels(refused.json)
    assert winback("status", "--json").json["live_since"] is None
    Path("winback.toml").unlink()
    assert winback("go-live", "--no-suppressions", "--json").json["live_since"]


@pytest.mark.parametrize("wrong", [("--nameserver", "dns.kaffee.de"), ("--received", "missing.eml")])
def test_what_cannot_be_looked_with_is_told(winback: Winback, wrong: tuple[str, str]) -> None:
    """A name server that is no address and a file that is not there are mistakes in the call."""
    for command in ("preflight", "go-live"):
        called = winback(command, *wrong)
        assert called.code in (1, 2)
        assert wrong[1] in called.err


def test_people_read_errors_last_and_each_with_its_cure(winback: Winback) -> None:
    """What is right first, then warnings, then errors, where one looks."""
    called = winback("preflight")
    lines = called.out.splitlines()
    marks = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert marks == sorted(marks, key=["ok", "warning", "NOT"].index)
    assert "NOT YET suppressions" in called.out
    assert lines[-1].strip().startswith("winback import suppressions")
