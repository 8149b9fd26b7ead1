"""Rules of the house that no linter knows: what may stand in a tracked file, and that pages, lock files and ./dev keep their word."""

import ast
import re
import subprocess
import tomllib
from functools import cache
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
DECISIONS = ROOT / "docs" / "decisions"

# Brackets keep these lines from breaking their own rule.
FOREIGN = {
    "a path of one machine": re.compile(r"(?<![\w.:])/(?:[w]ork|[r]oot|[h]ome/\w+|[U]sers/\w+)/|[.]pyenv"),
    "a registry's host": re.compile(
        r"py[p]i\.org|pythonho[s]ted\.org|np[m]js\.(?:com|org)|artifac[t]ory", re.IGNORECASE
    ),
}
SHAPELESS_NAMES = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}
WORDS_NOT_USED = {"journey", "flow", "campaign", "node", "saga", "contact", "subscriber", "lead"}
AN_IGNORE = re.compile(
    r"#\s*(?:noqa|type:\s*ignore)(?P<codes>:\s*[A-Z]+\d+(?:,\s*[A-Z]+\d+)*|\[[\w, -]+\])?(?P<rest>.*)"
)
A_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)#\s]+)(?:#[^)]*)?\)")


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files git knows; the ownership of the checkout does not matter for reading its list."""
    command = ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def texts(*suffixes: str) -> list[tuple[Path, str]]:
    """Return each tracked text file (of these suffixes, if any are given) with what it holds."""
    found = []
    for path in tracked():
        if not suffixes or path.suffix in suffixes:
            content = path.read_bytes()
            if b"\0" not in content:
                found.append((path.relative_to(ROOT), content.decode(errors="replace")))
    return found


def test_files_speak_of_the_project_alone() -> None:
    """No tracked text file names a path of one machine or the host of a package registry."""
    slips = [
        f"{path}:{number}: {what}: {line.strip()[:80]}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        for what, pattern in FOREIGN.items()
        if pattern.search(line)
    ]

    assert slips == []


def test_modules_are_named_after_what_they_are_about() -> None:
    """No module or folder is a drawer for odds and ends."""
    ours = [path.relative_to(ROOT) for path in tracked() if path.suffix == ".py"]

    shapeless = [str(path) for path in ours if SHAPELESS_NAMES & {part.removesuffix(".py") for part in path.parts}]

    assert shapeless == []


def test_code_uses_the_words_of_the_field() -> None:
    """No class or function is named with a word that the word list rules out; tests are sentences and may have verbs."""
    slips = []
    for path, text in texts(".py"):
        if path.is_relative_to("tests"):
            continue
        # A YAML document has nodes, whatever we call our own things.
        ruled_out = WORDS_NOT_USED - {"node"} if path.is_relative_to("engine/language") else WORDS_NOT_USED
        for item in ast.walk(ast.parse(text)):
            if isinstance(item, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = re.findall(r"[a-z]+|[A-Z][a-z]*", item.name)
                slips += [f"{path}:{item.lineno}: {item.name}" for word in words if word.lower() in ruled_out]

    assert slips == []


def test_an_ignore_names_its_rule_and_its_reason() -> None:
    """A `noqa` or `type: ignore` says what it silences, and on the same line why."""
    bare = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts(".py")
        if path != Path("tests/test_house.py")
        for number, line in enumerate(text.splitlines(), 1)
        if (ignore := AN_IGNORE.search(line))
        if not ignore["codes"] or len(re.findall(r"\w+", ignore["rest"])) < 2
    ]

    assert bare == []


def test_links_between_pages_lead_somewhere() -> None:
    """A relative link in a Markdown page names a file or folder that exists."""
    broken = [
        f"{path}: {link['target']}"
        for path, text in texts(".md")
        for link in A_LINK.finditer(text)
        if "://" not in link["target"] and not link["target"].startswith("mailto:")
        if not (ROOT / path.parent / link["target"]).exists()
    ]

    assert broken == []


def decision_pages() -> list[Path]:
    """Return the pages of decisions, by number."""
    return sorted(DECISIONS.glob("[0-9]*.md"))


@pytest.mark.parametrize("page", decision_pages(), ids=lambda page: page.stem)
def test_a_decision_has_its_form(page: Path) -> None:
    """A decision bears its number, has the five parts in their order, and stands in the index."""
    text = page.read_text(encoding="utf-8")
    number = int(page.name[:4])

    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert text.startswith(f"# {number}. ")
    assert parts == ["Status", "Context", "Decision", "Consequences", "Evidence in this repository"]
    assert f"]({page.name})" in (DECISIONS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", decision_pages(), ids=lambda page: page.stem)
def test_the_evidence_of_a_decision_exists(page: Path) -> None:
    """Each test that a decision names is there."""
    evidence = page.read_text(encoding="utf-8").partition("## Evidence in this repository")[2]

    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", evidence)

    missing = [
        f"{file}::{test}"
        for file, test in named
        if not (ROOT / file).is_file() or not re.search(rf"\b{test}\b", (ROOT / file).read_text(encoding="utf-8"))
    ]
    assert missing == []


def locked(name: str) -> dict[str, set[Version]]:
    """Return what a lock file pins: more than one version where they differ by Python."""
    pins: dict[str, set[Version]] = {}
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    for package, version in re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE):
        pins.setdefault(package, set()).add(Version(version))
    return pins


def asked_for(name: str) -> list[Requirement]:
    """Return what pyproject.toml asks for in the lock file of that name."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = project["project"]["optional-dependencies"].get(name, [])
    if name == "data":
        return [Requirement(text) for text in project["dependency-groups"]["data"]]
    return [
        Requirement(text) for text in project["project"]["dependencies"] + project["dependency-groups"]["build"] + extra
    ]


