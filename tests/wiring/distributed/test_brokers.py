from __future__ import annotations

from pathlib import Path

import pytest

from engine.runtimes.kafka.brokers import Brokers, BrokersError
from engine.wiring.distributed.brokers import brokers_of
from engine.wiring.settings import SettingsError, load


def test_without_brokers_there_is_no_way_to_kafka() -> None:
    """Whoever asks for the brokers is told which setting names them."""
    with pytest.raises(SettingsError, match="WINBACK_KAFKA_BROKERS"):
        brokers_of(load(None, {}), {})


def test_on_loopback_the_address_is_enough() -> None:
    """No TLS and no login are the defaults."""
    options = brokers_of(load(None, {"WINBACK_KAFKA_BROKERS": "127.0.0.1:9092"}), {}).client_options()
    assert options == {"bootstrap_servers": ["127.0.0.1:9092"], "security_protocol": "PLAINTEXT"}


def test_a_login_takes_its_password_from_the_environment_or_a_file(tmp_path: Path) -> None:
    """The password is in no settings file and in no words about the brokers."""
    kept = tmp_path / "password"
    kept.write_text("geheim\n")
    environment = {"WINBACK_KAFKA_BROKERS": "a:9092", "WINBACK_KAFKA_USER": "winback"}
    by_file = brokers_of(load(None, environment | {"WINBACK_KAFKA_PASSWORD_FILE": str(kept)}), {})
    by_variable = brokers_of(load(None, environment), {"WINBACK_KAFKA_PASSWORD": "geheim"})
    assert by_file == by_variable
    assert "geheim" not in repr(by_file)
    options = by_file.client_options()
    assert options["security_protocol"] == "SASL_PLAINTEXT"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("winback", "geheim")


def test_authorities_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """What is wrong with a file is said with its name."""
    path = tmp_path / "ca.pem"
    with pytest.raises(BrokersError, match=r"ca\.pem"):
        Brokers(addresses=("a:9092",), tls=True, ca_file=str(path)).client_options()
    path.write_text("this is no certificate")
    with pytest.raises(BrokersError, match=r"ca\.pem"):
        Brokers(addresses=("a:9092",), tls=True, ca_file=str(path)).client_options()
