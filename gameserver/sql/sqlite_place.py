"""The place of an SQLite file, watched: a connection goes on with a file that was moved away or deleted, and what it
commits there is in no database that anybody opens later.

Law: two places are the same if they hold the same file, whatever is in it.
"""

from __future__ import annotations

import os
from pathlib import Path


class SqlitePlace:
    """``remember`` when the file is open; ``is_same`` before a commit. For another database both do nothing."""

    def __init__(self, file: Path | None):
        self._file = file
        self._opened: tuple[int, int] | None = None

    def remember(self) -> None:
        """Note which file is open. The first one counts."""
        if self._opened is None:
            self._opened = self._found()

    def is_same(self) -> bool:
        """Return whether the file that is open is still in its place."""
        return self._opened is None or self._found() == self._opened

    def _found(self) -> tuple[int, int] | None:
        if self._file is None:
            return None
        try:
            found = os.stat(self._file)
        except FileNotFoundError:
            return None
        return found.st_dev, found.st_ino
