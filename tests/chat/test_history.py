"""The last lines of a zone are shown to who joins; every line waits for SQL, and none is written twice."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from gameserver.chat.history import ChatHistory
from gameserver.chat.rows import ChatLineRow, ChatRows
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import ChatLine
from gameserver.sql.backlog import BATCH_MAX, Backlog
from gameserver.sql.database import ProfilesUnavailable


class Sql:
    """A store of chat lines that can be away."""

    def __init__(self) -> None:
        self.rows: list[ChatLineRow] = []
        self.batches: list[int] = []
        self.is_away = False

    async def append(self, rows: Sequence[ChatLineRow]) -> None:
        self.batches.append(len(rows))
        await asyncio.sleep(0)
        if self.is_away:
            raise ProfilesUnavailable("away")
        self.rows += rows

    async def last(self, zone: str, count: int) -> list[ChatLineRow]:
        return [row for row in self.rows if row.zone == zone and row.to is None][-count:]


def history(sql: Sql, kept: int = 3, rows_max: int = 10_000) -> ChatHistory:
    rows: ChatRows = sql  # type: ignore[assignment]
    return ChatHistory(rows, Backlog("chat", sql.append, rows_max), kept)


def say(of: ChatHistory, text: str, zone: str = "a", to: str | None = None) -> None:
    of.note(zone, PlayerId(1), ChatLine("whisper" if to else "zone", "Ann", text, 5, to=to))


def texts(lines: Sequence[ChatLine | ChatLineRow]) -> list[str]:
    return [line.text for line in lines]


def test_the_last_lines_of_each_zone_are_kept_oldest_first_and_whispers_are_not() -> None:
    chat = history(Sql())
    for number in range(5):
        say(chat, str(number))
    say(chat, "psst", to="Bob")
    say(chat, "elsewhere", zone="b")
    assert texts(chat.last("a")) == ["2", "3", "4"]
    assert texts(chat.last("b")) == ["elsewhere"] and chat.last("c") == []


async def test_lines_are_there_again_after_a_restart() -> None:
    sql = Sql()
    before = history(sql)
    for number in range(5):
        say(before, str(number))
    say(before, "psst", to="Bob")
    assert await before.lines.flush()
    after = history(sql)
    await after.load(["a"])
    assert after.last("a") == before.last("a")


async def test_a_server_that_keeps_no_lines_shows_none_and_still_writes_them() -> None:
    sql = Sql()
    chat = history(sql, kept=0)
    await chat.load(["a"])
    say(chat, "hi")
    assert chat.last("a") == [] and await chat.lines.flush() and texts(sql.rows) == ["hi"]


async def test_what_sql_refuses_is_written_later_in_order() -> None:
    sql = Sql()
    chat = history(sql)
    sql.is_away = True
    say(chat, "1")
    assert not await chat.lines.flush()
    say(chat, "2")
    sql.is_away = False
    assert await chat.lines.flush()
    assert texts(sql.rows) == ["1", "2"] and len(chat.lines) == 0


async def test_two_who_flush_at_once_write_no_line_twice() -> None:
    sql = Sql()
    chat = history(sql)
    for number in range(BATCH_MAX + 1):
        say(chat, str(number))
    assert all(await asyncio.gather(chat.lines.flush(), chat.lines.flush()))
    assert texts(sql.rows) == [str(number) for number in range(BATCH_MAX + 1)]
    assert sql.batches == [BATCH_MAX, 1]


async def test_beyond_its_bound_the_oldest_line_is_dropped_also_while_it_is_being_written() -> None:
    sql = Sql()
    chat = history(sql, rows_max=3)
    for number in range(3):
        say(chat, str(number))
    flushing = asyncio.ensure_future(chat.lines.flush())
    await asyncio.sleep(0)
    say(chat, "3")
    assert len(chat.lines) == 3
    assert await flushing
    assert texts(sql.rows) == ["0", "1", "2", "3"]
