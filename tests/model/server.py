"""A store's process and the way to it. What a call does is a function that runs at one instant, when it arrives.

Law: once sent, a call belongs to the network: its caller may be cancelled, give up or die, and it takes effect or not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.model.virtual_time import Process, nobody, this_process
from tests.model.weather import Loss, Weather


class Lost(Exception):  # noqa: N818
    """No answer. ``may_happen``: the call may have taken effect, or may yet."""

    def __init__(self, reason: str, *, may_happen: bool):
        super().__init__(reason)
        self.may_happen = may_happen


@dataclass(eq=False)
class Call:
    effect: Callable[[], Any]
    patience_s: float
    answer: asyncio.Future[Any]
    sender: Process | None
    back_s: float
    loss: Loss
    late_s: float
    is_over: bool = False  # took effect, or never will
    told: list[Any] = field(default_factory=list)


class Server:
    """``is_down``: refuses. ``is_hung``: what arrives waits. ``trouble_s``: when a call was last lost."""

    def __init__(self, weather: Weather):
        self.weather = weather
        self.is_down = False
        self.is_hung = False
        self.trouble_s = float("-inf")
        self._held: list[Call] = []

    # --- for the script ---

    def go_down(self) -> None:
        self.is_down = True
        self.drop_held()
        self._note_trouble()

    def drop_held(self) -> None:
        """Drop the unread requests: they go with the process."""
        for call in self._held:
            call.is_over = True
        self._held.clear()

    def hang(self) -> None:
        self.is_hung = True
        self._note_trouble()

    def recover(self) -> None:
        if self.is_down or self.is_hung:
            self._note_trouble()
        self.is_down = self.is_hung = False
        held, self._held = self._held, []
        for call in held:
            self.execute(call)

    # --- for the stand-ins ---

    async def ask(self, effect: Callable[[], Any], patience_s: float) -> Any:
        """Run ``effect`` and return its result or raise its error. Raises Lost."""
        return await self.send(effect, patience_s).answer

    def send(self, effect: Callable[[], Any], patience_s: float) -> Call:
        loop = asyncio.get_running_loop()
        fate = self.weather.fate()
        call = Call(effect, patience_s, loop.create_future(), this_process(), fate.back_s, fate.loss, fate.late_s)
        if call.sender is not None and call.sender.is_dead:
            return call  # what a dead process still does until it waits is not done
        if fate.loss is Loss.NOTHING:
            self._later(fate.there_s, self._arrive, call)
            return call
        self._note_trouble()
        if fate.loss is Loss.REFUSED:
            self._later(fate.there_s, self._give_up, call, "the connection broke", False)
        elif fate.loss is Loss.REPLY:
            self._later(fate.there_s, self._arrive, call)
        else:
            self._later(patience_s, self._give_up, call, "no answer in time", True)
            self._later(patience_s + fate.late_s, self._arrive, call)
        return call

    def execute(self, call: Call) -> None:
        """Now, unless it is over. Overridden by what does it in more than one step."""
        if not call.is_over:
            call.is_over = True
            try:
                result = call.effect()
            except Exception as error:
                self.answer(call, error)
            else:
                self.answer(call, result)

    def answer(self, call: Call, result: Any) -> None:
        if call.loss is Loss.REPLY:
            self._later(call.back_s, self._give_up, call, "the reply was lost", True)
        else:
            self._later(call.back_s, _tell, call, result)

    def _arrive(self, call: Call) -> None:
        if call.is_over:
            return
        if call.sender is not None and call.sender.is_dead and self.weather.random.random() < 0.3:
            call.is_over = True  # was still in its buffers
        elif self.is_down:
            call.is_over = True
            self._give_up(call, "connection refused", False)
        elif self.is_hung:
            self._held.append(call)
            self._later(call.patience_s, self._give_up, call, "no answer in time", True)
        else:
            self.execute(call)

    def _give_up(self, call: Call, reason: str, may_happen: bool) -> None:
        if not call.answer.done():
            self._note_trouble()
            _tell(call, Lost(reason, may_happen=may_happen))

    def _later(self, delay_s: float, function: Callable[..., None], *args: Any) -> None:
        asyncio.get_running_loop().call_later(delay_s, function, *args, context=nobody())

    def _note_trouble(self) -> None:
        self.trouble_s = asyncio.get_running_loop().time()


def _tell(call: Call, result: Any) -> None:
    if call.answer.done():
        return
    if isinstance(result, Exception):
        call.answer.set_exception(result)
        call.answer.exception()  # counts as seen, also when its caller is gone
    else:
        call.answer.set_result(result)
