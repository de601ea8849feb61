"""A node's routes have every message once; two of one name, or with two handlers, are refused."""

from __future__ import annotations

import pytest

from gameserver import Player, Zone, handles
from gameserver.protocol.messages import Guest, Logout
from gameserver.services.service import Service
from gameserver.simulation.routes import routes_of
from tests.services.kudos import Clap, Kudos, Praise, Ranking
from tests.services.test_service import Applaud, Loud, Quiet, refused
from tests.simulation.tiny import Stage


class Claque(Service):
    @handles(Clap)
    def on_clap(self, zone: Zone, player: Player, message: Clap) -> None: ...


def test_a_game_s_message_with_the_name_of_a_service_s_is_refused_at_the_start() -> None:
    text = refused(lambda: routes_of(Loud(), [Kudos()]))
    assert 'Clap: has the tag "clap" of' in text and text.endswith("Applaud; give one of them another tag")


def test_a_message_that_two_services_handle_is_refused_at_the_start() -> None:
    text = refused(lambda: routes_of(Quiet(), [Kudos(), Claque()]))
    assert "Claque: handles Clap, as " in text and text.endswith("Kudos does; keep one of the two")


def test_a_service_that_is_given_twice_is_refused_at_the_start() -> None:
    assert "Kudos: handles Praise, as " in refused(lambda: routes_of(Quiet(), [Kudos(), Kudos()]))


def test_the_routes_have_the_messages_of_the_node_the_game_and_its_services() -> None:
    names = {message.__name__ for message in routes_of(Loud(), [])}
    assert names == {"Register", "Login", "Guest", "Resume", "Logout", "Describe", "Applaud"}
    assert {message.__name__ for message in routes_of(Quiet(), [Kudos()])} - names == {"Praise", "Clap", "Ranking"}


def test_a_route_says_how_its_message_is_treated() -> None:
    routes = routes_of(Loud(), [])
    assert (routes[Applaud].is_action, routes[Applaud].ack, routes[Applaud].needs_redis) == (True, "stored", True)
    assert (routes[Guest].is_for_node, routes[Logout].is_for_node, routes[Applaud].is_for_node) == (True, True, False)
    routes = routes_of(Quiet(), [Kudos()])
    assert (routes[Ranking].ack, routes[Ranking].needs_redis, routes[Ranking].needs_sql) == ("accepted", False, True)
    assert (routes[Praise].ack, routes[Praise].is_exchange) == ("stored", False)


def test_a_message_of_the_node_s_own_reaches_no_tick() -> None:
    stage = Stage()
    player = stage.enter(1)
    with pytest.raises(LookupError, match="Guest is handled before the tick"):
        stage.routes[Guest].call(stage.zone, player, Guest())