LOCKS = ("runtime", "test", "kafka", "data")


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_fits_the_project_file(name: str) -> None:
    """Whatever pyproject.toml asks for is locked at a version it allows; else `./dev lock` was forgotten."""
    pins = locked(name)

    unfit = [
        str(wanted)
        for wanted in asked_for(name)
        if not (found := pins.get(re.sub(r"[-_.]+", "-", wanted.name).lower()))
        or not all(map(wanted.specifier.contains, found))
    ]

    assert unfit == []


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_by_hash_and_names_no_index(name: str) -> None:
    """Each pin has a hash, and where a package comes from is left to the machine that installs it."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")

    entries = re.findall(r"^\S+==(?:.*\\\n)*.*", text, re.MULTILINE)

    assert entries != []
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []
    assert re.findall(r"\w+://\S+|^-\S+.*", text, re.MULTILINE) == []


def test_lock_files_fit_into_one_environment() -> None:
    """A package that several lock files hold has the same version in each."""
    runtime, test, kafka = locked("runtime"), locked("test"), locked("kafka")

    assert {name: test.get(name) for name in runtime} == runtime
    assert {name: kafka.get(name) for name in runtime} == runtime
    assert {name: kafka[name] for name in test.keys() & kafka.keys()} == {
        name: test[name] for name in test.keys() & kafka.keys()
    }


def test_dev_lists_exactly_the_verbs_it_knows() -> None:
    """`./dev` alone lists each verb it understands, and no other; an unknown verb is a wrong call (2)."""
    script = (ROOT / "dev").read_text(encoding="utf-8").partition("case $verb in")[2]
    understood = set(re.findall(r"^(\w+)\)", script, re.MULTILINE))

    listing = subprocess.run([ROOT / "dev"], capture_output=True, text=True, check=True).stdout
    wrong_call = subprocess.run([ROOT / "dev", "nonsense"], capture_output=True, text=True, check=False)

    assert set(re.findall(r"^\./dev (\w+)", listing, re.MULTILINE)) == understood
    assert (wrong_call.returncode, "no such verb: nonsense" in wrong_call.stderr) == (2, True)


@pytest.mark.parametrize("script", ["dev", ".ci/run"])
def test_scripts_need_no_more_than_a_posix_shell(script: str) -> None:
    """The scripts may be executed, are for sh, and sh can read them."""
    path = ROOT / script

    assert path.read_text(encoding="utf-8").startswith("#!/bin/sh\n")
    assert path.stat().st_mode & 0o111
    assert subprocess.run(["sh", "-n", path], check=False).returncode == 0
