"""The guests a person has been, kept in a file of their own, so that the next visit finds everything again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import orjson

READABLE: Final = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE


def default_path() -> Path:
    folder = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(folder).expanduser() / "gameserver" / "guests.json"


class Guests:
    """url -> name asked for -> guest token. Only its owner may read the file: whoever has a token is that guest."""

    def __init__(self, path: Path):
        self.path = path

    def token(self, url: str, name: str | None) -> str | None:
        token = self._load().get(url, {}).get(name or "")
        return token if isinstance(token, str) else None

    def remember(self, url: str, name: str | None, token: str) -> None:
        known = self._load()
        known.setdefault(url, {})[name or ""] = token
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(".new")
        written.touch(mode=0o600)
        written.write_bytes(orjson.dumps(known, option=READABLE))
        written.replace(self.path)

    def _load(self) -> dict[str, dict[str, str]]:
        try:
            known = orjson.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return {}
        return known if isinstance(known, dict) else {}
