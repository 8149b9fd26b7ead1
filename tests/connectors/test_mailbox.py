"""The local mailbox."""

from email import message_from_bytes, policy
from pathlib import Path

from connectors.mailbox import Mailbox
from connectors.memory import FixedClock
from engine.core.moments import DAY, HOUR
from engine.ports import Message

NOW = 1_767_607_200_000_000  # 2026-01-05 10:00 UTC


def message(number: int, recipient: str = "ada@example.org", subject: str = "Hello") -> Message:
    """Return a message."""
    name = f"{number:032x}"
    shop = "hello@shop.example"
    return Message(name, f"<{name}@shop.example>", "Shop", shop, recipient, subject, "Hi\n", "<p>Hi</p>", {}, 0)


def written(folder: Path) -> list[str]:
    """Return the message files in a folder."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.eml"))


async def test_files_lie_in_a_folder_a_day(tmp_path: Path) -> None:
    """Each message is an .eml file under the day of the engine's clock, and can be read by any mail program."""
    clock = FixedClock(NOW)
    mailbox = Mailbox(tmp_path, clock)
    await mailbox.send(message(1))
    clock.advance(DAY + HOUR)
    await mailbox.send(message(2))

    files = written(tmp_path)
    assert files == [f"2026-01-05/100000-{1:032x}.eml", f"2026-01-06/110000-{2:032x}.eml"]
    assert message_from_bytes((tmp_path / files[0]).read_bytes(), policy=policy.default)["subject"] == "Hello"


async def test_the_newest_comes_first_and_words_are_searched(tmp_path: Path) -> None:
    """The list is newest first, searched in recipient and subject, page by page."""
    mailbox = Mailbox(tmp_path, FixedClock(NOW))
    for number in range(5):
        await mailbox.send(message(number, f"c{number}@example.org", "A gift" if number % 2 else "Thanks"))

    newest, total = mailbox.letters(limit=2)
    assert ([letter.recipient for letter in newest], total) == (["c4@example.org", "c3@example.org"], 5)
    assert [letter.recipient for letter in mailbox.letters(skip=4)[0]] == ["c0@example.org"]
    assert [letter.recipient for letter in mailbox.letters("GIFT c3")[0]] == ["c3@example.org"]
    assert mailbox.letters("nothing like it") == ([], 0)


async def test_a_call_made_again_after_a_crash_writes_no_second_file(tmp_path: Path) -> None:
    """The effect id is recognised over a restart, even when the crash came before the index was written."""
    clock = FixedClock(NOW)
    await Mailbox(tmp_path, clock).send(message(1))
    (tmp_path / "index.jsonl").write_bytes(b'{"id":"broken off')
    clock.advance(DAY)
    mailbox = Mailbox(tmp_path, clock)
    await mailbox.send(message(1))

    assert len(written(tmp_path)) == 1
    (letter,) = mailbox.letters()[0]
    assert mailbox.read(letter.id)
    assert letter.recipient == "ada@example.org"


async def test_an_id_never_leaves_the_folder(tmp_path: Path) -> None:
    """Reading takes only ids of the index, so no path can be given as one."""
    mailbox = Mailbox(tmp_path / "mailbox", FixedClock(NOW))
    (tmp_path / "secret").write_text("secret")
    assert mailbox.read("../secret") is None
    await mailbox.send(Message("../../x", "<x@y>", "", "a@b.example", "c@d.example", "", "t", "", {}, 0))
    assert written(tmp_path) == ["mailbox/2026-01-05/100000-______x.eml"]


async def test_messages_are_forgotten_by_their_age(tmp_path: Path) -> None:
    """Files, their empty folders and their lines in the index go; the others stay, also for the next process."""
    clock = FixedClock(NOW)
    mailbox = Mailbox(tmp_path, clock)
    for number in (1, 2):
        await mailbox.send(message(number))
        clock.advance(DAY)
    assert mailbox.forget(NOW) == 0
    assert mailbox.forget(NOW + HOUR) == 1
    assert mailbox.forget(NOW + HOUR) == 0
    kept = [f"2026-01-06/100000-{2:032x}.eml"]
    assert written(tmp_path) == kept
    assert not (tmp_path / "2026-01-05").exists()
    for opened in (mailbox, Mailbox(tmp_path, clock)):
        assert [letter.file for letter in opened.letters()[0]] == kept
    await mailbox.send(message(3))
    assert Mailbox(tmp_path, clock).letters()[1] == 2


async def test_what_a_crash_left_in_the_index_alone_is_forgotten_the_next_time(tmp_path: Path) -> None:
    """The files go first."""
    mailbox = Mailbox(tmp_path, FixedClock(NOW))
    await mailbox.send(message(1))
    (tmp_path / written(tmp_path)[0]).unlink()
    assert mailbox.forget(NOW + HOUR) == 1
    assert mailbox.letters()[1] == 0


async def test_what_another_process_writes_is_seen(tmp_path: Path) -> None:
    """A test mail is written by the command line while an engine runs on the folder, and its page shows it."""
    clock = FixedClock(NOW)
    engine, command_line = Mailbox(tmp_path, clock), Mailbox(tmp_path, clock)
    await engine.send(message(1))
    await command_line.send(message(2, subject="A test"))
    assert [letter.subject for letter in engine.letters()[0]] == ["A test", "Hello"]
    assert engine.read(f"{2:032x}") is not None
    clock.advance(DAY)
    assert command_line.forget(NOW + HOUR) == 2
    assert engine.letters() == ([], 0)
    await engine.send(message(3))
    assert [letter.id for letter in command_line.letters()[0]] == [f"{3:032x}"]
