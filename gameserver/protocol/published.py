"""The tables of the protocol as a JavaScript module, so that the page never types them by hand. Pure.

``scripts/protocol`` writes ``gameserver/web/protocol.js``; a test fails while that file differs.
"""

from __future__ import annotations

import msgspec

from gameserver.protocol import constants
from gameserver.protocol.errors import CLOSES, WORTH_RETRYING

HEADER = "// The protocol's constants and tables. Made by scripts/protocol from gameserver/protocol; do not edit.\n"


def javascript() -> str:
    """Return the module's text."""
    names = sorted(name for name in vars(constants) if name.isupper())
    values: dict[str, object] = {name: getattr(constants, name) for name in names}
    values["WORTH_RETRYING"] = sorted(WORTH_RETRYING)
    values["CLOSES"] = {
        reason.value: {"code": row.code, "may_return": row.may_return} for reason, row in CLOSES.items()
    }
    return HEADER + "".join(f"\nexport const {name} = {_literal(value)};\n" for name, value in values.items())


def _literal(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
