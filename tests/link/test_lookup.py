"""Many keys at once, the same list for the same keys, and never one of before a change."""

from __future__ import annotations

import pytest

from gameserver.link.lookup import NOTED_MAX, WORTH_NOTING, Lookup

KEYS = list(range(WORTH_NOTING))


def lookup(*keys: int) -> Lookup[int, str]:
    """Has for each key its digits."""
    table = Lookup[int, str]()
    for key in keys:
        table.put(key, str(key))
    return table


def test_what_is_there_is_found_in_the_order_asked_for_and_the_rest_passed_over() -> None:
    table = lookup(1, 2, 3, 10, 11)
    assert table.find([11, 7, 2, 10, 9, 1]) == ["11", "2", "10", "1"]
    assert table.find([3, 7]) == ["3"] and table.find([7]) == [] == table.find([])
    assert (len(table), 3 in table, 7 in table, table.get(3), table.get(7)) == (5, True, False, "3", None)


def test_the_same_keys_are_given_the_same_list_also_by_another_list_of_them() -> None:
    table = lookup(*KEYS)
    assert table.find(KEYS) is table.find(KEYS) is table.find(list(KEYS))


def test_other_keys_with_the_same_first_are_not_taken_for_those() -> None:
    table = lookup(*KEYS, 100)
    table.find(KEYS)
    assert table.find([*KEYS, 100]) == [*map(str, KEYS), "100"]
    assert table.find(KEYS[:1] + KEYS[2:] + [100]) == ["0", *map(str, KEYS[2:]), "100"]
    assert table.find(KEYS) == [*map(str, KEYS)]


@pytest.mark.parametrize("key", [0, WORTH_NOTING - 1])
def test_what_was_found_before_a_change_is_not_found_after_it(key: int) -> None:
    table = lookup(*KEYS)
    table.find(KEYS)
    table.drop(key)
    assert table.find(KEYS) == [str(other) for other in KEYS if other != key]
    table.put(key, "anew")
    assert table.find(KEYS) == ["anew" if other == key else str(other) for other in KEYS]
    table.put(key, "again")
    assert table.find(KEYS)[key] == "again"


def test_to_drop_what_is_not_there_changes_nothing() -> None:
    table = lookup(*KEYS)
    found = table.find(KEYS)
    table.drop(99)
    assert table.find(KEYS) is found


def test_lists_that_nobody_asks_for_any_more_do_not_add_up() -> None:
    table = lookup(*KEYS)
    many = list(range(NOTED_MAX // 16))
    for first in range(100):
        table.find([-first, *many])
        assert sum(len(keys) for keys, _ in table._noted.values()) <= NOTED_MAX
    found = table.find([*KEYS, *range(100, 100 + NOTED_MAX)])
    assert found == [*map(str, KEYS)] and len(table._noted) == 1
