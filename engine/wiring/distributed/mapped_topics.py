"""The topics of the shop's own that connectors.yaml maps, read from the folder of workflows when a gateway begins.

The file stands there, since it names the events of events.yaml, so that one `winback check` looks at both. It is no part
of a rule set: no decision is made by it, and a topic that is mapped anew changes nothing for who waits in a workflow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from msgspec import structs

from engine.core.source_topics import SourceTopic
from engine.language.files import CONNECTORS_FILE, read_files
from engine.language.problems import Severity, format_problems
from engine.runtimes.kafka.topic_names import TopicNames
from engine.wiring.settings import SettingsError

OWN_EVENTS_FILE = "events.yaml"


def source_topics(folder: Path, names: TopicNames) -> Mapping[str, SourceTopic]:
    """Return the mapped topics by name; none where there is no connectors.yaml.

    Raises:
        SettingsError: the file has mistakes, all of them told; or it names a topic of ours.

    """
    paths = [folder / name for name in (CONNECTORS_FILE, OWN_EVENTS_FILE)]
    try:
        texts = {path.name: path.read_bytes() for path in paths if path.exists()}
    except OSError as error:
        raise SettingsError(f"{error.filename}: {error.strerror}") from None
    if CONNECTORS_FILE not in texts:
        return {}
    checked = read_files(texts, str(folder))
    wrong = [one for one in checked.problems if one.severity is Severity.ERROR]
    if wrong:
        raise SettingsError(format_problems(wrong, checked.sources).rstrip("\n"))
    ours = {*structs.astuple(names)} & checked.connectors.keys()
    if ours:
        raise SettingsError(f"{folder / CONNECTORS_FILE}: {min(ours)} is a topic of winback's own: it needs no mapping")
    return checked.connectors
