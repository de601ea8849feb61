"""A table in which either end of the link finds whom a frame is for: many keys at once, mostly the same as on the tick
before. Pure.

Law: who asks for the same keys again, and nothing has changed, is given the same list, so nobody may change what was
asked with or found. Bound: NOTED_MAX keys in all lists, or one list.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

NOTED_MAX: Final = 1 << 16
WORTH_NOTING: Final = 4  # keys; fewer are looked up sooner than noted


class Lookup(Generic[K, V]):
    def __init__(self) -> None:
        self._values: dict[K, V] = {}
        self._noted: dict[K, tuple[list[K], list[V]]] = {}  # by the first key
        self._noted_keys = 0

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, key: object) -> bool:
        return key in self._values

    def get(self, key: K) -> V | None:
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        self._forget()
        self._values[key] = value

    def drop(self, key: K) -> None:
        """Nothing is to be found under ``key`` any more."""
        if self._values.pop(key, None) is not None:
            self._forget()

    def find(self, keys: list[K]) -> list[V]:
        """What there is, in the order of ``keys``; those of which there is nothing are passed over."""
        if len(keys) < WORTH_NOTING:
            return self._find(keys)
        noted = self._noted.get(keys[0])
        if noted is not None and noted[0] == keys:
            return noted[1]
        found = self._find(keys)
        self._note(keys, found)
        return found

    def _note(self, keys: list[K], found: list[V]) -> None:
        if self._noted_keys + len(keys) > NOTED_MAX:
            self._forget()
        self._noted[keys[0]] = keys, found
        self._noted_keys += len(keys)  # also where it takes another's place: then they are forgotten a little sooner

    def _forget(self) -> None:
        self._noted.clear()
        self._noted_keys = 0

    def _find(self, keys: list[K]) -> list[V]:
        return [value for key in keys if (value := self._values.get(key)) is not None]
