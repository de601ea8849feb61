"""docs/operations.md lists every event that the server logs, with its level and its fields."""

from __future__ import annotations

import re
from pathlib import Path

from tests.structure.log_calls import log_calls

ROOT = Path(__file__).parents[2]


def logged() -> dict[str, tuple[str, set[str]]]:
    """Event -> its level or levels, its fields; by the source."""
    levels: dict[str, set[str]] = {}
    fields: dict[str, set[str]] = {}
    for call in log_calls(ROOT):
        for event in filter(None, call.events):
            levels.setdefault(event, set()).add(call.level)
            fields.setdefault(event, set()).update(name for name in call.fields if name and name != "exc_info")
    return {event: (" or ".join(sorted(levels[event])), fields[event]) for event in levels}


def listed() -> dict[str, tuple[str, set[str]]]:
    """Event -> its level, its fields; by the page."""
    rows = _rows()
    return {event: (level, set(re.findall(r"`(\w+)`", fields))) for event, level, fields, _ in rows}


def _rows() -> list[tuple[str, str, str, str]]:
    page = (ROOT / "docs/operations.md").read_text()
    table = page.split("<!-- events -->")[1].split("<!-- /events -->")[0]
    return re.findall(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| ([^|]+) \|$", table, re.MULTILINE)


def test_every_event_has_one_row_and_every_row_an_event() -> None:
    assert sorted(event for event, *_ in _rows()) == sorted(logged())


def test_every_event_has_one_level_and_the_fields_of_its_row() -> None:
    assert listed() == logged()


def test_every_event_that_is_named_elsewhere_in_the_documents_exists() -> None:
    """The words after "logs" or "says" in a document are events."""
    for path in sorted((ROOT / "docs").glob("*.md")):
        for said in re.findall(r"(?:logs|log says|says|logged as) `(\w+)`", path.read_text()):
            assert said in logged(), f"{path.name}: {said}"
