"""Settings from the environment: one frozen object, units in the names, all problems reported together.

``docs/settings.md`` is the table for people; a test keeps it equal to ``SETTINGS`` below.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, structs

from ioc.domain.retention import dump_keep, parse_keep
from ioc.errors import BadSettings

Environment = Literal["development", "production"]
DEFAULT_KAFKA = "127.0.0.1:19092"


class Settings(Struct, frozen=True, kw_only=True):
    """Everything a process may be told. See ``SETTINGS`` for the variable, the default and the meaning."""

    environment: Environment = "development"
    profile: str = "dongnai-2023"
    kafka: str = DEFAULT_KAFKA
    kafka_centres: str = ""
    centres_secrets: Path | None = None
    database_url: str = ""
    topic_prefix: str = "ioc."
    data_dir: Path = Path(".ioc")
    map_dir: Path | None = None
    http_host: str = "127.0.0.1"
    http_port: int = 8080
    live_port: int = 8081
    kafka_port: int = 19092
    controller_port: int = 19093
    centres_port: int = 19094
    postgres_port: int = 15432
    live_url: str = ""
    origins: tuple[str, ...] = ()
    open_wall: bool = False
    cookie_secure: bool = False
    flush_s: float = 0.1
    session_timeout_s: float = 10.0
    log_level: str = "info"
    seed: int = 2023
    canary_s: float = 15.0
    webhook_hosts: tuple[str, ...] = ()
    webhook_private_hosts: tuple[str, ...] = ()
    smtp: str = ""
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_user: str = ""
    smtp_password_file: Path | None = None
    mail_from: str = ""
    keep_days: tuple[tuple[str, int], ...] = ()

    @property
    def public_live_url(self) -> str:
        """Address of the websocket as a browser must dial it."""
        return self.live_url or f"ws://{self.http_host}:{self.live_port}/live"

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """Origins that may open a websocket or sign in, exact strings."""
        if self.origins:
            return self.origins
        return tuple(f"http://{host}:{self.http_port}" for host in dict.fromkeys((self.http_host, "localhost")))

    @property
    def secret_file(self) -> Path:
        """File with the key that signs sessions; made with mode 0600 at first use."""
        return self.data_dir / "secret.key"

    @property
    def kafka_is_local(self) -> bool:
        """Whether ``IOC_KAFKA`` is not set, or is the address of the broker that ``ioc up`` starts."""
        return self.kafka in (DEFAULT_KAFKA, f"127.0.0.1:{self.kafka_port}")

    @property
    def local_centres_file(self) -> Path:
        """Passwords of the centres at the broker that ``ioc up`` starts, as JSON, mode 0600."""
        return self.data_dir / "kafka-centres.secret"

    def with_local_centres(self) -> Settings:
        """With the local broker and no other address given, centres sign in at its listener for centres."""
        if self.kafka_centres or not self.kafka_is_local:
            return self
        address = f"127.0.0.1:{self.centres_port}"
        return structs.replace(self, kafka_centres=address, centres_secrets=self.local_centres_file.absolute())

    def to_environ(self) -> dict[str, str]:
        """The same settings as environment variables, for a child process."""
        values = structs.asdict(self)
        return {s.variable: s.dump(values[s.field]) for s in SETTINGS if values[s.field] not in (None, "", ())}

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read ``IOC_*``; unknown ``IOC_`` names are a problem too, they are usually a slip of the pen.

        Raises:
            BadSettings: with one sentence for each problem.
        """
        problems: list[str] = []
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            text = environ.get(setting.variable)
            if text is None or (text == "" and setting.default_text != ""):
                continue
            try:
                values[setting.field] = setting.parse(text)
            except ValueError as exc:
                problems.append(f"{setting.variable}={text!r}: {exc}")
        known = {s.variable for s in SETTINGS} | set(OUTSIDE)
        problems += [
            f"{name}: no such setting; see docs/settings.md"
            for name in sorted(environ)
            if name.startswith("IOC_") and name not in known and not name.startswith("IOC_TEST_")
        ]
        settings = cls(**values)
        if bool(settings.kafka_centres) != bool(settings.centres_secrets):
            problems.append("IOC_KAFKA_CENTRES and IOC_CENTRES_SECRETS go together: set both or none")
        if settings.environment == "production":
            if settings.open_wall:
                problems.append("IOC_OPEN_WALL=1 shows the wall to everybody: not in production")
            if not settings.cookie_secure:
                problems.append("IOC_COOKIE_SECURE must be 1 in production")
        if problems:
            raise BadSettings(problems)
        return settings


