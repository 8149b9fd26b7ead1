"""What holds for every test: nothing may be skipped in CI, and how hard hypothesis tries; and the real servers to test with."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from itertools import count

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.brokers import Cluster
from tests.jars import NoBrokerHere
from tests.postgres_servers import NoPostgresHere, Server

# No deadline: a shared machine is slow at times, and a slow example is no wrong one.
settings.register_profile("house", max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("house"), derandomize=True, database=None, print_blob=True)
settings.register_profile("long", settings.get_profile("house"), max_examples=1000)

NOTHING_MAY_BE_SKIPPED = os.environ.get("CI") == "true"
settings.load_profile("ci" if NOTHING_MAY_BE_SKIPPED else "house")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Generator[None, None, None]:
    """Let no test write into the standard error of one before it, as a command run in this process would make it."""
    yield
    structlog.reset_defaults()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one, in CI."""
    report = yield
    is_expected_failure = hasattr(report, "wasxfail")
    if NOTHING_MAY_BE_SKIPPED and report.skipped and not is_expected_failure:
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI nothing may be: {report.longreprtext}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a file skipped as a whole into an error, in CI."""
    report = yield
    if NOTHING_MAY_BE_SKIPPED and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"skipped, and in CI nothing may be: {report.longreprtext}"
    return report


def _cluster(brokers: int) -> Cluster:
    try:
        return Cluster(brokers)
    except NoBrokerHere as missing:
        pytest.skip(str(missing))


def _server() -> Server:
    try:
        return Server()
    except NoPostgresHere as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """A Kafka broker for the whole run (`127.0.0.1:PORT`): leave it running, and name your topics by `prefix`."""
    with _cluster(1) as cluster:
        yield cluster.bootstrap


@pytest.fixture
def clusters() -> Iterator[Callable[[int], Cluster]]:
    """Start clusters of one's own, of so many brokers, to be stopped, killed and halted; they go with the test."""
    with ExitStack() as stack:

        def start(brokers: int) -> Cluster:
            return stack.enter_context(_cluster(brokers))

        yield start


_prefixes = count(1)


@pytest.fixture
def prefix() -> str:
    """A prefix of topics and groups that no other test of this run has."""
    return f"test{next(_prefixes)}"


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL server for the whole run: leave it running, or take `own_postgres`."""
    with _server() as server:
        yield server


@pytest.fixture
def postgres(postgres_server: Server) -> Iterator[str]:
    """The URL of an empty database on the run's PostgreSQL."""
    url = postgres_server.database()
    yield url
    postgres_server.drop(url)


@pytest.fixture
def own_postgres() -> Iterator[Server]:
    """A PostgreSQL server of one's own, to be stopped, killed and started again; it goes with the test."""
    with _server() as server:
        yield server
