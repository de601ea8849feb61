"""Games with one mistake each, as their author would write them: imported from a file of their own."""

from __future__ import annotations

import importlib
import linecache
import sys
from pathlib import Path
from types import ModuleType

import pytest

FIRST_LINE = "from gameserver import *; from enum import Enum; from typing import *; import functools, msgspec\n"


def import_game(folder: Path, monkeypatch: pytest.MonkeyPatch, body: str) -> ModuleType:
    """Import ``body`` as ``wrong.py``, its own first line being line 2 of the file."""
    (folder / "wrong.py").write_text(FIRST_LINE + body.strip("\n") + "\n", encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "wrong", raising=False)
    linecache.clearcache()
    importlib.invalidate_caches()
    return importlib.import_module("wrong")
