"""The one place that knows both services and adapters on behalf of the command line."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import structs

from ioc.domain.profile import Profile
from ioc.errors import BadSettings
from ioc.settings import Settings

log = logging.getLogger("ioc.start")

LOCAL_DATABASE_FILE = "run/database.url"


def local_database_file(settings: Settings) -> Path:
    """Where ``ioc up`` leaves the address of its PostgreSQL (mode 0600)."""
    return settings.data_dir / LOCAL_DATABASE_FILE


def read_settings(environ: Mapping[str, str] = os.environ, *, database: bool = False) -> Settings:
    """Settings of this process; with ``database`` the address of the local database is filled in.

    Where ``ioc up`` has made passwords for the centres at its own Kafka, senders are told to use them.

    Raises:
        BadSettings: a setting is wrong, or no database is known although one is needed.
    """
    settings = Settings.from_environ(environ)
    if settings.local_centres_file.is_file():
        settings = settings.with_local_centres()
    if settings.database_url:
        return settings
    file = local_database_file(settings)
    if file.is_file():
        return structs.replace(settings, database_url=file.read_text().strip())
    if database:
        raise BadSettings(["IOC_DATABASE_URL is not set and no local database was made: run `ioc up` or set it"])
    return settings


def with_logs(settings: Settings, process: str) -> Settings:
    """Begin logging as this process; gives the settings back."""
    from ioc.adapters import logs

    logs.configure(settings.log_level, process)
    return settings


def load_profile(settings: Settings, *, with_rules: bool = True, with_parts: bool | None = None) -> Profile:
    """The profile named by the settings; without its rules for who needs none, so that broken ones do not matter.
    ``with_parts``: the same of ``suppression.toml``, ``incidents.toml`` and ``duty.toml``; None: as the rules.

    Raises:
        BadSettings: with every problem of its files.
    """
    from ioc.adapters import profiles

    return profiles.load_profile(settings.profile, with_rules=with_rules, with_parts=with_parts)


def graces(settings: Settings) -> dict[tuple[str, str], float]:
    """(centre, feed) → ``grace_s``. Empty, and logged, when the profile is broken: what is recorded does not wait."""
    try:
        profile = load_profile(settings, with_rules=False)
    except BadSettings as exc:
        log.warning("the profile is broken, late readings are judged by the usual grace of feeds: %s", exc)
        return {}
    return {(centre.id, feed.id): feed.grace_s for centre in profile.centres for feed in centre.feeds}


def load_running_profile(settings: Settings) -> Profile:
    """The profile for a process that has to run: with the last good rules while the rule file is broken, and the same
    for ``suppression.toml``, ``incidents.toml`` and ``duty.toml``.

    Raises:
        BadSettings: with every problem of the other files; also of these when no good ones were kept.
    """
    from ioc.adapters import running_profile

    return running_profile.load_running(settings.profile, settings.data_dir)
