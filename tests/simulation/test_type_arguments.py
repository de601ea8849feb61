"""The type arguments of a game name the classes of its players' state and of its scratches."""

from __future__ import annotations

from typing import Generic

from typing_extensions import TypeVar

from gameserver import Action, Exchange, Game, Player, PlayerState, Scratch, Zone, handles


class Tally(PlayerState):
    score: int = 0


class LongTally(Tally):
    rounds: int = 0


class Steering(Scratch):
    dx: float = 0.0


class Ground(Scratch):
    rounds: int = 0


class Tap(Action, tag="tap"):
    pass


def named(game: type[Game]) -> tuple[type, type, type]:
    return game.state_type, game.scratch_type, game.zone_scratch_type


def test_a_game_without_type_arguments_keeps_nothing_and_has_empty_scratches() -> None:
    class Plain(Game): ...

    assert named(Plain) == (PlayerState, Scratch, Scratch)


def test_the_classes_come_from_the_class_statement() -> None:
    class One(Game[Tally]): ...

    class Two(Game[Tally, Steering]): ...

    class Three(Game[Tally, Steering, Ground]): ...

    assert named(One) == (Tally, Scratch, Scratch)
    assert named(Two) == (Tally, Steering, Scratch)
    assert named(Three) == (Tally, Steering, Ground)


def test_a_game_that_extends_another_has_its_classes_or_names_its_own_state() -> None:
    class First(Game[Tally, Steering, Ground]): ...

    class Second(First): ...

    class Third(First):
        state_type = LongTally

    assert named(Second) == (Tally, Steering, Ground)
    assert named(Third) == (LongTally, Steering, Ground)


StateT = TypeVar("StateT", bound=PlayerState, covariant=True)


class AnyState(Game[StateT, Steering, Ground], Generic[StateT]):
    """A game for any state, which another game names."""


def test_a_generic_game_is_given_its_classes_by_the_game_that_extends_it() -> None:
    class Named(AnyState[Tally]): ...

    assert named(AnyState) == (PlayerState, Steering, Ground)
    assert named(Named) == (Tally, Steering, Ground)


def test_hooks_and_handlers_may_take_what_is_wider_than_the_game_has() -> None:
    class Wide(Game[LongTally, Steering]):
        def on_join(self, zone: Zone, player: Player[Tally]) -> None: ...

        def on_exchange(self, zone: Zone[Tally], exchange: Exchange) -> None: ...

        @handles(Tap)
        def tap(self, zone: Zone[LongTally], player: Player, message: Tap) -> None: ...

    assert named(Wide) == (LongTally, Steering, Scratch)
