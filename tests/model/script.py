"""The steps a script is made of, and how Hypothesis writes one. Each shrinks to something simpler: fewer steps, shorter
waits, the first node, fair weather."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import strategies as st

from gameserver.failpoints import Failpoint
from tests.model.node import NAMES, Node
from tests.model.player import Player
from tests.model.server import Server
from tests.model.world import ConnectionEvent, World


@dataclass(frozen=True)
class OfNode:
    after_s: float
    name: str

    def node(self, world: World) -> Node:
        return world.nodes[self.name]


@dataclass(frozen=True)
class OfPlayer:
    after_s: float
    number: int

    def player(self, world: World) -> Player:
        return world.players[self.number % len(world.players)]


@dataclass(frozen=True)
class OfStore:
    after_s: float
    store: str

    def server(self, world: World) -> Server:
        return world.redis if self.store == "redis" else world.sql


class Kill(OfNode):
    """kill -9."""

    def happen(self, world: World) -> None:
        world.kill(self.node(world))


class Start(OfNode):
    """Another process of a node that is dead."""

    def happen(self, world: World) -> None:
        if self.node(world).process.is_dead:
            self.node(world).start()


class Stop(OfNode):
    """SIGSTOP."""

    def happen(self, world: World) -> None:
        world.stop(self.node(world))


class Continue(OfNode):
    """SIGCONT."""

    def happen(self, world: World) -> None:
        self.node(world).process.go_on()


@dataclass(frozen=True)
class DieAt:
    """kill -9 of whichever node gets to the failpoint for the n-th time."""

    after_s: float
    point: Failpoint
    times: int

    def happen(self, world: World) -> None:
        world.die_at(self.point, self.times)


class Down(OfStore):
    """It refuses."""

    def happen(self, world: World) -> None:
        self.server(world).go_down()


class Hang(OfStore):
    """It answers nothing."""

    def happen(self, world: World) -> None:
        self.server(world).hang()


class Recover(OfStore):
    """It answers again, first what waited."""

    def happen(self, world: World) -> None:
        self.server(world).recover()


@dataclass(frozen=True)
class Empty:
    """FLUSHALL."""

    after_s: float

    def happen(self, world: World) -> None:
        world.empty_redis()


@dataclass(frozen=True)
class Blow:
    """Another weather between nodes and stores."""

    after_s: float
    delay_max_s: float
    loss: float

    def happen(self, world: World) -> None:
        for server in (world.redis, world.sql):
            server.weather.delay_max_s, server.weather.loss = self.delay_max_s, self.loss


class Cut(OfPlayer):
    """Its socket is lost."""

    def happen(self, world: World) -> None:
        self.player(world).cut(world.random.uniform(0.0, 2.0))


class Elsewhere(OfPlayer):
    """It resumes while its older socket is still open."""

    def happen(self, world: World) -> None:
        self.player(world).change_nodes(as_newcomer=False)


class SignInAgain(OfPlayer):
    """It signs in while its older socket is still open."""

    def happen(self, world: World) -> None:
        self.player(world).change_nodes(as_newcomer=True)


class Relog(OfPlayer):
    """It logs out and comes again."""

    def happen(self, world: World) -> None:
        self.player(world).relog()


class Vanish(OfPlayer):
    """It never comes back."""

    def happen(self, world: World) -> None:
        if len(world.players) > 1:
            self.player(world).intent = "gone"


_after = st.sampled_from((0.0, 0.05, 0.2, 0.5, 1.0, 2.0, 4.0))
_node = st.sampled_from(NAMES)
_number = st.integers(0, 2)
_store = st.sampled_from(("redis", "sql"))

STEPS: st.SearchStrategy[ConnectionEvent] = st.one_of(
    st.builds(Cut, _after, _number),
    st.builds(Kill, _after, _node),
    st.builds(Start, _after, _node),
    st.builds(Elsewhere, _after, _number),
    st.builds(SignInAgain, _after, _number),
    st.builds(Relog, _after, _number),
    st.builds(Vanish, _after, _number),
    st.builds(Blow, _after, st.sampled_from((0.004, 0.05, 0.2)), st.sampled_from((0.0, 0.03, 0.15))),
    st.builds(Down, _after, _store),
    st.builds(Hang, _after, _store),
    st.builds(Recover, _after, _store),
    st.builds(DieAt, _after, st.sampled_from(Failpoint), st.integers(1, 4)),
    st.builds(Stop, _after, _node),
    st.builds(Continue, _after, _node),
    st.builds(Empty, _after),
)
SCRIPTS = st.lists(STEPS, max_size=10)
