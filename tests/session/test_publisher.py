"""What a tick brought goes to those it is for."""

from __future__ import annotations

import pytest

from gameserver.link.local import LocalLink
from gameserver.link.messages import Deliver, ToEdge
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId
from gameserver.protocol.messages import Refused
from gameserver.session.game_log import GameLog
from gameserver.session.publisher import Publisher
from gameserver.session.registry import Registry
from gameserver.simulation.result import TickResult, Verdict
from gameserver.simulation.zones import Zones
from tests.session.standins import StillClock, session
from tests.simulation.tiny import Tiny


@pytest.mark.plain
def test_an_answer_to_an_older_session_of_a_player_is_not_given_to_the_newer_one() -> None:
    """The newer one's client sends the action again, and has the answer to that."""
    told: list[ToEdge] = []
    link, registry, zones = LocalLink(), Registry(), Zones(Tiny(), StillClock(), lambda name: None, 1)
    link.attach_edge(told.append)
    unused: object = None
    publisher = Publisher(
        link=link,
        registry=registry,
        write_behind=unused,  # type: ignore[arg-type]
        carrier=unused,  # type: ignore[arg-type]
        history=unused,  # type: ignore[arg-type]
        game=Tiny(),
        grace_s=30,
        left=lambda player: None,
        turned_away=lambda session: None,
        waits=lambda session: None,
        game_log=GameLog(StillClock()),
    )
    older, newer = session(1), session(1)
    registry.add(newer)
    registry.bind(newer, ConnectionId("n:2"))
    refusal = Refusal(RefusalCode.TRY_LATER, "the exchange could not be made")
    publisher.act(zones["tiny"], result_of(Verdict(older.player, 23, refusal=refusal)))
    assert told == []
    publisher.act(zones["tiny"], result_of(Verdict(newer.player, 24, refusal=refusal)))
    (delivered,) = told
    assert isinstance(delivered, Deliver) and isinstance(delivered.message, Refused)
    assert delivered.message.seq == 24


def result_of(verdict: Verdict) -> TickResult:
    result = TickResult(1)
    result.verdicts.append(verdict)
    return result
