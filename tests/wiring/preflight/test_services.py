"""What preflight says of a mail service and of our own key to sign with, made from the settings as `winback preflight` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from msgspec import structs

from connectors.memory import FixedClock
from connectors.smtp import DkimSigner
from engine.core.links import Keys
from engine.wiring.preflight.domain import dkim_keys, record_of
from engine.wiring.preflight.probing import probes_of
from engine.wiring.preflight.reach import service
from engine.wiring.senders import signer_of
from engine.wiring.settings import Settings, SettingsError, load
from tests.builders import START
from tests.mail_service_servers import SERVERS, serving
from tests.name_servers import NameServer
from tests.wiring.preflight.test_inside import shop

KEYS = Keys({1: b"a secret of tests"})
CLOCK = FixedClock(START)


def pem() -> bytes:
    """Return a new private key."""
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())


def settings(folder: Path, text: str, **environment: str) -> Settings:
    """Return the settings of a file."""
    path = folder / "winback.toml"
    path.write_text(text, "utf-8")
    return load(path, environment)


POSTMARK = '[sender]\nkind = "http"\naddress = "hallo@kaffee.de"\n[service]\nkind = "postmark"\nurl = "{url}"\n'


async def test_a_service_that_takes_the_key_is_right_and_one_that_does_not_is_an_error(tmp_path: Path) -> None:
    """The check says where it looked, and what the service said."""
    async with serving(SERVERS["postmark"]()) as server:
        said = settings(tmp_path, POSTMARK.format(url=server.url))
        assert said.where_mail_goes == server.url.removeprefix("http://")
        for key, right in ((server.key, True), ("another", False)):
            probes = probes_of(said, {"WINBACK_SERVICE_KEY": key}, CLOCK, KEYS)
            assert probes.server is None
            assert probes.service is not None
            check = await service(structs.replace(shop(), settings=said), probes.service)
            assert (check.name, check.ok) == ("tls", right), check.message


def test_the_key_is_asked_for_where_there_is_none(tmp_path: Path) -> None:
    """Neither file nor variable: told with what to do; a webhook's secret must be one."""
    said = settings(tmp_path, POSTMARK.format(url="https://api.postmarkapp.com"))
    with pytest.raises(SettingsError, match="WINBACK_SERVICE_KEY"):
        probes_of(said, {}, CLOCK, KEYS)
    with pytest.raises(SettingsError, match="one word of ASCII"):
        probes_of(said, {"WINBACK_SERVICE_KEY": "key\nBcc: x"}, CLOCK, KEYS)
    own = said.model_copy(
        update={"service": said.service.model_copy(update={"kind": "webhook", "url": "https://a.example"})}
    )
    with pytest.raises(SettingsError, match="whsec_"):
        probes_of(own, {"WINBACK_SERVICE_KEY": "secret"}, CLOCK, KEYS)


@pytest.mark.parametrize(
    ("service", "address"),
    [
        ({"kind": "ses", "region": "eu-central-1"}, "https://email.eu-central-1.amazonaws.com"),
        ({"kind": "sendgrid"}, "https://api.sendgrid.com"),
        ({"kind": "sendgrid", "region": "eu"}, "https://api.eu.sendgrid.com"),
        ({"kind": "mailgun", "region": "eu"}, "https://api.eu.mailgun.net"),
        ({"kind": "postmark"}, "https://api.postmarkapp.com"),
        ({"kind": "brevo", "url": "https://proxy.example/"}, "https://proxy.example"),
    ],
)
def test_where_services_answer(service: dict[str, Any], address: str) -> None:
    """The service's own address, in its region, unless another is named."""
    assert Settings(service=service).service.address == address  # type: ignore[arg-type]  # pydantic reads it


def test_our_key_must_be_the_one_in_dns(names: NameServer) -> None:
    """No record, another key's record, and the right one: in its usual form, and in the shorter one of PKCS #1."""
    key = pem()
    signer = DkimSigner("k1", "kaffee.de", key)
    ours = {("k1", "kaffee.de"): signer.public_key}
    name = "k1._domainkey.kaffee.de"

    missing = dkim_keys("kaffee.de", [*ours], names.resolver, ours)
    assert not missing.ok
    assert record_of(signer.public_key) in missing.hint
    names.has(name, "TXT", record_of(DkimSigner("k1", "kaffee.de", pem()).public_key))
    other = dkim_keys("kaffee.de", [*ours], names.resolver, ours)
    assert not other.ok
    assert "is not that of the key that signs" in other.message
    names.has(name, "TXT", record_of(signer.public_key))
    assert dkim_keys("kaffee.de", [*ours], names.resolver, ours).ok
    names.has(name, "TXT", record_of(signer.public_key[24:]))
    assert dkim_keys("kaffee.de", [*ours], names.resolver, ours).ok


def test_the_key_to_sign_with_comes_from_a_file_or_the_environment(tmp_path: Path) -> None:
    """Without it, or with something else in its place, the settings are refused."""
    key = pem()
    (tmp_path / "key.pem").write_bytes(key)
    text = f'[dkim]\nselector = "k1"\ndomain = "kaffee.de"\nkey_file = "{tmp_path / "key.pem"}"\n'
    by_file = signer_of(settings(tmp_path, text), {})
    bare = settings(tmp_path, '[dkim]\nselector = "k1"\ndomain = "kaffee.de"\n')
    by_variable = signer_of(bare, {"WINBACK_DKIM_KEY": key.decode()})
    assert by_file is not None
    assert by_variable is not None
    assert by_file.public_key == by_variable.public_key
    with pytest.raises(SettingsError, match=r"dkim\.key_file"):
        signer_of(bare, {})
    with pytest.raises(SettingsError, match="no private key"):
        signer_of(bare, {"WINBACK_DKIM_KEY": "garbage"})
    assert signer_of(settings(tmp_path, ""), {}) is None


def test_a_service_signs_by_itself(tmp_path: Path) -> None:
    """[dkim] beside a mail service is refused, since two would sign what one of them changes."""
    with pytest.raises(SettingsError, match="mail services sign what they send"):
        settings(tmp_path, POSTMARK.format(url="https://a.example") + '[dkim]\nselector = "k"\ndomain = "kaffee.de"\n')
