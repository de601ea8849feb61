"""The page has its copy of the protocol's tables from the server, and types none of them by hand."""

from __future__ import annotations

import re
from pathlib import Path

from gameserver.protocol.constants import SUBPROTOCOL
from gameserver.protocol.errors import CLOSES, RefusalCode
from gameserver.protocol.published import javascript

WEB = Path(__file__).parents[2] / "gameserver/web"
SCRIPTS = [script for script in sorted(WEB.rglob("*.js")) if script.name != "protocol.js"]


def test_the_pages_tables_are_those_of_the_server() -> None:
    assert (WEB / "protocol.js").read_text() == javascript(), "out of date: run scripts/protocol"


def test_the_page_types_no_close_code_and_no_subprotocol_by_hand() -> None:
    codes = {str(row.code) for row in CLOSES.values()} - {"1000"}  # that one is also a second in milliseconds
    for script in SCRIPTS:
        for number, line in enumerate(script.read_text().splitlines(), 1):
            assert not codes & set(re.findall(r"\b\d{4}\b", line)), f"{script.name}:{number}: {line.strip()}"
            assert SUBPROTOCOL not in line, f"{script.name}:{number}: {line.strip()}"


def test_the_page_has_words_for_refusals_that_exist() -> None:
    words = re.search(r"const REFUSALS = \{\n(.*?)\n\};", (WEB / "meadow.js").read_text(), re.DOTALL)
    assert words is not None
    codes = set(re.findall(r"^  (\w+):", words[1], re.MULTILINE))
    assert codes - {"session_over"} <= set(RefusalCode), "session_over is the page's own"
