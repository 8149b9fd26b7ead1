"""From a folder of files to compiled templates, and to all that is wrong with them at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from liquid import BoundTemplate
from liquid.exceptions import LiquidError

from engine.rendering.analysis import check
from engine.rendering.problems import RenderProblem
from engine.rendering.sandbox import Sandbox, where
from engine.rendering.templates import FALLBACK, Templates, Translation, language_chain

SHARED: Final = "shared"

_LANGUAGE = r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*"
_FILE = re.compile(rf"(?P<name>[a-z][a-z0-9_]*)/(?P<language>{_LANGUAGE})\.(?P<part>subject|text|html)\.liquid")
_PARTIAL = re.compile(
    rf"shared/(?P<name>[a-z][a-z0-9_]*)(?:\.(?P<language>{_LANGUAGE}))??(?:\.(?P<part>text|html))?\.liquid"
)
_TAG = re.compile(r"\{%-?\s*((?:end)?(?:if|unless|case|for|capture|comment))\b")


def load_templates(folder: Path, default_language: str = FALLBACK) -> tuple[Templates, list[RenderProblem]]:
    """Read and compile a folder of templates.

    Returns them and all that is wrong with them; a set with problems must not go live. `default_language` is the
    shop's, for customers whose own language is not known or not there.
    """
    sources, problems = _read(folder)
    templates, more = templates_from(sources, default_language)
    return templates, problems + more


def templates_from(
    sources: Mapping[str, str], default_language: str = FALLBACK
) -> tuple[Templates, list[RenderProblem]]:
    """Compile templates from their sources, by path within the folder (`coupon_offer/de.html.liquid`)."""
    files: dict[str, dict[str, dict[str, str]]] = {}
    partials: list[tuple[re.Match[str], str]] = []
    problems = [_misnamed(path) for path in sources if not (_PARTIAL.fullmatch(path) or _is_template(path))]
    for path, source in sorted(sources.items()):
        if partial := _PARTIAL.fullmatch(path):
            partials.append((partial, source))
        elif (match := _FILE.fullmatch(path)) and match["name"] != SHARED:
            files.setdefault(match["name"], {}).setdefault(match["language"], {})[match["part"]] = path

    compiler = _Compiler(sources, partials)
    templates: dict[str, dict[str, Translation]] = {}
    for name, languages in files.items():
        for language, by_part in languages.items():
            parts = {part: compiler.template(path, language, part) for part, path in by_part.items()}
            compiled = {part: template for part, template in parts.items() if template is not None}
            templates.setdefault(name, {})[language] = Translation(language, MappingProxyType(compiled))
            problems += _incomplete(name, language, by_part)
    result = Templates(templates, sources, default_language)
    problems += compiler.problems
    problems += check(result)
    return result, _once(problems)


class _Compiler:
    """Compiles files, one sandbox for each language and part, and gathers what is wrong with them."""

    def __init__(self, sources: Mapping[str, str], partials: list[tuple[re.Match[str], str]]) -> None:
        self.problems: list[RenderProblem] = []
        self._sources = sources
        self._partials = partials
        self._sandboxes: dict[tuple[str, str], Sandbox] = {}

    def template(self, path: str, language: str, part: str) -> BoundTemplate | None:
        return self._compile(self._sandbox(language, part), path)

    def _sandbox(self, language: str, part: str) -> Sandbox:
        key = (language, part)
        if key not in self._sandboxes:
            sandbox = self._sandboxes[key] = Sandbox(language, part)
            for name, path in self._best(language, part).items():
                compiled = self._compile(sandbox, path)
                if compiled is not None:
                    sandbox.partials.compiled[name] = compiled
        return self._sandboxes[key]

    def _best(self, language: str, part: str) -> dict[str, str]:
        """Return the file of each partial that fits best: the language before its base before none, then the part."""
        chain = [wanted.lower() for wanted in language_chain(language)]
        kind = "html" if part == "html" else "text"
        best: dict[str, tuple[tuple[int, int], str]] = {}
        for match, _ in self._partials:
            theirs = (match["language"] or "").lower()
            if (theirs and theirs not in chain) or match["part"] not in (kind, None):
                continue
            rank = (chain.index(theirs) if theirs else len(chain), match["part"] is None)
            if match["name"] not in best or rank < best[match["name"]][0]:
                best[match["name"]] = (rank, match.string)
        return {name: path for name, (_, path) in best.items()}

    def _compile(self, sandbox: Sandbox, path: str) -> BoundTemplate | None:
        try:
            return sandbox.compile(self._sources[path], path)
        except LiquidError as error:
            line, column = _place(sandbox, self._sources[path], error)
            hint = "tags are if, unless, case, for, assign, capture, comment and render; each `{{` needs its `}}`"
            self.problems.append(RenderProblem(path, line, column, "template-syntax", str(error.message), hint))
            return None


def _place(sandbox: Sandbox, source: str, error: LiquidError) -> tuple[int, int]:
    """Return line and column of a syntax error; Liquid does not tell them for some, so those are looked for."""
    if error.context():
        return where(error)
    opened: list[re.Match[str]] = []
    for tag in _TAG.finditer(source):
        if tag[1].startswith("end"):
            del opened[-1:]
        else:
            opened.append(tag)
    if opened:
        before = source[: opened[-1].start()]
        return before.count("\n") + 1, len(before) - before.rfind("\n")
    lines = source.split("\n")
    for last in range(1, len(lines)):
        try:
            sandbox.from_string("\n".join(lines[:last]))
        except LiquidError as found:
            if found.message == error.message:
                return last, 1
    return len(lines), 1


def _is_template(path: str) -> bool:
    match = _FILE.fullmatch(path)
    return match is not None and match["name"] != SHARED


def _read(folder: Path) -> tuple[dict[str, str], list[RenderProblem]]:
    sources: dict[str, str] = {}
    problems: list[RenderProblem] = []
    home = folder.resolve()
    for path in sorted(folder.rglob("*.liquid")):
        name = path.relative_to(folder).as_posix()
        if not path.resolve().is_relative_to(home):
            problems.append(
                RenderProblem(name, 1, 1, "template-outside", "this file lies outside the templates' folder")
            )
            continue
        try:
            sources[name] = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError as error:
            message = f"byte {error.start} is not UTF-8"
            problems.append(RenderProblem(name, 1, 1, "template-encoding", message, "save the file as UTF-8"))
        except OSError as error:
            problems.append(RenderProblem(name, 1, 1, "template-unreadable", error.strerror or str(error)))
    return sources, problems


def _misnamed(path: str) -> RenderProblem:
    hint = "NAME/LANG.subject.liquid, NAME/LANG.text.liquid, NAME/LANG.html.liquid, or shared/NAME.LANG.html.liquid"
    return RenderProblem(path, 1, 1, "template-name", "no template can have this name", hint)


def _incomplete(name: str, language: str, parts: Mapping[str, str]) -> Iterable[RenderProblem]:
    beside = next(iter(parts.values()))
    if "subject" not in parts:
        wanted = f"{name}/{language}.subject.liquid"
        yield RenderProblem(
            beside, 1, 1, "template-without-subject", f"{name} has no subject in {language}", f"write {wanted}"
        )
    if not {"text", "html"} & parts.keys():
        wanted = f"{name}/{language}.text.liquid"
        yield RenderProblem(
            beside, 1, 1, "template-without-body", f"{name} has no body in {language}", f"write {wanted}"
        )


def _once(problems: Iterable[RenderProblem]) -> list[RenderProblem]:
    return sorted(
        dict.fromkeys(problems), key=lambda problem: (problem.file, problem.line, problem.column, problem.code)
    )
