"""A name server and a signing key, for preflights to look at."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.name_servers import NameServer, Signer, a_signer, name_server


@pytest.fixture
def names() -> Iterator[NameServer]:
    """Run a name server on loopback while the test lasts."""
    with name_server() as server:
        yield server


@pytest.fixture(scope="session")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    """A key of 2048 bits."""
    return a_signer(tmp_path_factory.mktemp("keys"))
