"""The mails that flufl.bounce is tested with: other people's reports, of many shapes, read from its source archive."""

import ast
import tarfile
from functools import cache
from pathlib import Path, PurePosixPath

import pytest

from connectors.bounces import Report, read

ARCHIVE = Path(__file__).parents[3] / ".cache" / "samples" / "flufl_bounce-6.0.0.tar.gz"

pytestmark = pytest.mark.skipif(not ARCHIVE.is_file(), reason="./dev test fetches flufl.bounce's source archive")

OTHER_VIEWS = {
    "aol_01.txt": "names a screen name without a domain, which the table completes with AOL's",
    "yale_01.txt": "names a user without a domain, and two made-up examples; the table completes it with Yale's domains",
}
"""Where we do not find what the table says."""

MORE_FOUND = {
    "llnl_01.txt": "gives the form of all addresses there, which looks like an address",
    "simple_42.txt": "an address with dots that a person left out; the table leaves it out too",
    "simple_43.txt": "names nobody, but gives our mail back, which was for one address",
    "yale_01.txt": "made-up examples of addresses",
}
"""Where we find more than the table says."""


@cache
def archive() -> tuple[dict[str, bytes], dict[str, dict[str, bool]]]:
    """Return the mails by name, and of each the addresses in lower case and whether their trouble is a passing one."""
    with tarfile.open(ARCHIVE) as opened:
        files = {PurePosixPath(each.name): opened.extractfile(each) for each in opened.getmembers() if each.isfile()}
        contents = {path: file.read() for path, file in files.items() if file is not None}
    mails = {path.name: raw for path, raw in contents.items() if path.parent.name == "data" and path.suffix == ".txt"}
    tests = next(raw for path, raw in contents.items() if path.name == "test_detectors.py")
    return mails, wanted(ast.parse(tests))


def wanted(tests: ast.Module) -> dict[str, dict[str, bool]]:
    """Read the table DETECTORS out of the tests' source, without running it."""
    table = next(
        ast.literal_eval(each.value)
        for each in tests.body
        if isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) and each.targets[0].id == "DETECTORS"
    )
    found: dict[str, dict[str, bool]] = {}
    for _, name, addresses, passing in table:
        found.setdefault(name, {}).update({address.decode().casefold(): passing for address in addresses})
    return found


def reports() -> dict[str, Report]:
    """Read all mails."""
    mails, _ = archive()
    return {name: read(raw) for name, raw in mails.items()}


def test_the_archive_holds_what_we_think() -> None:
    """There are 117 mails, all but two in the table; else this test looks at something else."""
    mails, table = archive()

    assert len(mails) == 117
    assert set(mails) - set(table) == {"bounce_01.txt", "dumbass_01.txt"}


def test_the_addresses_are_found() -> None:
    """Of the table's addresses, all are found but those that stand nowhere in the mail."""
    _, table = archive()
    found = {name: {each.address.casefold() for each in report.recipients} for name, report in reports().items()}

    missed = {name: set(addresses) - found[name] for name, addresses in table.items()}
    total, lost = sum(map(len, table.values())), sum(map(len, missed.values()))
    print(f"flufl.bounce: {total - lost} of {total} addresses found")  # noqa: T201 - the figure is what the run is for

    assert {name for name, addresses in missed.items() if addresses} <= set(OTHER_VIEWS)


def test_no_others_are_found() -> None:
    """No address is taken for a recipient that the table does not name, but where we say why."""
    _, table = archive()
    found = {name: {each.address.casefold() for each in report.recipients} for name, report in reports().items()}

    more = {name for name, addresses in table.items() if found[name] - set(addresses)}

    assert more <= set(MORE_FOUND)


def test_a_passing_trouble_is_no_proof() -> None:
    """What the table calls temporary is soft or full."""
    _, table = archive()
    read_ = reports()

    passing = {
        (name, each.verdict)
        for name, addresses in table.items()
        for each in read_[name].recipients
        if addresses.get(each.address.casefold())
    }

    assert {verdict for _, verdict in passing} <= {"soft", "full"}, passing
    assert len(passing) >= 11


def test_their_words_are_understood() -> None:
    """A few whose words leave no doubt come out as what they say; who reads the table sees only `permanent`."""
    read_ = reports()
    kinds = {name: {each.verdict for each in report.recipients} for name, report in read_.items()}

    assert kinds["simple_09.txt"] == {"full"}, "quota exceeded"
    assert kinds["simple_45.txt"] == {"full"}, "User account is overquota"
    assert kinds["qmail_07.txt"] == {"full"}, "the user's mailfolder is full"
    assert kinds["simple_42.txt"] == {"spam"}, "likely unsolicited mail"
    assert kinds["simple_18.txt"] == {"soft"}, "message looping"
    assert kinds["simple_44.txt"] == {"soft"}, "temporary server error"
    assert kinds["yahoo_03.txt"] == {"doubtful"}, "disabled or discontinued"
    assert kinds["simple_11.txt"] == {"dead"}, "not listed in Domino Directory"
    assert kinds["simple_29.txt"] == {"dead"}, "unknown user"
    assert kinds["yahoo_13.txt"] == {"dead"}, "User unknown in local recipient table"


def test_what_is_no_report_is_none() -> None:
    """A reservation and an automatic answer among the mails are not taken for bounces."""
    read_ = reports()

    assert read_["groupwise_03.txt"].kind == "other"
    assert read_["qmail_08.txt"].kind == "auto_reply"
