"""The index of decisions names every decision, by number and title."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
ROW = re.compile(r"^\| (\d{4}) \| \d{4}-\d\d-\d\d \| \[(.+)\]\((.+\.md)\) \|$", re.MULTILINE)


def test_the_index_has_a_row_for_every_decision() -> None:
    rows = ROW.findall((FOLDER / "index.md").read_text(encoding="utf-8"))
    pages = sorted(path for path in FOLDER.glob("*.md") if path.name != "index.md")
    assert rows == [(path.name[:4], _title(path), path.name) for path in pages]


def _title(page: Path) -> str:
    return page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
