"""What holds for every test: nothing may be skipped in CI, and how hard hypothesis tries."""

import os
from collections.abc import Generator

import pytest
import structlog
from hypothesis import HealthCheck, settings

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
