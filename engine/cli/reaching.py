"""Commands that need an engine: the one that runs, or one opened for the command; errors in the words of the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from engine.books.connection import DatabaseError
from engine.books.views import Views
from engine.cli.calling import Call, Misused, Wrong
from engine.cli.printing import note
from engine.core.moments import SECOND, Instant, rfc3339
from engine.language.problems import format_problems
from engine.listeners.control import ControlRefusedError
from engine.wiring.reaching import Channel, FilesHaveErrorsError, NotReachedError, reached
from engine.wiring.settings import SettingsError


@contextmanager
def the_engine(call: Call) -> Iterator[Channel]:
    """Yield a way to the engine of the data folder.

    Raises:
        Wrong: it refuses, or cannot go on.
        Misused: the settings or the data folder cannot be used.

    """
    try:
        with reached(call.settings, os.environ) as channel:
            yield channel
    except FilesHaveErrorsError as error:
        checked = error.checked
        raise Wrong("the workflows have errors\n\n" + format_problems(checked.errors, checked.sources)) from None
    except (ControlRefusedError, NotReachedError) as error:
        raise Wrong(str(error)) from None
    except (DatabaseError, SettingsError) as error:
        raise Misused(str(error)) from None
    except OSError as error:
        raise Misused(f"{error.filename or call.data}: {error.strerror}") from None


@contextmanager
def the_data(call: Call, *, tell_age: bool = False) -> Iterator[Views]:
    """Yield the read side of the books, whether an engine runs on them or not.

    With `tell_age` it is said as of when those of the distributed engine are.

    Raises:
        Misused: there is no database, or it cannot be read.

    """
    try:
        with Views(call.books) as views:
            if tell_age and call.settings.distributed:
                _tell_age(views.shop()[0], call.now())
            yield views
    except DatabaseError as error:
        raise Misused(str(error)) from None


def _tell_age(as_of: Instant, now: Instant) -> None:
    if as_of:
        note(f"as of {rfc3339(as_of)} ({max(0, now - as_of) / SECOND:.1f} s old)")
    else:
        note("not all partitions are in the books yet")
