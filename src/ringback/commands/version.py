"""What runs: the version, its form and the Python under it."""

import platform
import sysconfig
from pathlib import Path

import ringback

_SIGNS = ("--enable-optimizations", "-fprofile-use", "--with-lto")


def lines() -> list[str]:
    """The version; then form and Python."""
    return [ringback.__version__, f"{form(Path(ringback.__file__).parent)} on {interpreter()}"]


def form(package: Path) -> str:
    """Pure Python, or how many modules are compiled (docs/operations.md)."""
    made = sum(1 for _ in package.rglob(f"*{sysconfig.get_config_var('EXT_SUFFIX')}"))
    return f"compiled ({made} modules)" if made else "pure Python"


def interpreter(arguments: str | None = None) -> str:
    """Name and version of the interpreter, and whether its build says that it was optimised.

    `arguments` are those of its configure script. Some distributions optimise and do not say so there.
    """
    given = str(sysconfig.get_config_var("CONFIG_ARGS")) if arguments is None else arguments
    optimised = any(sign in given for sign in _SIGNS)
    said = "built with" if optimised else "whose build does not tell of"
    return f"{platform.python_implementation()} {platform.python_version()}, {said} optimisation"
