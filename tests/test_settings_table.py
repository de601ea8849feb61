"""docs/operations.md tells of every setting, as it is."""

from __future__ import annotations

import re
from pathlib import Path

from gameserver.settings_table import describe, markdown

DOC = Path(__file__).parents[1] / "docs" / "operations.md"
MARKED = re.compile(r"<!-- settings -->\n(.*?)<!-- /settings -->", re.DOTALL)
TO_RENEW = "the table is out of date: put what `gameserver check-config --markdown` prints between the marks"


def test_every_setting_stands_in_the_operations_page() -> None:
    text = DOC.read_text(encoding="utf-8")
    assert [row.variable for row in describe() if f"`{row.variable}`" not in text] == []


def test_the_table_is_the_one_the_program_prints() -> None:
    found = MARKED.search(DOC.read_text(encoding="utf-8"))
    assert found, "the marks are gone"
    assert found[1].strip() == markdown().strip(), TO_RENEW
