"""scripts/bench: how stages, ratios and tables come about; and one very short run of all of it."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.benchmark import table
from scripts.benchmark.contestants import is_compiled
from scripts.benchmark.load import LoadReport
from scripts.benchmark.machine import SERVED
from scripts.benchmark.options import parse
from scripts.benchmark.reading import Reading, medians, ratio, reading
from scripts.benchmark.scenarios import SCENARIOS
from scripts.benchmark.special import PLAYERS_MAX, players_for
from scripts.benchmark.stages import STAGES, count
from scripts.benchmark.summary import Summary
from tests.scripts.test_scripts import processes

ROOT = Path(__file__).parents[2]
READING = Reading(
    cpu_us=20.0,
    redis_us=2.5,
    kernel_share=0.5,
    core_share=0.2,
    load_share=0.25,
    updates_per_tick=1.0,
    update_bytes=820.0,
    stored_bytes=127.0,
    p50_ratio=1.0,
    p99_ratio=1.1,
    behind_ms=2.0,
    waited_share=0.01,
    resident_bytes=13_000.0,
)
REPORT = LoadReport(
    seconds=2.0,
    updates=2000,
    update_bytes=2000 * 820,
    inputs=2000,
    inputs_refused=0,
    ticks_missed=0,
    lost=0,
    behind_ms=1.5,
    interval_ms={"p50": 50.0, "p99": 60.0, "p999": 70.0, "max": 80.0},
    own_cpu_s=0.5,
    cpu_s=[0.04, 0.004],
)
RUN = "run (/usr/lib/python3.11/asyncio/runners.py)"


def costing(*cpu_us: float) -> list[Reading]:
    return [replace(READING, cpu_us=cost) for cost in cpu_us]


# --- stages ---


@pytest.mark.parametrize(
    ("innermost", "stage"),
    [
        (["tick (/x/gameserver/simulation/loop.py)", "move (/y/benchmark/served/games.py)"], "apply"),
        (["update_interest (/x/gameserver/simulation/tick.py)", "put (/x/gameserver/world/grid.py)"], "interest"),
        (["apply_inputs (/x/gameserver/simulation/tick.py)"], "apply"),  # the file
        (["update_interest (/x/gameserver/simulation/tick.py)"], "interest"),  # its function
        (["run (/x/gameserver/sql/database.py)"], "store"),  # its folder
        (["records (/gameserver/trees/gameserver/world/entity.py)"], "encode"),
        (["feed (/x/.venv/lib/python3.12/site-packages/websockets/streams.py)"], "decode"),
        (["write (/usr/lib/python3.11/asyncio/streams.py)"], "store"),
    ],
)
def test_the_innermost_known_function_gets_the_sample_by_the_most_exact_line(innermost: list[str], stage: str) -> None:
    assert dict(count([";".join([RUN, *innermost]) + " 3"]).stages) == {stage: 3}


@pytest.mark.parametrize("place", [place for places in STAGES.values() for place in places if "gameserver/" in place])
def test_every_place_of_ours_in_the_table_is_there(place: str) -> None:
    file, _, function = place.partition(":")
    assert (ROOT / file).exists()
    assert not function or f"def {function}(" in (ROOT / file).read_text()


def test_a_function_that_the_table_does_not_know_works_for_its_caller() -> None:
    stack = [RUN, "mark (/x/gameserver/session/write_behind.py)", "__or__ (/usr/lib/python3.11/enum.py)"]
    assert dict(count([";".join(stack) + " 2"]).stages) == {"store": 2}


def test_what_is_in_no_stage_is_named() -> None:
    counted = count(["main (/x/elsewhere.py);work (/x/elsewhere.py) 4", f"{RUN} 4"])
    assert counted.shares()["other"] == 0.5
    assert counted.unknown == {"work (/x/elsewhere.py)": 4}


def test_the_shares_are_those_of_every_stage_and_come_to_one() -> None:
    shares = count([f"{RUN} 3", f"{RUN};fan_out (/x/gameserver/edge/fanout.py) 1"]).shares()
    assert list(shares) == list(STAGES)
    assert shares["send"] == 0.25
    assert sum(shares.values()) == 1.0
    assert sum(count([]).shares().values()) == 0.0


# --- readings and ratios ---


def test_a_reading_is_per_player_and_tick() -> None:
    scenario = SCENARIOS["rooms"].with_players(50)
    taken = reading(scenario, REPORT, stored_bytes=254_000, grown_bytes=500_000, waited_s=0.2, kernel_share=0.5)
    assert (taken.cpu_us, taken.redis_us, taken.core_share, taken.load_share) == (20.0, 2.0, 0.02, 0.25)
    assert (taken.updates_per_tick, taken.update_bytes, taken.stored_bytes) == (1.0, 820.0, 127.0)
    assert (taken.p50_ratio, taken.p99_ratio, taken.resident_bytes, taken.waited_share) == (1.0, 1.2, 10_000, 0.1)


def test_a_server_that_skips_updates_does_not_look_cheaper() -> None:
    scenario = SCENARIOS["rooms"].with_players(50)
    half = replace(REPORT, updates=1000)
    assert reading(scenario, half, stored_bytes=0, grown_bytes=0, waited_s=0, kernel_share=0).cpu_us > 20.0


def test_who_is_idle_costs_by_the_clock() -> None:
    idle = replace(REPORT, updates=0, update_bytes=0, inputs=0)
    scenario = SCENARIOS["idle200"].with_players(50)
    assert reading(scenario, idle, stored_bytes=0, grown_bytes=0, waited_s=0, kernel_share=0).cpu_us == 20.0


def test_a_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_medians() -> None:
    ours, theirs = costing(10, 30, 20), costing(20, 30, 100)
    assert ratio(ours, theirs) == 0.5
    assert medians(ours).cpu_us / medians(theirs).cpu_us != 0.5


def test_players_for_a_share_of_the_core_come_in_whole_rooms() -> None:
    assert players_for(0.7, 20.0) == 1750
    assert players_for(0.7, 1e6) == 50
    assert players_for(0.7, 0.01) == PLAYERS_MAX


# --- scenarios ---


@pytest.mark.parametrize("name", ["zone500", "zone1000", "crowd2000"])
def test_about_fifty_are_in_view(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = SCENARIOS[name]
    cells = [cell_of(place) for place in places(scenario.players, scenario.side, monkeypatch)]
    seen = [sum(abs(x - left) <= 1 and abs(y - top) <= 1 for x, y in cells) for left, top in cells]
    assert 40 <= sum(seen) / len(seen) <= 55


def places(players: int, side: float, monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, float]]:
    monkeypatch.syspath_prepend(str(SERVED))  # as the server finds it
    games = importlib.import_module("games")
    monkeypatch.setattr(games, "SIDE", side)
    found: list[tuple[float, float]] = [games.place(index, players) for index in range(1, players + 1)]
    return found


def cell_of(place: tuple[float, float]) -> tuple[int, int]:
    return int(place[0] // 16), int(place[1] // 16)


def test_other_numbers_of_players_keep_the_rooms_full() -> None:
    assert SCENARIOS["rooms"].with_players(1000).zones == 20
    assert SCENARIOS["crowd2000"].with_players(40).walkers == 2
    assert SCENARIOS["idle200"].with_players(40).walkers == 0


# --- what is told ---


@pytest.fixture
def summary() -> Summary:
    contenders = {"ours": (20, 22, 21), "floor": (10, 10, 10), "naive": (60, 63, 66), "colyseus": (40, 40, 44)}
    rooms = {name: costing(*costs) for name, costs in contenders.items()}
    return Summary("a machine", {"Python": "3"}, 3, 8.0, readings={"rooms": rooms})


def test_the_json_has_the_ratios_of_the_rooms_on_top(summary: Summary) -> None:
    told = json.loads(json.dumps(summary.plain()))
    assert told["vs_colyseus"] == 0.5
    assert told["vs_naive"] == pytest.approx(1 / 3)
    assert told["vs_floor"] == 2.1
    assert told["vs_floor_woken"] is None
    assert told["ratios_of"] == "ours"
    assert told["scenarios"]["rooms"]["contenders"]["naive"]["cpu_us"] == 63


def test_the_ratios_on_top_are_the_compiled_servers_where_it_was_measured(summary: Summary) -> None:
    assert summary.plain()["compiled"]["vs_ours"] is None
    assert "compiled is" not in table.render(summary)
    summary.readings["rooms"]["compiled"] = costing(10, 11, 11)
    told = summary.plain()
    assert told["compiled"]["vs_ours"] == 0.5
    assert told["compiled"]["vs_floor"] == 1.1
    assert told["compiled"]["vs_colyseus"] == 0.25
    assert told["ratios_of"] == "compiled"
    assert (told["vs_floor"], told["vs_colyseus"]) == (1.1, 0.25)
    assert (told["ours"]["vs_floor"], told["ours"]["vs_compiled"]) == (2.1, 2.0)
    assert told["scenarios"]["rooms"]["ratios"]["vs_compiled"] == 2.0
    head, _, *rows = (line.split("|") for line in table.render(summary).splitlines() if line.startswith("|"))
    colyseus = next(row for row in rows if "Colyseus" in row[1])
    assert colyseus[[name.strip() for name in head].index("compiled is")].strip() == "0.25 ×"


def test_growth_compares_the_zones_of_1000_and_500(summary: Summary) -> None:
    assert summary.growth() is None
    summary.readings |= {"zone500": {"ours": costing(20, 20)}, "zone1000": {"ours": costing(19, 19)}}
    assert summary.growth() == 0.95
    assert "costs 0.95 × one of a zone of 500 (from source)" in table.render(summary)


def test_every_row_of_a_table_has_as_many_cells(summary: Summary) -> None:
    summary.stages = {"rooms": {"read": 4.0, "send": 8.0}}
    lines = [line for line in table.render(summary).splitlines() if line.startswith("|")]
    assert len({line.count("|") for line in lines[:6]}) == 1
    assert len({len(line) for line in lines[:6]}) == 1
    assert "0.50 ×" in next(line for line in lines if "Colyseus" in line)
    assert lines[-1].split("|")[-2].strip() == "12.0"


def test_who_did_not_keep_up_is_named(summary: Summary) -> None:
    assert "keep up" not in table.render(summary)
    summary.readings["rooms"]["naive"] = [replace(READING, updates_per_tick=0.8)] * 3
    assert "Did not keep up with the ticks: naive." in table.render(summary)


def test_the_tables_go_between_the_marks_of_a_document() -> None:
    written = table.insert(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n", "new\n")
    assert written.split() == ["before", *table.BEGIN.split(), "new", *table.END.split(), "after"]
    assert table.insert(written, "new\n") == written
    with pytest.raises(ValueError, match="measured"):
        table.insert("no marks", "new")


# --- arguments ---


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--scenario", "everything"], "invalid choice: 'everything'"),
        (["--only", "ours,theirs"], "'theirs' is none of ours, compiled, against"),
        (["--only", "floor"], "measure ours with it"),
        (["--only", "ours,against"], "against needs --against DIR"),
        (["--repeat", "0"], "'0' is no number from 1 to 99"),
        (["--seconds", "long"], "'long' is no number"),
        (["--tree", "/nowhere"], "there is no gameserver package in /nowhere"),
        (["--write", "/nowhere.md"], "/nowhere.md is no file"),
        (["--profile", __file__], "is no folder"),
        (["--fast"], "unrecognized arguments: --fast"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(arguments)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_everything_is_measured_unless_told_otherwise() -> None:
    options = parse([])
    assert options.scenarios == (*SCENARIOS, "pressure", "memory")
    assert options.contenders == ("ours", "compiled", "floor", "woken", "naive", "colyseus")
    assert (options.repeat, options.timing.measure_s) == (3, 8)
    assert parse(["--quick"]).timing.measure_s < 8
    assert parse(["--against", str(ROOT)]).contenders[:3] == ("ours", "compiled", "against")


# --- all of it ---


@pytest.mark.slow
def test_a_very_short_run_measures_the_server_the_floor_and_the_naive_version(tmp_path: Path) -> None:
    document, numbers = tmp_path / "page.md", tmp_path / "numbers.json"
    document.write_text(f"{table.BEGIN}\n{table.END}\n")
    command = [
        sys.executable,
        "-m",
        "scripts.benchmark",
        "--quick",
        "--scenario",
        "rooms",
        "--only",
        "ours,floor,naive",
    ]
    command += ["--players", "20", "--seconds", "1", "--repeat", "1", "--json", str(numbers), "--write", str(document)]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ended.returncode == 0, ended.stderr
    assert "this server" in document.read_text()
    told = json.loads(numbers.read_text())
    found = told["scenarios"]["rooms"]["contenders"]
    assert told["vs_floor"] > 1
    assert told["vs_naive"] > 0
    everybody = 2 + 2 + 8 + 12 + 20 * 16  # headers of the WebSocket's frame, of ours and of its section, and records
    assert found["ours"]["update_bytes"] == pytest.approx(everybody, rel=0.2)
    assert found["floor"]["update_bytes"] == round(found["ours"]["update_bytes"])
    assert all(reading["updates_per_tick"] > 0.3 and reading["cpu_us"] > 0 for reading in found.values())
    assert found["ours"]["stored_bytes"] > 50
    assert processes(str(tmp_path)) == []
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_was_started_ends_when_the_run_is_stopped(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "scripts.benchmark", "--scenario", "rooms", "--only", "ours", "--seconds", "60"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as run:
        wait_until(
            lambda: all(any(part in line for line in processes(str(tmp_path))) for part in ("/load", "gameserver"))
        )
        run.send_signal(number)
        assert run.wait(20) in (143, 130, -signal.SIGKILL)
    wait_until(lambda: processes(str(tmp_path)) == [])


def wait_until(it_is_so: Callable[[], bool], timeout_s: float = 60.0) -> None:
    until_s = time.monotonic() + timeout_s
    while not it_is_so():
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.slow
def test_what_cannot_be_measured_is_told_in_a_line(tmp_path: Path) -> None:
    broken = broken_tree(tmp_path)
    command = [sys.executable, "-m", "scripts.benchmark", "--quick", "--scenario", "rooms", "--only", "ours"]
    ended = subprocess.run([*command, "--tree", broken], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "scripts/bench: the server did not start" in ended.stderr
    assert "this tree is broken" in ended.stderr
    assert "Traceback" not in ended.stderr.partition("the server did not start")[0]


def test_a_tree_that_is_compiled_is_known_by_its_extension_modules(tmp_path: Path) -> None:
    assert not is_compiled(ROOT)
    (tmp_path / "gameserver" / "edge").mkdir(parents=True)
    (tmp_path / "gameserver" / "edge" / "wire.cpython-311-x86_64-linux-gnu.so").touch()
    assert is_compiled(tmp_path)


def broken_tree(folder: Path) -> str:
    package = folder / "gameserver"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit('this tree is broken')\n")
    return str(folder)
