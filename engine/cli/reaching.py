"""Commands that need an engine: the one that runs, or one opened for the command; errors in the words of the command line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from engine.books.connection import DatabaseError
from engine.books.views import Views
from engine.cli.calling import Call, Misused, Wrong
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
def the_data(call: Call) -> Iterator[Views]:
    """Yield the read side of the data folder, whether an engine runs on it or not.

    Raises:
        Misused: there is no database, or it cannot be read.

    """
    try:
        with Views(call.books) as views:
            yield views
    except DatabaseError as error:
        raise Misused(str(error)) from None