class Setting(Struct, frozen=True):
    """One row of the table: field, variable, default as text, how to read it, what it means."""

    field: str
    variable: str
    default_text: str
    parse: Callable[[str], Any]
    meaning: str
    dump: Callable[[Any], str] = str


def _choice(*allowed: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in allowed:
            raise ValueError("must be one of " + ", ".join(allowed))
        return text

    return parse


def _integer(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return int(text)

    return parse


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("must be a number of seconds") from None
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high} seconds")
        return value

    return parse


def _flag(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("must be 0 or 1")
    return text == "1"


def _matching(pattern: str, words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(f"must be {words}")
        return text

    return parse


def _origins(text: str) -> tuple[str, ...]:
    found = tuple(part.strip() for part in text.split(",") if part.strip())
    for origin in found:
        if not re.fullmatch(r"https?://[^/\s]+", origin):
            raise ValueError("must be origins such as https://ioc.example, separated by commas")
    return found


def _hosts(text: str) -> tuple[str, ...]:
    found = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for host in found:
        if not re.fullmatch(r"[a-z0-9.:-]+", host):
            raise ValueError("must be host names or addresses without port, separated by commas")
    return found


def _dump_list(value: tuple[str, ...]) -> str:
    return ",".join(value)


def _dump_flag(value: bool) -> str:
    return "1" if value else "0"


_PORT = _integer(1, 65535)
_SERVERS = _matching(r"[^\s]+:\d+(,[^\s]+:\d+)*", "host:port[,host:port]")

SETTINGS: tuple[Setting, ...] = (
    Setting(
        "environment",
        "IOC_ENVIRONMENT",
        "development",
        _choice("development", "production"),
        "production refuses the shortcuts of a demo",
    ),
    Setting(
        "profile",
        "IOC_PROFILE",
        "dongnai-2023",
        _matching(r"[A-Za-z0-9_./-]{1,200}", "a profile name or a folder"),
        "profile to run: a name inside the package or the path of a folder",
    ),
    Setting(
        "kafka",
        "IOC_KAFKA",
        DEFAULT_KAFKA,
        _SERVERS,
        "bootstrap servers",
    ),
    Setting(
        "kafka_centres",
        "IOC_KAFKA_CENTRES",
        "",
        _SERVERS,
        "bootstrap servers where senders sign in as their centre; empty means the local one's, "
        "and with another broker they use `IOC_KAFKA` without a name",
    ),
    Setting(
        "centres_secrets",
        "IOC_CENTRES_SECRETS",
        "",
        Path,
        "JSON file with the password of each centre, for senders; goes with `IOC_KAFKA_CENTRES`",
    ),
    Setting(
        "database_url",
        "IOC_DATABASE_URL",
        "",
        str,
        "PostgreSQL with TimescaleDB; empty means the local one of `ioc up`",
    ),
    Setting(
        "topic_prefix",
        "IOC_TOPIC_PREFIX",
        "ioc.",
        _matching(r"[a-z0-9-]+\.", "lower-case letters, digits or -, ending in a dot"),
        "prefix of every topic and consumer group",
    ),
    Setting("data_dir", "IOC_DATA_DIR", ".ioc", Path, "folder of local state, logs and secrets"),
    Setting(
        "map_dir",
        "IOC_MAP_DIR",
        "",
        Path,
        "folder with districts.geojson, optionally rivers.geojson and places.geojson",
    ),
    Setting(
        "http_host",
        "IOC_HTTP_HOST",
        "127.0.0.1",
        _matching(r"[A-Za-z0-9.:-]+", "a host name or address"),
        "address that the gateway listens on",
    ),
    Setting("http_port", "IOC_HTTP_PORT", "8080", _PORT, "port of pages and API"),
    Setting("live_port", "IOC_LIVE_PORT", "8081", _PORT, "port of the websocket"),
    Setting("kafka_port", "IOC_KAFKA_PORT", "19092", _PORT, "port of the local Kafka that `ioc up` starts"),
    Setting("controller_port", "IOC_CONTROLLER_PORT", "19093", _PORT, "port of the local Kafka's controller"),
    Setting("centres_port", "IOC_CENTRES_PORT", "19094", _PORT, "port of the local Kafka where centres sign in"),
    Setting(
        "postgres_port",
        "IOC_POSTGRES_PORT",
        "15432",
        _PORT,
        "port of the local PostgreSQL that `ioc up` starts",
    ),
    Setting(
        "live_url",
        "IOC_LIVE_URL",
        "",
        _matching(r"wss?://[^\s]+", "ws://… or wss://…"),
        "websocket address for browsers, when a proxy stands in front",
    ),
    Setting(
        "origins",
        "IOC_ORIGINS",
        "",
        _origins,
        "origins allowed to sign in and connect, separated by commas",
        dump=_dump_list,
    ),
    Setting(
        "open_wall",
        "IOC_OPEN_WALL",
        "0",
        _flag,
        "1 lets anyone who reaches the HTTP port view the wall (demo)",
        dump=_dump_flag,
    ),
    Setting(
        "cookie_secure",
        "IOC_COOKIE_SECURE",
        "0",
        _flag,
        "1 marks the session cookie Secure (needs https)",
        dump=_dump_flag,
    ),
    Setting(
        "flush_s",
        "IOC_FLUSH_S",
        "0.1",
        _seconds(0.01, 5.0),
        "longest wait of a job before it writes its transaction, seconds",
    ),
    Setting(
        "session_timeout_s",
        "IOC_SESSION_TIMEOUT_S",
        "10.0",
        _seconds(6.0, 120.0),
        "time after which Kafka gives the partitions of a dead worker to another, seconds",
    ),
    Setting(
        "log_level",
        "IOC_LOG_LEVEL",
        "info",
        _choice("debug", "info", "warning", "error"),
        "level of the logs",
    ),
    Setting("seed", "IOC_SEED", "2023", _integer(0, 2**31 - 1), "seed of the simulated world"),
    Setting(
        "canary_s",
        "IOC_CANARY_S",
        "15.0",
        _seconds(0.0, 600.0),
        "how often the gateway sends a canary through the whole path, seconds; 0 sends none",
    ),
    Setting(
        "webhook_hosts",
        "IOC_WEBHOOK_HOSTS",
        "",
        _hosts,
        "the only hosts that webhooks may call, separated by commas; by https, at public addresses",
        dump=_dump_list,
    ),
    Setting(
        "webhook_private_hosts",
        "IOC_WEBHOOK_PRIVATE_HOSTS",
        "",
        _hosts,
        "hosts that webhooks may also call at private addresses and by http, for tests and laboratories",
        dump=_dump_list,
    ),
    Setting(
        "smtp",
        "IOC_SMTP",
        "",
        _matching(r"((\[[0-9a-fA-F:]+\]|[^\s:]+):\d{1,5})?", "host:port"),
        "mail server for notifications",
    ),
    Setting(
        "smtp_security",
        "IOC_SMTP_SECURITY",
        "starttls",
        _choice("none", "starttls", "tls"),
        "how the line to the mail server is protected",
    ),
    Setting("smtp_user", "IOC_SMTP_USER", "", str, "account at the mail server"),
    Setting("smtp_password_file", "IOC_SMTP_PASSWORD_FILE", "", Path, "file with the password of that account"),
    Setting(
        "mail_from",
        "IOC_MAIL_FROM",
        "",
        _matching(r"([^\s@<>,]+@[^\s@<>,]+)?", "an e-mail address"),
        "sender of notifications by e-mail",
    ),
    Setting(
        "keep_days",
        "IOC_KEEP_DAYS",
        "",
        parse_keep,
        "how many days history is kept, such as "
        "`event=90,rollup=1100,feed_health=90,dead_letter=90,recorder_reject=90`; "
        "what is not named is kept for ever, and so are alerts and the audit trail",
        dump=dump_keep,
    ),
)
OUTSIDE = ("IOC_JOB",)  # set by `ioc worker` for the Faust process
