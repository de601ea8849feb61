"""A state that could not be kept, or read back, is refused by its class statement: where, what, and what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from gameserver import GameError
from gameserver.world.state import decode_state, encode_state
from gameserver.world.state_rules import STATE_BYTES_MAX
from tests.check.wrong import import_game

CHANGES = "a change inside it would not be noticed, and not kept"
UNKNOWN = (
    "nothing says what it may hold; write the type: int, float, bool, str, a tuple of these, or a frozen msgspec.Struct"
)

# the id is the field, as it is written in line 5 of the file
FIELDS = [
    ("bag: list[str] = []", f"bag: is list[str]: {CHANGES}; write tuple[…, ...], and assign a new one"),
    ("bag: list = []", f"bag: is list: {CHANGES}; write tuple[…, ...], and assign a new one"),
    ("bag: Sequence[str] = ()", f"bag: is Sequence[str]: {CHANGES}; write tuple[…, ...], and assign a new one"),
    ("bag: set[str] = set()", f"bag: is set[str]: {CHANGES}; write frozenset[…], and assign a new one"),
    (
        "bag: dict[str, int] = {}",
        f"bag: is dict[str, int]: {CHANGES}; "
        "write tuple[tuple[str, …], ...], or a frozen msgspec.Struct, and assign a new one",
    ),
    (
        "bag: Mapping[str, int] = {}",
        f"bag: is Mapping[str, int]: {CHANGES}; "
        "write tuple[tuple[str, …], ...], or a frozen msgspec.Struct, and assign a new one",
    ),
    ("raw: bytearray = bytearray()", f"raw: is bytearray: {CHANGES}; write bytes, and assign new ones"),
    (
        "bags: tuple[list[str], ...] = ()",
        f"bags: is tuple[list[str], ...]: {CHANGES}; write tuple[…, ...], and assign a new one",
    ),
    ("bag: list[str] | None = None", f"bag: is list[str] | None: {CHANGES}; write tuple[…, ...], and assign a new one"),
    ("bag: Any = None", f"bag: is Any: {UNKNOWN}"),
    ("bag: object = None", f"bag: is object: {UNKNOWN}"),
    (
        "place: Place | None = None",
        f"place: is wrong.Place | None: {CHANGES}; write class Place(msgspec.Struct, frozen=True)",
    ),
    ("place: Spot = Spot()", f"place: is Spot: {CHANGES}; write @dataclass(frozen=True) above class Spot"),
    (
        "places: tuple[Place, ...] = ()",
        f"places: is tuple[wrong.Place, ...]: {CHANGES}; write class Place(msgspec.Struct, frozen=True)",
    ),
    (
        "z: complex = 0j",
        "z: is complex: JSON has no such thing; write int, float, bool, str, a tuple, or a frozen msgspec.Struct",
    ),
    (
        "z: int | tuple[int, ...] | frozenset[int] = 0",
        "z: cannot be read from JSON: Type unions may not contain more than one array-like (list, set, tuple) type - "
        "type `int | tuple[int, ...] | frozenset[int]` is not supported; "
        "use int, float, bool, str, a tuple of these, or a frozen struct",
    ),
    (
        'gold: int = msgspec.field(default=0, name="version")',
        "gold: is kept under the name version; remove name=, for fields are kept by their own names",
    ),
    (
        "at: Bare = Bare()",
        "at: cannot keep Bare(n=0), which is not equal to what is read back, Bare(n=0); "
        "assign a value that JSON carries there and back, of a class that compares by value",
    ),
    (
        "at: Decimal = Decimal('NaN')",
        "at: cannot keep Decimal('NaN'), which is not equal to what is read back, Decimal('NaN'); "
        "assign a value that JSON carries there and back, of a class that compares by value",
    ),
    ("gold: int", "gold: has no default; write gold: … = …, for new players"),
    (
        'gold: int = "none"',
        "gold: has the default 'none': Expected `int`, got `str`; give it a default of its own type",
    ),
    ("gold: int = None", "gold: has the default None: Expected `int`, got `null`; give it a default of its own type"),
    ("gold: int = True", "gold: has the default True: Expected `int`, got `bool`; give it a default of its own type"),
    (
        "x: float = float('nan')",
        "x: has the default nan: Expected `float`, got `null`; give it a default of its own type",
    ),
    (
        "gold: Annotated[int, msgspec.Meta(ge=0)] = -1",
        "gold: has the default -1: Expected `int` >= 0; give it a default of its own type",
    ),
    ("gold = 0", "gold: has no type, so it is no field and is not kept; write gold: int = …"),
    ("bag = ()", "bag: has no type, so it is no field and is not kept; write bag: tuple = …"),
    ("version: int = 2", "version: has a type, so it is a field; write version = 2, without a type"),
    ("version = '2'", "version: is '2'; write a whole number, 1 or more"),
    ("version = 0", "version: is 0; write a whole number, 1 or more"),
    ("_rules: tuple[str, ...] = ()", "_rules: is a name that the server uses; use another name"),
    ("upgrade: int = 0", "upgrade: is a name that the server uses; use another name"),
    ("def _rules(self): ...", "_rules: is a name that the server uses; use another name"),
    ("def upgrade(self, fields, version): ...", "upgrade: is no class method; {call}"),
    ("@staticmethod\n    def upgrade(fields, version): ...", "upgrade: is no class method; {call}"),
    (
        "@classmethod\n    async def upgrade(cls, fields, version): ...",
        "upgrade: is async or has a yield, so a call does nothing; {call}",
    ),
    (
        "@classmethod\n    def upgrade(cls, fields): ...",
        "upgrade: takes (cls, fields), not 3 arguments; {call}",
    ),
]
CALL = "write @classmethod def upgrade(cls, fields, version)"

# lines 2 and 3 of the file
KINDS = (
    'Place = type(msgspec.Struct)("Place", (msgspec.Struct,), {"__module__": __name__})\n'
    'import dataclasses; Spot = dataclasses.dataclass(type("Spot", (), {"__module__": __name__})); '
    'from decimal import Decimal; Bare = msgspec.defstruct("Bare", [("n", int, 0)], frozen=True, eq=False)'
)


@pytest.mark.parametrize(("field", "line"), FIELDS, ids=[row[0] for row in FIELDS])
def test_the_class_statement_says_which_field_could_not_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, field: str, line: str
) -> None:
    with pytest.raises(GameError) as caught:
        import_game(tmp_path, monkeypatch, f"{KINDS}\nclass S(PlayerState):\n    {field}")
    assert str(caught.value) == f"wrong.py:5 S.{line.format(call=CALL)}"


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        ("frozen=True", "has frozen=: its fields are assigned; remove frozen="),
        ("array_like=True", "has array_like=: its fields are kept by name; remove array_like="),
        ("tag='s'", "has tag=: it is kept by its version alone; remove tag="),
        (
            "forbid_unknown_fields=True",
            "has forbid_unknown_fields=: fields of other versions of the game are carried along; "
            "remove forbid_unknown_fields=",
        ),
    ],
)
def test_a_state_keeps_the_options_of_its_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str, reason: str
) -> None:
    with pytest.raises(GameError) as caught:
        import_game(tmp_path, monkeypatch, f"class S(PlayerState, {option}):\n    gold: int = 0")
    assert str(caught.value) == f"wrong.py:2 S: {reason}"


RIGHT = """
class Place(msgspec.Struct, frozen=True):
    x: float = 0.0
    names: tuple[str, ...] = ()

