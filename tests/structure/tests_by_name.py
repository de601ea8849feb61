"""The place of the tests of each module.

The tests of ``gameserver/x/y.py`` are in ``tests/x/test_y.py``, and those of ``client_demo/y.py`` in
``tests/client_demo/test_y.py``. A module without such a file is in ``COVERED_BY``, with the file that covers it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.structure.source import modules

WITHOUT_TESTS = {"__init__.py", "__main__.py"}
MIGRATIONS = "gameserver/sql/migrations/"  # tests/sql/test_migrate.py runs them all

# module -> the file of tests that covers it
COVERED_BY = {
    "client_demo/bot.py": "tests/client_demo/test_swarm.py",
    "client_demo/flock.py": "tests/client_demo/test_swarm.py",
    "client_demo/wander.py": "tests/client_demo/test_swarm.py",
    "gameserver/accounts/guest_names.py": "tests/accounts/test_sign_in.py",
    "gameserver/accounts/scripts.py": "tests/accounts/test_names.py",
    "gameserver/app.py": "tests/test_starting.py",
    "gameserver/check/loading.py": "tests/test_cli.py",
    "gameserver/check/ports.py": "tests/test_starting.py",
    "gameserver/check/settings.py": "tests/test_check_command.py",
    "gameserver/check/start.py": "tests/test_check_command.py",
    "gameserver/check/stores.py": "tests/test_check_command.py",
    "gameserver/client/credentials.py": "tests/client/test_client.py",
    "gameserver/client/errors.py": "tests/client/test_client.py",
    "gameserver/client/frames.py": "tests/client/test_world.py",
    "gameserver/client/inbox.py": "tests/client/test_client.py",
    "gameserver/client/keeper.py": "tests/client/test_client.py",
    "gameserver/client/names.py": "tests/client/test_world.py",
    "gameserver/client/transport.py": "tests/client/test_client.py",
    "gameserver/edge/door.py": "tests/edge/test_server.py",
    "gameserver/edge/origins.py": "tests/edge/test_handshake.py",
    "gameserver/edge/sockets.py": "tests/edge/test_slow_clients.py",
    "gameserver/edge/tally.py": "tests/edge/test_outbox.py",
    "gameserver/host.py": "tests/link/test_a_game_over_bytes.py",
    "gameserver/link/local.py": "tests/edge/test_server.py",
    "gameserver/link/messages.py": "tests/link/test_codec.py",
    "gameserver/link/ports.py": "tests/link/test_a_game_over_bytes.py",
    "gameserver/listening.py": "tests/test_starting.py",
    "gameserver/live/cluster_writer.py": "tests/store/test_cluster.py",
    "gameserver/live/examination.py": "tests/check/test_redis.py",
    "gameserver/node.py": "tests/link/test_a_game_over_bytes.py",
    "gameserver/observability/metrics.py": "tests/http/test_site.py",
    "gameserver/observability/sparing.py": "tests/test_watchdog.py",
    "gameserver/profiles/inventory_rows.py": "tests/profiles/test_repository.py",
    "gameserver/profiles/records.py": "tests/profiles/test_repository.py",
    "gameserver/protocol/constants.py": "tests/protocol/test_published.py",
    "gameserver/protocol/ids.py": "tests/link/test_codec.py",
    "gameserver/protocol/label.py": "tests/world/test_item_names.py",
    "gameserver/protocol/message_class.py": "tests/simulation/test_game_class.py",
    "gameserver/protocol/messages.py": "tests/protocol/test_codec.py",
    "gameserver/protocol/mistake.py": "tests/simulation/test_game_class.py",
    "gameserver/protocol/names.py": "tests/session/test_registry.py",
    "gameserver/protocol/refused.py": "tests/edge/test_outbox.py",
    "gameserver/public_names.py": "tests/test_config.py",
    "gameserver/session/answers.py": "tests/session/test_publisher.py",
    "gameserver/session/flight.py": "tests/session/test_write_behind.py",
    "gameserver/session/flusher.py": "tests/session/test_write_behind.py",
    "gameserver/session/instance.py": "tests/session/test_lease.py",
    "gameserver/session/player_locks.py": "tests/session/test_reception.py",
    "gameserver/session/refusals.py": "tests/session/test_saver.py",
    "gameserver/session/session.py": "tests/session/test_record.py",
    "gameserver/simulation/declared.py": "tests/simulation/test_game_class.py",
    "gameserver/simulation/description.py": "tests/http/test_plain_page.py",
    "gameserver/simulation/heartbeat.py": "tests/test_watchdog.py",
    "gameserver/simulation/inputs.py": "tests/simulation/test_tick.py",
    "gameserver/simulation/result.py": "tests/simulation/test_loop.py",
    "gameserver/simulation/zone_runner.py": "tests/simulation/test_loop.py",
    "gameserver/simulation/zones.py": "tests/session/test_reception.py",
    "gameserver/speedups/plain.py": "tests/speedups/test_fill.py",
    "gameserver/sql/blame.py": "tests/profiles/test_refused.py",
    "gameserver/sql/examination.py": "tests/check/test_sql.py",
    "gameserver/sql/silence.py": "tests/sql/test_database.py",
    "gameserver/sql/standing.py": "tests/profiles/test_history_rows.py",
    "gameserver/sql/tables.py": "tests/sql/test_migrate.py",
    "gameserver/sql/unavailable.py": "tests/sql/test_database.py",
    "gameserver/sql/wire.py": "tests/sql/test_tls.py",
    "gameserver/store/following.py": "tests/store/test_sentinels.py",
    "gameserver/store/server.py": "tests/store/test_connection.py",
    "gameserver/store/standing.py": "tests/store/test_connection.py",
    "gameserver/store_urls.py": "tests/test_urls.py",
    "gameserver/wiring.py": "tests/link/test_a_game_over_bytes.py",
    "gameserver/world/changes.py": "tests/world/test_inventory.py",
    "gameserver/world/distant_cells.py": "tests/world/test_view.py",
    "gameserver/world/exchange.py": "tests/world/test_inventory.py",
    "gameserver/world/journal.py": "tests/simulation/test_whole_or_nothing.py",
    "gameserver/world/state_notes.py": "tests/world/test_state.py",
    "gameserver/world/zone_internals.py": "tests/world/test_zone.py",
    "gameserver/world/zone_size.py": "tests/world/test_grid.py",
}


def mistakes(root: Path, covered_by: Mapping[str, str]) -> Iterator[str]:
    """Yield each module whose tests nobody finds, and each line of the table that says nothing, or nothing true."""
    named = {module.path for package in ("gameserver", "client_demo") for module in modules(root, package)}
    tested = {path for path in named if not _needs_no_tests(path)}
    for path in sorted(tested):
        if not (root / mirror(path)).exists() and path not in covered_by:
            yield f"{path}: there is no {mirror(path)}, and COVERED_BY names no other file"
    for path, file in covered_by.items():
        if path not in tested:
            yield f"COVERED_BY: there is no module {path}"
        elif (root / mirror(path)).exists():
            yield f"COVERED_BY: {path} has {mirror(path)}, and needs no line"
        elif not (root / file).exists():
            yield f"COVERED_BY: {path} is said to be covered by {file}, which is not there"


def mirror(path: str) -> str:
    """Return the path of the file with the tests of the module at ``path``."""
    folder, _, name = path.removeprefix("gameserver/").rpartition("/")
    return "/".join(filter(None, ("tests", folder, f"test_{name}")))


def _needs_no_tests(path: str) -> bool:
    return path.rpartition("/")[2] in WITHOUT_TESTS or path.startswith(MIGRATIONS)
