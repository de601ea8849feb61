"""``python -m gameserver`` is ``gameserver``."""

from __future__ import annotations

from gameserver.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
