"""The Python client library: sign in, walk, act and see the world, over one WebSocket that comes back by itself.

async with Client("ws://localhost:8765/ws") as client:
    await client.sign_in(guest())
    client.send("move", dx=1.0, dy=0.0)
    await client.act("pick_up", entity=7)
"""

from gameserver.client.backoff import Backoff
from gameserver.client.client import Client, ConnectionState
from gameserver.client.credentials import Credentials, guest, login, register
from gameserver.client.errors import (
    ActionRefused,
    ClientError,
    ConnectFailed,
    ConnectionLost,
    NotSignedIn,
    OutcomeUnknown,
    SessionEnded,
    SignInRefused,
    TooManyActions,
)
from gameserver.client.frames import SharedFrames
from gameserver.client.inbox import Messages
from gameserver.client.transport import Traffic
from gameserver.client.world import Entity, World

__all__ = [
    "ActionRefused",
    "Backoff",
    "Client",
    "ClientError",
    "ConnectFailed",
    "ConnectionLost",
    "ConnectionState",
    "Credentials",
    "Entity",
    "Messages",
    "NotSignedIn",
    "OutcomeUnknown",
    "SessionEnded",
    "SharedFrames",
    "SignInRefused",
    "TooManyActions",
    "Traffic",
    "World",
    "guest",
    "login",
    "register",
]
