"""Every metric of the server, declared once. Names are ``gameserver_<noun>_<unit>``; labels come from closed sets."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from gameserver.observability.histogram import OneThreadHistogram

REGISTRY = CollectorRegistry()

_TICK_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.25, 1.0)
_STORE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)

# --- simulation ---
TICK_STEP_SECONDS = OneThreadHistogram(
    "gameserver_tick_step_seconds",
    "Time of one step of a tick, in all zones of a phase",
    "step",
    buckets=_TICK_SECONDS,
    registry=REGISTRY,
)
TICK_OVERRUNS = Counter("gameserver_tick_overruns_total", "Ticks that missed their deadline", registry=REGISTRY)
ZONES_STOPPED = Counter("gameserver_zones_stopped_total", "Zones stopped because on_tick raised", registry=REGISTRY)
HANDLER_ERRORS = Counter("gameserver_handler_errors_total", "Inputs lost to a raising handler", registry=REGISTRY)
HOOK_ERRORS = Counter("gameserver_hook_errors_total", "Calls of a hook that raised", ["hook"], registry=REGISTRY)
ENTITIES = Gauge("gameserver_entities", "Entities in all zones", registry=REGISTRY)

# --- sessions ---
SESSIONS = Gauge("gameserver_sessions", "Sessions by state", ["state"], registry=REGISTRY)
SESSION_ENDS = Counter("gameserver_session_ends_total", "Sessions ended, by reason", ["reason"], registry=REGISTRY)
SAVE_BACKLOG = Gauge("gameserver_save_backlog_sessions", "Ended sessions waiting for their save", registry=REGISTRY)
UNSAVED_SESSIONS = Gauge("gameserver_unsaved_sessions", "Sessions whose last save SQL refused", registry=REGISTRY)
REFUSED_SAVES = Counter(
    "gameserver_refused_saves_total", "Saves that SQL refused though it was well", registry=REGISTRY
)
PROFILES_EDITED = Counter(
    "gameserver_profiles_edited_elsewhere_total",
    "Saves that overwrote what somebody changed in SQL while the player was live",
    registry=REGISTRY,
)
REFUSED_ROWS = Counter(
    "gameserver_refused_rows_total", "Chat lines and stays that SQL refused, dropped", ["backlog"], registry=REGISTRY
)
FENCED = Counter("gameserver_fenced_sessions_total", "Sessions found to belong to a newer epoch", registry=REGISTRY)
MENDED_HASHES = Counter(
    "gameserver_mended_hashes_total", "Session hashes written whole because Redis lost fields", registry=REGISTRY
)

# --- stores ---
STORE_SECONDS = Histogram(
    "gameserver_store_seconds",
    "Time of a call to a store",
    ["store", "operation"],
    buckets=_STORE_SECONDS,
    registry=REGISTRY,
)
STORE_ERRORS = Counter("gameserver_store_errors_total", "Failed calls to a store", ["store"], registry=REGISTRY)
STORE_UP = Gauge("gameserver_store_up", "1 while the store answers", ["store"], registry=REGISTRY)

# --- edge ---
CONNECTIONS = Gauge("gameserver_connections", "Open WebSocket connections", registry=REGISTRY)
REFUSED_HOSTS = Counter(
    "gameserver_refused_hosts_total", "HTTP requests refused for their host name", registry=REGISTRY
)
REFUSED_ORIGINS = Counter(
    "gameserver_refused_origins_total", "WebSocket handshakes refused for the page's origin", registry=REGISTRY
)
REFUSED_PROXY_HEADERS = Counter(
    "gameserver_refused_proxy_headers_total", "Connections of proxies closed for their PROXY header", registry=REGISTRY
)
MESSAGES_RECEIVED = Counter("gameserver_messages_received_total", "Messages from clients", registry=REGISTRY)
REFUSALS = Counter("gameserver_refusals_total", "Messages refused, by code", ["code"], registry=REGISTRY)
CLOSES = Counter("gameserver_closes_total", "Connections closed, by reason", ["reason"], registry=REGISTRY)
SENT_BYTES = Counter("gameserver_sent_bytes_total", "Bytes written to clients", registry=REGISTRY)
FRAMES_SKIPPED = Counter("gameserver_frames_skipped_total", "World frames not sent to slow clients", registry=REGISTRY)

# --- accounts ---
SIGN_INS = Counter("gameserver_sign_ins_total", "Sign-ins by way and result", ["way", "result"], registry=REGISTRY)
PASSWORD_QUEUE = Gauge("gameserver_password_queue_jobs", "Password hashes waiting or running", registry=REGISTRY)
CHAT_LINES = Counter("gameserver_chat_lines_total", "Chat lines by channel", ["channel"], registry=REGISTRY)
CHAT_BACKLOG = Gauge("gameserver_chat_backlog_lines", "Chat lines waiting to be written to SQL", registry=REGISTRY)
