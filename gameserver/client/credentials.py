"""Credentials: the first message of a session, and the means to sign in again without asking a person."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gameserver.protocol.messages import ClientMessage, Guest, Login, Register, Welcome


@dataclass(frozen=True)
class Credentials:
    """One way of signing in. Make it with ``guest``, ``login`` or ``register``."""

    way: str  # "guest", "login" or "register"
    name: str | None = None
    password: str | None = None
    token: str | None = None  # guests only

    def message(self) -> ClientMessage:
        if self.way == "guest":
            return Guest(token=self.token, name=self.name)
        if self.way == "register":
            return Register(name=self.name or "", password=self.password or "")
        return Login(name=self.name or "", password=self.password or "")

    def after(self, welcome: Welcome) -> Credentials:
        """Return the credentials for the next sign-in: a registration has become a login, a guest has a token."""
        if self.way == "register":
            return replace(self, way="login")
        if self.way == "guest":
            return replace(self, token=welcome.guest_token or self.token)
        return self

    def __repr__(self) -> str:  # passwords and tokens stay out of logs
        return f"Credentials({self.way}, name={self.name!r})"


def guest(token: str | None = None, name: str | None = None) -> Credentials:
    """Play without an account. ``token`` brings back an earlier guest; ``name`` is a wish for a new one."""
    return Credentials("guest", name=name, token=token)


def login(name: str, password: str) -> Credentials:
    return Credentials("login", name=name, password=password)


def register(name: str, password: str) -> Credentials:
    """Make an account and play as it."""
    return Credentials("register", name=name, password=password)
