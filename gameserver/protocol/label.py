"""Names that a game gives: item kinds, entity kinds, zones, events. All stores keep such a name as it is.

MariaDB takes "apple" and "apple " for one key, and its column has 64 characters; a lone surrogate has no UTF-8.
"""

from __future__ import annotations

from typing import Final

LABEL_LENGTH_MAX: Final = 64  # characters, of up to 4 bytes each
LABEL_RULE: Final = "use 1 to 64 printable characters, with no blank at either end"


def is_label(name: object) -> bool:
    """Return whether the name keeps LABEL_RULE."""
    return isinstance(name, str) and 0 < len(name) <= LABEL_LENGTH_MAX and name.isprintable() and name == name.strip()
