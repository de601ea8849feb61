"""Signing in: a register, login or guest message becomes a player, or a Refusal.

Laws: a wrong password and an unknown name cannot be told apart; nothing that is secret is kept as it was sent; SQL away
or too many waiting is told as TRY_LATER, and then no account was made unless the reason says that it is not known.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Iterator
from typing import NamedTuple

import structlog

from gameserver.accounts.names import NAME_LENGTH_MAX, NameRules, name_key
from gameserver.accounts.passwords import Passwords
from gameserver.accounts.rows import Accounts, NameTaken
from gameserver.accounts.throttle import Throttle
from gameserver.clock import Clock
from gameserver.observability.metrics import SIGN_INS
from gameserver.profiles.records import AccountRow
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import Guest, Login, Register
from gameserver.sql.database import OutcomeUnknown, ProfilesUnavailable

PASSWORD_LENGTH_MIN = 8
TOKEN_BYTES = 32
NAME_TRIES_MAX = 8  # of a guest's name with another ending
RETRY_AFTER_MS = 1000
DAY_MS = 24 * 60 * 60 * 1000
_ENDING = "23456789abcdefghjkmnpqrstuvwxyz"  # nothing that reads as something else
_KEY_BYTES_MAX = 255  # of a name_key; nobody has a longer one

log = structlog.get_logger(__name__)


class SignedIn(NamedTuple):
    player_id: PlayerId
    name: str
    guest_token: str | None  # only for a new guest: to be the same guest again


class SignIn:
    """``random_bytes(count)`` makes tokens and the endings of guests' names."""

    def __init__(
        self,
        accounts: Accounts,
        passwords: Passwords,
        throttle: Throttle,
        clock: Clock,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
        rules: NameRules | None = None,
        guest_name_days: float = 30,
    ):
        self._accounts = accounts
        self._passwords = passwords
        self._throttle = throttle
        self._clock = clock
        self._random_bytes = random_bytes
        self._rules = rules or NameRules()
        self._guest_name_ms = int(guest_name_days * DAY_MS)

    async def __call__(self, message: Register | Login | Guest, address: str) -> SignedIn:
        """Raises Refusal."""
        way = str(message.__struct_config__.tag)
        try:
            signed_in = await self._sign_in(message, address)
        except Refusal as refusal:
            SIGN_INS.labels(way, refusal.code).inc()
            raise
        SIGN_INS.labels(way, "ok").inc()
        return signed_in

    async def _sign_in(self, message: Register | Login | Guest, address: str) -> SignedIn:
        try:
            match message:
                case Register():
                    return await self._register(message, address)
                case Login():
                    return await self._login(message, address)
                case Guest(token=None):
                    return await self._new_guest(message, address)
                case Guest():
                    assert message.token is not None
                    return await self._same_guest(message.token, address)
        except OutcomeUnknown:
            reason = "it is not known whether the account was made; try to log in with it"
            raise Refusal(RefusalCode.TRY_LATER, reason, retry_after_ms=RETRY_AFTER_MS) from None
        except ProfilesUnavailable as error:
            log.warning("sign_in_unavailable", error=str(error))
            reason = "accounts cannot be reached"
            raise Refusal(RefusalCode.TRY_LATER, reason, retry_after_ms=RETRY_AFTER_MS) from None

    async def _register(self, message: Register, address: str) -> SignedIn:
        name = self._rules.checked(message.name)
        _check_new_password(message.password, name)
        _check_wait(self._throttle.sign_up(address, self._clock.monotonic_s()))
        key = name_key(name)
        row = await self._accounts.by_name(key)  # before 20 ms of hashing
        if row is not None and row.password_hash is not None:  # a guest may have to give up the name
            raise _name_taken()
        password_hash = await self._passwords.hash(message.password)
        try:
            player_id = await self._create(name, password_hash=password_hash)
        except NameTaken:
            raise _name_taken() from None
        self._throttle.signed_in(key, address)
        return SignedIn(player_id, name, None)

    async def _login(self, message: Login, address: str) -> SignedIn:
        key = name_key(message.name)[:_KEY_BYTES_MAX]
        attempt = self._throttle.guess(key, address, self._clock.monotonic_s())
        _check_wait(attempt.wait_ms)
        was_wrong = False
        try:
            row = await self._accounts.by_name(key)
            was_wrong = not await self._passwords.verify(row and row.password_hash, message.password)
        finally:
            if not was_wrong:
                self._throttle.give_back(attempt, self._clock.monotonic_s())
        if row is None or was_wrong:
            raise Refusal(RefusalCode.WRONG_CREDENTIALS, "name or password is wrong")
        self._throttle.signed_in(key, address)
        await self._renew_hash(row, message.password)
        return SignedIn(row.player_id, row.name, None)

    async def _renew_hash(self, row: AccountRow, password: str) -> None:
        """Hash again if our parameters have changed since; if that is not possible now, at the next login."""
        if row.password_hash is None or not self._passwords.is_outdated(row.password_hash):
            return
        try:
            renewed = await self._passwords.hash(password)
            await self._accounts.update_password_hash(row.player_id, renewed)
        except (Refusal, ProfilesUnavailable) as error:
            log.info("password_hash_not_renewed", player_id=row.player_id, error=str(error))

    async def _same_guest(self, token: str, address: str) -> SignedIn:
        _check_wait(self._throttle.show_token(address, self._clock.monotonic_s()))
        row = await self._accounts.by_guest_token(_token_hash(token))
        if row is None:
            self._throttle.wrong_token(address, self._clock.monotonic_s())
            raise Refusal(RefusalCode.BAD_TOKEN, "no guest has this token", field="token")
        return SignedIn(row.player_id, row.name, None)

    async def _new_guest(self, message: Guest, address: str) -> SignedIn:
        wish = None if message.name is None else self._rules.checked(message.name)
        _check_wait(self._throttle.sign_up(address, self._clock.monotonic_s()))
        token = base64.urlsafe_b64encode(self._random_bytes(TOKEN_BYTES)).rstrip(b"=").decode()
        for name in self._guest_names(wish):
            try:
                player_id = await self._create(name, token_hash=_token_hash(token))
            except NameTaken:
                continue
            return SignedIn(player_id, name, token)
        raise _name_taken()

    async def _create(self, name: str, password_hash: str | None = None, token_hash: bytes | None = None) -> PlayerId:
        now_ms = self._clock.wall_ms()
        seen_before_ms = now_ms - self._guest_name_ms if self._guest_name_ms else None
        return await self._accounts.create(name, name_key(name), password_hash, token_hash, now_ms, seen_before_ms)

    def _guest_names(self, wish: str | None) -> Iterator[str]:
        """The wish, then the wish with endings; without a wish Guest-xxxxx."""
        if wish is not None:
            yield wish
        for _ in range(NAME_TRIES_MAX):
            ending = "".join(_ENDING[byte % len(_ENDING)] for byte in self._random_bytes(5))
            stem = (wish or "Guest")[: NAME_LENGTH_MAX - len(ending) - 1].rstrip()
            yield f"{stem}-{ending}"


def _check_new_password(password: str, name: str) -> None:
    if len(password) < PASSWORD_LENGTH_MIN:
        reason = f"a password has at least {PASSWORD_LENGTH_MIN} characters"
        raise Refusal(RefusalCode.BAD_PASSWORD, reason, field="password")
    if name_key(password) == name_key(name):
        raise Refusal(RefusalCode.BAD_PASSWORD, "the password is the name", field="password")


def _check_wait(wait_ms: int) -> None:
    if wait_ms:
        raise Refusal(RefusalCode.TOO_MANY, "too many attempts", retry_after_ms=wait_ms)


def _name_taken() -> Refusal:
    return Refusal(RefusalCode.NAME_TAKEN, "this name, or one that looks like it, is taken", field="name")


def _token_hash(token: str) -> bytes:
    """Tokens are long and random, so one fast hash is enough, and the row can be found by it."""
    return hashlib.sha256(token.encode()).digest()
