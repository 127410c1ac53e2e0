"""`ringback migrate`: run the migrations that have not run yet."""

import asyncio
from pathlib import Path

from ringback.commands.joining import joined_settings
from ringback.runtime.migrate import migrate
from ringback.services import REGISTRY


def run_migrations(data: Path | None) -> list[str]:
    """Run them; the names of the files that ran."""
    common = joined_settings(data, needs="postgres_dsn")
    return asyncio.run(migrate(common.postgres_dsn, REGISTRY))
