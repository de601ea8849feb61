"""A multiplayer game server that loses at most one tick. These names are what a game is made of."""

from gameserver.protocol.messages import Action, Input
from gameserver.protocol.mistake import GameError
from gameserver.simulation.game import Game, handles, refuse
from gameserver.world.entity import Entity, Player
from gameserver.world.exchange import Exchange
from gameserver.world.inventory import Inventory
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState
from gameserver.world.zone import Zone, ZoneSpec

__all__ = [
    "Action",
    "Entity",
    "Exchange",
    "Game",
    "GameError",
    "Input",
    "Inventory",
    "Player",
    "PlayerState",
    "Scratch",
    "Zone",
    "ZoneSpec",
    "handles",
    "refuse",
]
__version__ = "0.1.0"
