"""Resume tokens: ``<player>.<secret>``. The client has the secret, the session only its hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.session.session import Session

KEPT_MAX = 2  # the newest, and the one before until the newest is known to have arrived


def player_of_token(token: str) -> PlayerId:
    """Return the player whose session the token names. Raises Refusal (BAD_TOKEN)."""
    player, _, secret = token.partition(".")
    if not (player.isascii() and player.isdigit() and len(player) <= 19 and secret):
        raise bad_token()
    return PlayerId(int(player))


def fits(token: str, hashes: tuple[str, ...]) -> bool:
    """Constant in time for each hash."""
    digest = _hash(token)
    return any([hmac.compare_digest(digest, kept) for kept in hashes])


def rotate(session: Session, used: str | None) -> None:
    """Give the session a new token. ``used``, the token just used, stays good until the new one has arrived."""
    session.resume_token = f"{session.player_id}.{secrets.token_urlsafe(24)}"
    kept = (_hash(used),) if used else ()
    session.resume_hashes = (_hash(session.resume_token), *kept)[:KEPT_MAX]


def confirm(session: Session) -> bool:
    """The client has the newest token: the one before is no good any more. True when that changed something."""
    changed = len(session.resume_hashes) > 1
    session.resume_hashes = session.resume_hashes[:1]
    return changed


def bad_token() -> Refusal:
    return Refusal(RefusalCode.BAD_TOKEN, "this token is unknown, used up or expired")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:40]
