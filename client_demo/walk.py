"""Walking with a keyboard that tells only presses: terminals repeat a held key, but never say that it was let go.

A press walks for a moment; the repeats of a held key carry it on without a break; a second key within that moment makes
a diagonal. A press with shift keeps walking until something else is pressed. Pure: time is an argument, in seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

FIRST_PRESS_S = 0.5  # about as long as terminals wait before a held key repeats
REPEAT_S = 0.2  # after that the repeats come far quicker than this
_FOR_EVER = float("inf")

Direction = tuple[int, int]
DIRECTIONS: dict[str, Direction] = {
    "up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0),
    "w": (0, -1), "s": (0, 1), "a": (-1, 0), "d": (1, 0),
}  # fmt: skip
KEEP_WALKING: dict[str, Direction] = {
    "shift+up": (0, -1), "shift+down": (0, 1), "shift+left": (-1, 0), "shift+right": (1, 0),
    "W": (0, -1), "S": (0, 1), "A": (-1, 0), "D": (1, 0),
}  # fmt: skip


@dataclass
class _Axis:
    sign: int = 0
    until_s: float = 0.0


@dataclass
class Walk:
    """The direction of the keys pressed so far. x grows to the right, y downwards."""

    _axes: tuple[_Axis, _Axis] = field(default_factory=lambda: (_Axis(), _Axis()))
    _is_kept: bool = False

    def press(self, direction: Direction, now_s: float, *, keep: bool = False) -> None:
        if self._is_kept or keep:
            self.stop()
        self._is_kept = keep
        for axis, sign in zip(self._axes, direction, strict=True):
            if sign:
                is_repeat = axis.sign == sign and axis.until_s > now_s
                axis.sign = sign
                axis.until_s = _FOR_EVER if keep else max(
                    axis.until_s if is_repeat else 0.0, now_s + (REPEAT_S if is_repeat else FIRST_PRESS_S)
                )  # fmt: skip

    def stop(self) -> None:
        self._is_kept = False
        for axis in self._axes:
            axis.sign, axis.until_s = 0, 0.0

    def direction(self, now_s: float) -> Direction:
        dx, dy = (axis.sign if axis.until_s > now_s else 0 for axis in self._axes)
        return dx, dy