class Color(Enum):
    RED = "red"

class Pair(NamedTuple):
    a: int = 0
    b: str = ""

class S(PlayerState, kw_only=True):
    version = 3
    GOLD_MAX = 100
    limit: ClassVar[int] = 5
    gold: int = 0
    bounded: Annotated[int, msgspec.Meta(ge=0, le=9)] = 0
    steps: float = 0
    title: str = ""
    awake: bool = False
    color: Color = Color.RED
    mood: Literal["glad", "sad"] = "glad"
    place: Place = Place()
    pair: Pair = Pair()
    path: tuple[tuple[float, float], ...] = ()
    seen: frozenset[str] = frozenset()
    friend: str | None = None
    raw: bytes = b""
    later: "Later | None" = None
    fields: int = 0
    rules: str = ""
    encode: bool = False

    def rich(self):
        return self.gold > 5

    @classmethod
    def upgrade(cls, fields, version):
        return fields

class Later(msgspec.Struct, frozen=True):
    at: int = 0

class G(Game[S]): ...
"""


def test_what_is_right_is_not_refused_and_can_be_assigned_and_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = import_game(tmp_path, monkeypatch, RIGHT)
    state = wrong.S()
    state.gold, state.bounded, state.steps, state.title, state.awake = -(2**63), 9, 3, "ж" * 50, True
    state.color, state.mood, state.place, state.pair = (
        wrong.Color.RED,
        "sad",
        wrong.Place(1.5, ("a",)),
        wrong.Pair(1, "b"),
    )
    state.path, state.seen, state.friend, state.raw = ((1, 2.5),), frozenset("ab"), "Ann", b"\xff"
    state.later = wrong.Later(7)
    state.fields, state.rules, state.encode = 3, "none", True
    assert state == decode_state(wrong.S, encode_state(state))
    assert type(state.steps) is float and type(state.path[0][0]) is float


def test_a_state_of_so_many_fields_that_it_could_not_be_read_back_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = "\n    ".join(f"number_{at}: int = 0" for at in range(3000))
    with pytest.raises(GameError) as caught:
        import_game(tmp_path, monkeypatch, f"class S(PlayerState):\n    {fields}")
    assert str(caught.value).startswith("wrong.py:2 S: has 3000 fields, which may take ")
    assert str(caught.value).endswith(" bytes, of at most 65536; keep fewer, or keep some of them elsewhere")


def test_a_thousand_numbers_are_not_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = "\n    ".join(f"number_{at}: int = 0" for at in range(1000))
    state = import_game(tmp_path, monkeypatch, f"class S(PlayerState):\n    {fields}").S()
    for at in range(1000):
        setattr(state, f"number_{at}", -(2**63))
    assert len(encode_state(state)) <= STATE_BYTES_MAX
