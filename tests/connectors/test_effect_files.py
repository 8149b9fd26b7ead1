from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from connectors.effect_files import LINES, EffectFiles, Line


def line(number: int, day: str = "2026-01-31") -> Line:
    """An effect with a row in that day's file of tags."""
    return Line(f'{{"n":{number}}}\n'.encode(), "tags", day, (str(number), "c-1", "", "vip", "tagged", "w", "e"))


def test_effects_are_lines_and_rows(tmp_path: Path) -> None:
    """Every effect is a line of effects.jsonl; those of a kind are rows of their day's file, which has a head."""
    files = EffectFiles(tmp_path)
    files.write([line(1), Line(b'{"n":2}\n'), line(3, "2026-02-01")], 7)
    assert (tmp_path / LINES).read_text() == '{"n":1}\n{"n":2}\n{"n":3}\n'
    assert (tmp_path / "effects/tags-2026-01-31.csv").read_text().splitlines() == [
        "time,customer,email,tag,action,workflow,effect_id",
        "1,c-1,,vip,tagged,w,e",
    ]
    assert len((tmp_path / "effects/tags-2026-02-01.csv").read_text().splitlines()) == 2
    assert EffectFiles(tmp_path).position == 7


def test_what_was_not_written_for_good_is_written_anew(tmp_path: Path) -> None:
    """A process that died between the lines and the position left lines behind; they are cut off."""
    EffectFiles(tmp_path).write([line(1)], 1)
    position = (tmp_path / "effects.position").read_bytes()
    EffectFiles(tmp_path).write([line(2), line(3, "2026-02-01")], 3)
    (tmp_path / "effects.position").write_bytes(position)  # as if it had died just before this was replaced
    with (tmp_path / LINES).open("ab") as file:
        file.write(b'{"n":4')
    files = EffectFiles(tmp_path)
    assert files.position == 1
    files.write([line(2), line(3, "2026-02-01")], 3)
    assert (tmp_path / LINES).read_text() == '{"n":1}\n{"n":2}\n{"n":3}\n'
    assert len((tmp_path / "effects/tags-2026-01-31.csv").read_text().splitlines()) == 3
    assert len((tmp_path / "effects/tags-2026-02-01.csv").read_text().splitlines()) == 2


def test_a_file_that_was_taken_away_begins_anew(tmp_path: Path) -> None:
    """Whoever moves effects.jsonl away has what was in it; what comes is in the next one."""
    files = EffectFiles(tmp_path)
    files.write([line(1)], 1)
    (tmp_path / LINES).rename(tmp_path / "taken")
    files.write([line(2)], 2)
    EffectFiles(tmp_path).write([line(3)], 3)
    assert (tmp_path / LINES).read_text() == '{"n":2}\n{"n":3}\n'


@given(st.lists(st.tuples(st.integers(1, 3), st.booleans(), st.booleans()), min_size=1, max_size=8))
def test_each_effect_is_written_once_over_any_crashes(
    tmp_path_factory: object, steps: list[tuple[int, bool, bool]]
) -> None:
    """Whatever dies between two writes, the files hold each effect once and in order."""
    folder = tmp_path_factory.mktemp("effects")  # type: ignore[attr-defined] # pytest gives no public type for it
    written = 0
    for size, dies, is_torn in steps:
        files = EffectFiles(folder)
        kept = folder / "effects.position"
        before = kept.read_bytes() if kept.exists() else None
        first = files.position
        files.write([line(number) for number in range(first + 1, first + size + 1)], first + size)
        if dies:
            if before is None:
                kept.unlink()
            else:
                kept.write_bytes(before)
            if is_torn:
                with (folder / LINES).open("r+b") as file:
                    file.truncate(max(0, (folder / LINES).stat().st_size - 3))
        else:
            written = first + size
    files = EffectFiles(folder)
    files.write([line(number) for number in range(files.position + 1, written + 2)], written + 1)
    assert (folder / LINES).read_text() == "".join(f'{{"n":{number}}}\n' for number in range(1, written + 2))
