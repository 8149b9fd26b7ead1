"""Reaching Kafka with kafka-python: waiting for it, and what is wrong with it in words."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from kafka.errors import KafkaError

from engine.runtimes.kafka.brokers import Brokers, BrokersError, NoAnswerError

PATIENCE: Final = 10.0
"""How many seconds Kafka has for one answer."""

Told = Callable[[str], None]
"""Hears what is being waited for."""

_NO_ANSWER: Final = {"KafkaTimeoutError", "KafkaConnectionError", "NoBrokersAvailable", "NodeNotReadyError"}


def client_options(brokers: Brokers) -> dict[str, Any]:
    """Return the options of a client of kafka-python that gives up in time and writes no log.

    Raises:
        BrokersError: what TLS needs cannot be read.

    """
    # What it would log is said by the exceptions; without a handler of ours it would go to standard error.
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    return brokers.client_options() | {"client_id": "winback", "bootstrap_timeout_ms": int(PATIENCE * 1000)}


def wait_for(brokers: Brokers, seconds: float, told: Told = lambda _: None) -> None:
    """Wait until one of the brokers takes connections.

    Asked by a plain connection, since a client that fails to begin leaves a thread behind, and says nothing meanwhile.

    Raises:
        NoAnswerError: none does in that time; the message says why, address by address.

    """
    end = time.monotonic() + seconds
    has_told = False
    while True:
        refusals = [why for address in brokers.addresses if (why := _refusal(address))]
        if len(refusals) < len(brokers.addresses):
            return
        if time.monotonic() >= end:
            raise NoAnswerError(f"Kafka does not answer: {'; '.join(refusals)}: is it up, and is the address right?")
        if not has_told:
            told(f"waiting up to {seconds:.0f} s for Kafka at {brokers.named}")
            has_told = True
        time.sleep(min(0.5, max(0.0, end - time.monotonic())))


@contextmanager
def in_words(brokers: Brokers) -> Iterator[None]:
    """Turn an error of kafka-python into a BrokersError in words."""
    try:
        yield
    except KafkaError as error:
        away = type(error).__name__ in _NO_ANSWER
        raise (NoAnswerError if away else BrokersError)(_said(error, brokers)) from None


def _said(error: KafkaError, brokers: Brokers) -> str:
    name, where = type(error).__name__, f"Kafka at {brokers.named}"
    if "Authentication" in name or "Sasl" in name:
        return f"{where} refuses the login: are kafka.user, kafka.mechanism and the password right? ({name})"
    if "Authorization" in name:
        return f"{where} does not allow this to {brokers.user or 'somebody who does not log in'}: {error}"
    if name in _NO_ANSWER:
        return f"{where} takes connections, but does not answer: are kafka.protocol and the login right? ({error})"
    return f"{where}: {error}"


def _refusal(address: str) -> str:
    """Return why nobody answers at an address, empty where somebody does."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), 3).close()
    except socket.gaierror:
        return f"{address}: no machine of this name is known"
    except OSError as error:
        return f"{address}: {error.strerror or error}"
    return ""
