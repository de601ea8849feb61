"""The bound on how deep lists and dicts lie in each other, in all that is sent or kept as JSON.

A text that nests a thousand levels deep is valid JSON, but the usual decoders of many languages give up on it. So what
is deeper than NESTING_MAX is refused where it enters: from a client, and from a game.
"""

from __future__ import annotations

import re
from typing import Final

NESTING_MAX: Final = 64
_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)


def nests_too_deep(text: bytes | str, levels: int = NESTING_MAX) -> bool:
    """Return whether the JSON text nests deeper than ``levels``. A text that is no JSON may give either."""
    if isinstance(text, str):
        text = text.encode(errors="replace")
    if text.count(b"[") + text.count(b"{") <= levels:
        return False
    depth = 0
    for token in _TOKEN.finditer(text):
        first = token[0][:1]
        if first != b'"':
            depth += 1 if first in b"[{" else -1
            if depth > levels:
                return True
    return False
