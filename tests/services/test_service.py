"""A service is checked at its class statement, and beside the game when a node is made of both."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver import Action, Game, GameError, Player, Zone, handles
from gameserver.chat.service import Chat
from gameserver.check.game import check_game
from gameserver.protocol.messages import Say
from gameserver.services.service import Service
from gameserver.simulation.routes import routes_of
from tests.services.kudos import Clap, Kudos, Praise
from tests.simulation.tiny import Stage


class Applaud(Action, tag="clap"):
    """A message of a game that has the name of a service's."""


class Loud(Game):
    @handles(Applaud)
    def applaud(self, zone: Zone, player: Player, message: Applaud) -> None: ...


class Quiet(Game):
    pass


def refused(make: Any) -> str:
    with pytest.raises(GameError) as caught:
        make()
    return str(caught.value)


def test_the_check_of_a_game_tells_of_the_same() -> None:
    (finding,) = [found for found in check_game(Loud, (Chat, Kudos)) if found.severity == "error"]
    assert finding.problem.startswith('has the tag "clap" of ')
    assert [found for found in check_game(Loud) if found.severity == "error"] == []


def test_a_game_cannot_handle_a_service_s_message_nor_a_service_a_game_s() -> None:
    def deaf() -> object:
        class Deaf(Game):
            @handles(Say)
            def say(self, zone: Zone, player: Player, message: Say) -> None: ...

        return Deaf

    def greedy() -> object:
        class Greedy(Service):
            @handles(Applaud)
            def on_applaud(self, zone: Zone, player: Player, message: Applaud) -> None: ...

        return Greedy

    assert "Deaf: handles Say, which is declared with handled_by='service'; write handled_by=\"zone\"" in refused(deaf)
    assert "Greedy: handles Applaud, which is declared with handled_by='zone'; write handled_by=\"service\"" in (
        refused(greedy)
    )


def test_a_handler_that_the_server_could_not_call_is_refused() -> None:
    def waiting() -> object:
        class Waiting(Service):
            @handles(Praise)  # type: ignore[arg-type]
            async def on_praise(self, zone: Zone, player: Player, message: Praise) -> None: ...

        return Waiting

    assert "Waiting.on_praise: is async, and the server never awaits" in refused(waiting)


def test_a_service_takes_its_handlers_along_when_it_is_subclassed() -> None:
    class Twice(Kudos):
        def on_clap(self, zone: Zone, player: Player, message: Clap) -> None:
            self.calls += ["clap", "clap"]

    service, stage = Twice(), Stage()
    routes_of(Quiet(), [service])[Clap].call(stage.zone, stage.enter(1), Clap(seq=1))
    assert service.calls == ["clap", "clap"]
