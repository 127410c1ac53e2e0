"""`ringback migrate`: run the migrations that have not run yet."""

import asyncio
from pathlib import Path

from ringback.commands.joining import joined_settings
from ringback.runtime.migrate import PHASES, migrate
from ringback.services import REGISTRY


def run_migrations(data: Path | None, phase: str) -> list[str]:
    """Run those of a phase, `pre`, `post` or `all`; the names of the files that ran."""
    common = joined_settings(data, needs="postgres_dsn")
    return asyncio.run(migrate(common.postgres_dsn, REGISTRY, PHASES if phase == "all" else (phase,)))
