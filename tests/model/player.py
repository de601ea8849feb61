"""A player as the node's link sees one: plays, loses its socket, resumes with its token, sends again what was not
answered, signs in elsewhere, and writes down what it was promised."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import msgspec

from gameserver.link.messages import CloseConnection, Declined, Join, Opened, ResumeSession
from gameserver.protocol.errors import RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.messages import (
    Ack,
    Action,
    ClientMessage,
    InventoryChanged,
    Logout,
    Refused,
    Welcome,
)
from tests.model.book import Book, Deed
from tests.model.node import Node
from tests.model.stall import Drop, Give, Pick, Step, Use

if TYPE_CHECKING:
    from tests.model.world import World

ANSWER_PATIENCE_S = 8.0
UNANSWERED_MAX = 12


@dataclass(eq=False)
class Socket:
    player: Player
    node: Node
    connection_id: ConnectionId = ConnectionId(0)  # noqa: RUF009
    sent: deque[ClientMessage | Join | ResumeSession] = field(default_factory=deque)
    is_cut: bool = False  # the player's end is gone
    is_playing_here: bool = False  # as the node's edge has it
    is_closed: bool = False  # as the player was told
    outlived_s: float | None = None  # since when another socket of the player has the session
    last_deed_seq: int | None = None  # of what it did after that


@dataclass(eq=False)
class Sending:
    """An action that waits for its answer."""

    message: Action
    deed: Deed


class Player:
    """``intent``: play, or leave by logging out; ``gone`` stays away."""

    def __init__(self, number: int, world: World, random: Random):
        self.player_id = PlayerId(number)
        self.name = f"p{number}"
        self.intent = "play"
        self.random = random
        self.socket: Socket | None = None
        self.is_playing = False
        self.has_left = False  # was told that it is logged out
        self._world = world
        self._book: Book = world.book
        self._token: str | None = None
        self._seq = 0
        self._waiting: dict[int, Sending] = {}
        self._before_logout: set[int] = set()  # what had no answer when it logged out
        self._items: set[str] = set()
        self._made = 0
        self._ghosts: list[Socket] = []
        self._news = asyncio.Event()

    async def run(self) -> None:
        while True:
            if self.intent == "gone":
                self._vanish()
                return
            if self.socket is None:
                if self.intent == "leave" and self.has_left:
                    return
                await asyncio.sleep(self.random.uniform(0.0, 0.8))
                await self._come_in()
            elif self.intent == "leave":
                self._log_out()
                await self._wait(lambda: self.socket is None, 5.0)
            else:
                await asyncio.sleep(self.random.uniform(0.02, 0.5))
                self._play()

    # --- what the script may do to it ---

    def cut(self, noticed_after_s: float) -> None:
        """The socket is lost; its node notices later."""
        if self.socket is not None:
            self.socket.node.lose(self.socket, noticed_after_s)
            self._out()

    def _vanish(self) -> None:
        self.cut(self.random.uniform(0.0, 1.0))
        for ghost in self._ghosts:
            ghost.node.lose(ghost, self.random.uniform(0.0, 1.0))
        self._ghosts.clear()

    def change_nodes(self, *, as_newcomer: bool) -> None:
        """The socket stays open, as of a client that hangs, and another takes the session."""
        if self.socket is not None and self.is_playing and self.intent == "play":
            self._ghosts.append(self.socket)
            self._out()
        if as_newcomer:
            self._token = None

    def relog(self) -> None:
        if self.is_playing:
            self._log_out()
            self._token = None

    def _log_out(self) -> None:
        self._before_logout = set(self._waiting)
        self._send(Logout())

    # --- coming in ---

    async def _come_in(self) -> None:
        node = self._world.node_for(self.random)
        if node is None or self.intent == "gone":
            return
        self.has_left = False
        socket = self.socket = Socket(self, node)
        node.connect(socket)
        if self._token is not None:
            node.hear(socket, ResumeSession(socket.connection_id, self._token))
        else:
            node.hear(socket, Join(socket.connection_id, self.player_id, self.name))
        await self._wait(lambda: self.is_playing or self.socket is not socket, ANSWER_PATIENCE_S)
        if self.socket is socket and not self.is_playing:
            self.cut(0.1)

    async def _wait(self, is_so: Callable[[], bool], patience_s: float) -> None:
        until_s = self._now_s() + patience_s
        while not is_so() and (left_s := until_s - self._now_s()) > 0:
            self._news.clear()
            try:
                async with asyncio.timeout(left_s):
                    await self._news.wait()
            except TimeoutError:
                return

    def _out(self) -> None:
        self.socket, self.is_playing = None, False
        self._news.set()

    # --- what it is told ---

    def hear(self, socket: Socket, message: object) -> None:
        if socket is not self.socket:
            self._hear_ghost(socket, message)
            return
        match message:
            case Opened():
                self._welcomed(socket.node, msgspec.json.decode(message.welcome, type=Welcome))
            case Declined():
                if message.code is RefusalCode.BAD_TOKEN:
                    self._token = None
                socket.node.lose(socket, 0.05)
                self._out()
            case CloseConnection() | None:
                self._closed(message)
            case Ack():
                self._answered(message.seq, message.level)
            case Refused():
                self._refused(message)
            case InventoryChanged():
                self._items = set(message.items)
        self._news.set()

    def _welcomed(self, node: Node, welcome: Welcome) -> None:
        self.is_playing = True
        self._token = welcome.resume_token
        self._items = set(welcome.inventory)
        if welcome.resumed:
            self._seq = max(self._seq, welcome.last_seq)
        else:
            self._waiting.clear()  # what became of it stays unknown
            self._seq = welcome.last_seq
        if node.host.lease.holds():  # else it has slept, or Redis is away: what it shows may be another's by now
            self._book.welcomed(self.player_id, self._items, welcome.x)
        for ghost in self._ghosts:
            self._world.outlived(ghost)
        for sending in self._waiting.values():
            self._send(sending.message)

    def _closed(self, message: CloseConnection | None) -> None:
        if message is not None and message.reason in ("logged_out", "taken_over", "idle", "kicked"):
            self._token = None
            self.has_left = message.reason == "logged_out"
            if self.has_left and self._world.is_well():
                unanswered = self._waiting.keys() & self._before_logout
                self._book.check("one answer", not unanswered, f"player {self.player_id}: none to {unanswered}")
        self._out()

    def _answered(self, seq: int, answer: str) -> None:
        sending = self._waiting.pop(seq, None)
        self._book.check("one answer", sending is not None, f"player {self.player_id}: {answer} to {seq} once more")
        if sending is not None:
            self._book.answered(sending.deed, answer)

    def _refused(self, refused: Refused) -> None:
        if refused.seq is None:
            return
        if refused.code == RefusalCode.ALREADY_ANSWERED:
            sending = self._waiting.pop(refused.seq, None)  # unknown for ever
            self._book.check("one answer", sending is not None, f"player {self.player_id}: {refused} once more")
        else:
            self._book.check("no bugs", refused.code != RefusalCode.INTERNAL, f"refused: {refused.reason}")
            self._answered(refused.seq, "refused")

    def _hear_ghost(self, socket: Socket, message: object) -> None:
        """The older socket: nothing that it sends from now on may be acked."""
        if isinstance(message, CloseConnection) or message is None:
            socket.is_closed = True
        elif isinstance(message, Ack) and socket.outlived_s is not None:
            last = socket.last_deed_seq
            told = f"{socket.connection_id} of player {self.player_id} is acked {message} after the takeover"
            self._book.check("takeover", last is None or message.seq != last, told)

    # --- playing ---

    def _play(self) -> None:
        for ghost in self._ghosts:
            self._play_as_ghost(ghost)
        if not self.is_playing:
            return
        for _ in range(self.random.randint(0, 2)):
            self._send(Step())
        if len(self._waiting) < UNANSWERED_MAX:
            self._act()

    def _act(self) -> None:
        others = [other.player_id for other in self._world.players if other is not self]
        item = self.random.choice(sorted(self._items)) if self._items else None
        busy = {sending.deed.item for sending in self._waiting.values()}
        what = self.random.choices(("pick", "use", "give", "drop"), (5, 2, 4, 1))[0]
        if item is None or item in busy or not others:
            what = "pick"
        self._seq += 1
        if what == "pick" or item is None:
            self._made += 1
            made = f"{self.player_id}-{self._made}"
            self._send_deed(Pick(seq=self._seq, item=made), Deed(self.player_id, "pick", made, None, self._now_s()))
        elif what == "give":
            to = self.random.choice(others)
            deed = Deed(self.player_id, "give", item, to, self._now_s())
            self._send_deed(Give(seq=self._seq, item=item, to=to), deed)
        else:
            message = Use(seq=self._seq, item=item) if what == "use" else Drop(seq=self._seq, item=item)
            self._send_deed(message, Deed(self.player_id, what, item, None, self._now_s()))

    def _send_deed(self, message: Action, deed: Deed) -> None:
        self._waiting[message.seq] = Sending(message, self._book.note(deed))
        self._send(message)

    def _play_as_ghost(self, ghost: Socket) -> None:
        """Act on the ghost's socket: none of its actions may have an effect."""
        if ghost.is_closed or ghost.outlived_s is None or ghost.last_deed_seq is not None:
            return
        self._made += 1
        item = f"ghost-{self.player_id}-{self._made}"
        deed = self._book.note(Deed(self.player_id, "pick", item, None, self._now_s()))
        deed.answer = "refused"
        ghost.last_deed_seq = 1_000_000 + self._made
        ghost.node.hear(ghost, Pick(seq=ghost.last_deed_seq, item=item))

    def _send(self, message: ClientMessage) -> None:
        if self.socket is not None:
            self.socket.node.hear(self.socket, message)

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()
