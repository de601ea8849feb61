"""Describe, as every game has it."""

from __future__ import annotations

from gameserver.protocol.messages import Describe, Described, EntityDescription
from tests.simulation.tiny import Stage, heard


def test_names_are_told_only_of_what_is_in_view() -> None:
    stage = Stage()
    ann = stage.enter(1, 5, 5, name="Ann")
    near, far = stage.enter(2, 15, 15, name="Bob"), stage.enter(3, 95, 75, name="Eve")
    stone = stage.zone.spawn("stone", 6, 6)
    stage.tick()
    stage.tick((ann, Describe([near.id, far.id, stone.id, ann.id, 999])))
    assert heard(stage.result, ann) == [
        Described([EntityDescription(near.id, "Bob"), EntityDescription(ann.id, "Ann")])
    ]
    assert heard(stage.result, near) == []
