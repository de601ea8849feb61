"""Each rule finds what it is for: one planted violation at a time, in a tree of a few files that keeps all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.structure.rules import FUNCTION_LINES_MAX, LINES_MAX, RULES

GOOD = {
    "gameserver/__init__.py": "from gameserver.world.zone import Zone\n",
    "gameserver/app.py": "from gameserver.edge.server import Edge\nfrom gameserver.session.dispatch import Host\n",
    "gameserver/demo.py": "import math\nimport msgspec\nfrom gameserver import Zone\n",
    "gameserver/protocol/messages.py": "import msgspec\n",
    "gameserver/world/zone.py": (
        "from typing import TYPE_CHECKING\nfrom gameserver.protocol.messages import Move\n"
        "if TYPE_CHECKING:\n    from random import Random\n"
    ),
    "gameserver/simulation/tick.py": "from gameserver.world import zone\n",
    "gameserver/simulation/loop.py": "import asyncio\nfrom gameserver.simulation import tick\n",
    "gameserver/session/dispatch.py": (
        "import structlog\nfrom gameserver.simulation.loop import Loop\nlog = structlog.get_logger(__name__)\n"
        "log.error('player_came' if Loop else 'player_left', player_id=1)\n"
    ),
    "gameserver/edge/server.py": "import websockets\n",
    "gameserver/observability/metrics.py": (
        "from prometheus_client import Counter, Histogram\n"
        "CLOSES = Counter('gameserver_closes_total', 'Closes', ['reason'])\n"
        "TICK_SECONDS = Histogram('gameserver_tick_seconds', 'Tick')\n"
    ),
    "gameserver/sql/database.py": "from collections import Counter\nimport sqlalchemy\nSEEN = Counter('x')\n",
    "gameserver/live/scripts/open.lua": (
        "-- KEYS[1]  the hash\n-- ARGV[1]  epoch\n-- ARGV[2…] the rest\n\nreturn KEYS[1] .. ARGV[1] .. ARGV[7]\n"
    ),
    "scripts/release.py": "\n",
    "setup.py": "COMPILED = {'world': 'zone', 'session': 'dispatch'}\n",
    "client_demo/swarm.py": "class Bot:\n    pass\n",
    "tests/test_zone.py": "def test_zone():\n    pass\n",
    "docs/operations.md": "Files lie in /data, ~/work/x or ${HOME}/home/x; see https://example.org/work/play.\n",
}

LONG_FUNCTION = "def step():\n" + "    pass\n" * FUNCTION_LINES_MAX
TWO_ERRORS = "def f():\n    try: pass\n    except KeyError as error: pass\n    except OSError as error: pass\n"

# rule, file, what is planted there, what the complaint says
PLANTED = [
    ("imports_point_down", "gameserver/world/zone.py", "from gameserver.live.keys import session", "live.keys"),
    ("imports_point_down", "gameserver/world/zone.py", "from ..live import keys", "live.keys"),
    ("imports_point_down", "gameserver/edge/server.py", "import gameserver.world.zone", "edge may not"),
    ("imports_point_down", "gameserver/edge/server.py", "from gameserver.simulation import loop", "edge may not"),
    ("imports_point_down", "gameserver/edge/server.py", "def f():\n    import gameserver.session", "edge may not"),
    ("imports_point_down", "gameserver/session/dispatch.py", "from gameserver.edge import server", "session may not"),
    ("imports_point_down", "gameserver/simulation/loop.py", "from gameserver import edge", "simulation may not"),
    ("imports_point_down", "gameserver/session/dispatch.py", "from gameserver.chat import service", "session may not"),
    ("imports_point_down", "gameserver/simulation/tick.py", "from gameserver.services import service", "may not"),
    (
        "messages_are_known_to_their_handlers",
        "gameserver/session/dispatch.py",
        "from gameserver.protocol.messages import Say",
        "is for its handler in gameserver/chat/service.py",
    ),
    ("imports_point_down", "gameserver/protocol/messages.py", "import gameserver.world.zone", "protocol may not"),
    ("imports_point_down", "gameserver/config.py", "from gameserver.clock import Clock", "config may not"),
    ("imports_point_down", "gameserver/demo.py", "from gameserver.world.zone import Zone", "demo may not"),
    ("imports_point_down", "gameserver/demo.py", "from gameserver import app", "demo may not"),
    ("every_part_has_its_place", "gameserver/lobby/rooms.py", "", "gameserver/lobby"),
    ("plain_json_goes_through_orjson", "gameserver/session/dispatch.py", "import json", "use orjson"),
    ("plain_json_goes_through_orjson", "client_demo/swarm.py", "from json import dumps", "use orjson"),
    ("one_vendor_per_folder", "gameserver/session/dispatch.py", "import redis.asyncio", "redis is not for session"),
    ("one_vendor_per_folder", "gameserver/live/keys.py", "from sqlalchemy import text", "not for live"),
    ("one_vendor_per_folder", "gameserver/accounts/sign_in.py", "import websockets", "not for accounts"),
    ("one_vendor_per_folder", "gameserver/edge/server.py", "import fastapi", "fastapi is not for edge"),
    ("one_vendor_per_folder", "gameserver/world/zone.py", "import structlog", "structlog is not for world"),
    ("pure_modules_are_pure", "gameserver/protocol/messages.py", "import asyncio", "imports asyncio"),
    ("pure_modules_are_pure", "gameserver/world/zone.py", "from time import monotonic", "imports time"),
    ("pure_modules_are_pure", "gameserver/simulation/tick.py", "import random", "imports random"),
    ("pure_modules_are_pure", "gameserver/simulation/game.py", "import logging", "imports logging"),
    ("pure_modules_are_pure", "gameserver/session/lifecycle.py", "import socket", "imports socket"),
    ("pure_modules_are_pure", "gameserver/simulation/tick.py", "from gameserver.simulation import loop", "is not"),
    ("pure_modules_are_pure", "gameserver/world/zone.py", "from gameserver.clock import Clock", "is not"),
    ("files_are_short", "gameserver/edge/server.py", "\n" * LINES_MAX, "lines"),
    ("files_are_short", "gameserver/web/world.js", "//\n" * LINES_MAX, "gameserver/web/world.js"),
    ("functions_are_short", "gameserver/simulation/tick.py", LONG_FUNCTION, "step has 61 lines"),
    ("functions_are_short", "tests/test_zone.py", LONG_FUNCTION.replace("def", "async def"), "step has 61 lines"),
    ("names_say_something", "gameserver/session/utils.py", "", "'utils'"),
    ("names_say_something", "gameserver/session/session_manager.py", "", "'manager'"),
    ("names_say_something", "gameserver/core/zone.py", "", "'core'"),
    ("names_say_something", "gameserver/session/dispatch.py", "class SessionManager: pass", "SessionManager"),
    ("docstrings_begin_with_subject_or_verb", "gameserver/world/clock.py", '"""What time it is."""', "'What'"),
    ("docstrings_begin_with_subject_or_verb", "client_demo/swarm.py", 'class C:\n    """Of bots."""', "'Of'"),
    ("docstrings_begin_with_subject_or_verb", "scripts/release.py", 'def f():\n    """As told."""', "'As'"),
    ("names_say_something", "client_demo/swarm.py", "class BaseBot: pass", "BaseBot"),
    ("names_say_something", "gameserver/session/dispatch.py", "class PlayerINFO: pass", "PlayerINFO"),
    ("metrics_are_declared_once_and_named_well", "gameserver/edge/server.py", "from prometheus_client import Gauge",
     "metrics are declared in"),
    ("metrics_are_declared_once_and_named_well", "gameserver/observability/metrics.py", "Gauge('ticks', 'x')",
     "'ticks'"),
    ("metrics_are_declared_once_and_named_well", "gameserver/observability/metrics.py",
     "Counter('gameserver_closes', 'x')", "_total"),
    ("metrics_are_declared_once_and_named_well", "gameserver/observability/metrics.py",
     "Histogram('gameserver_tick', 'x')", "no unit"),
    ("metrics_are_declared_once_and_named_well", "gameserver/observability/metrics.py",
     "Counter('gameserver_says_total', 'x', ['player_id'])", "player_id"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "log.info('a player came')", "snake_case"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "log.info(f'{x}_came')", "snake_case"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "log.info('came' if x else 'It left')",
     "snake_case"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "log.info('came', player=1)", "player"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "log.info('came', **x)", "None is not"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "log.info('came', 1)", "without a name"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "log.warn('came')", "no level"),
    ("logs_are_events_with_known_fields", "client_demo/swarm.py", "_log.info('came')", "through _log"),
    ("logs_are_events_with_known_fields", "gameserver/session/dispatch.py", "self.log.info('came')", "self.log"),
    ("logs_are_events_with_known_fields", "gameserver/edge/server.py", "_log = structlog.get_logger(__name__)",
     "called log"),
    ("logs_are_events_with_known_fields", "gameserver/edge/server.py", "log = structlog.get_logger()", "its module"),
    ("errors_in_compiled_modules_have_names_of_their_own", "gameserver/session/dispatch.py", TWO_ERRORS, "error is an"),
    ("scripts_declare_keys_and_arguments", "gameserver/live/scripts/bare.lua", "return 1", "does not begin"),
    ("scripts_declare_keys_and_arguments", "gameserver/live/scripts/open.lua", "redis.call('DEL', KEYS[2])",
     "KEYS[2]"),
    ("scripts_declare_keys_and_arguments", "gameserver/live/scripts/keep.lua", "-- KEYS[1]  x\nreturn ARGV[1]",
     "ARGV[1]"),
    ("nothing_names_a_machine", "docs/operations.md", "Logs are in /" + "home/anna/logs.", "/" + "home/anna"),
    ("nothing_names_a_machine", ".ci/run", "cd /" + "work/project", ".ci/run"),
]  # fmt: skip


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for path, text in GOOD.items():
        _append(tmp_path / path, text)
    return tmp_path


@pytest.mark.parametrize("rule", RULES)
def test_a_good_tree_has_nothing_to_complain_about(rule: str, tree: Path) -> None:
    assert list(RULES[rule](tree)) == []


@pytest.mark.parametrize(("rule", "path", "planted", "complaint"), PLANTED)
def test_a_planted_violation_is_found(rule: str, path: str, planted: str, complaint: str, tree: Path) -> None:
    _append(tree / path, planted + "\n")
    found = list(RULES[rule](tree))
    assert len(found) == 1, found
    assert complaint in found[0]
    assert path.rpartition("/")[0] in found[0]


def test_every_rule_has_a_planted_violation() -> None:
    assert {rule for rule, *_ in PLANTED} == set(RULES)


def _append(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(text)
