"""The compiled form of the wheel: what `make compiled` adds to the sources (docs/decisions/0018).

hatchling runs `CompiledBuild` where HATCH_BUILD_HOOK_ENABLE_CUSTOM is set. The pure modules of the packages
that pyproject.toml names are compiled with mypyc in a folder of their own, and the extension modules go into
the wheel beside their sources. Nothing is written into `src/`: it would be imported in place of the source.
"""

import ast
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeGuard

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SUFFIX = str(sysconfig.get_config_var("EXT_SUFFIX"))
BASES = {"Value", "Record", "Fixed"}
"""Bases that have their options themselves (each library's records.py); naming them again changes nothing."""
UNKNOWN_BASES = {"OSError", "ConnectionError", "TimeoutError", "RuntimeError", "KeyError", "TypeError"}
"""Built-in classes that mypyc does not let a class inherit from."""
_HANDS_OVER = (ast.Await, ast.AsyncFor, ast.AsyncWith, ast.Yield, ast.YieldFrom)
"""Where a coroutine or generator may let others run meanwhile."""
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup
config, opt, group, *files = sys.argv[1:]
sys.argv[1:] = ["build_ext", "--inplace", "--quiet"]
extensions = mypycify(
    ["--config-file=" + config, "--namespace-packages", *files],
    opt_level=opt, debug_level="0", target_dir="build", group_name=group,
)
setup(name="ringback", packages=[], ext_modules=extensions)
"""


def why_not(source: str, *, named: bool = False) -> str | None:
    """Why a module is not compiled; None if it is. One with coroutines has to be named itself: most only
    wait, which costs minutes to compile and gains nothing.

    mypyc keeps the exception that is handled in the thread, not in the coroutine: one that lets others run
    meanwhile leaves it to them, and takes theirs. A coroutine that shares names with a function cannot be
    closed after its end. There are no async generators, few built-in bases, and the options of a class are
    passed over, so that a frozen record would not be frozen.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
            if "Struct" in bases or (node.keywords and not bases <= BASES):
                return f"options of class {node.name}"
            if bases & UNKNOWN_BASES:
                return f"the base of class {node.name}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if reason := _why_not_function(node, named):
                return reason
        elif _waits_in_handler(node):
            return f"others run while line {node.lineno} handles an exception"
    return None


def _why_not_function(node: ast.FunctionDef | ast.AsyncFunctionDef, named: bool) -> str | None:
    inner = [each for each in ast.walk(node) if each is not node and isinstance(each, _FUNCTIONS)]
    if not any(isinstance(each, ast.AsyncFunctionDef) for each in (node, *inner)):
        return None
    if not named:
        return "coroutines"
    if inner:
        return f"a coroutine and a function within {node.name}"
    if any(isinstance(each, ast.Yield) for each in _own(node.body)):
        return f"async generator {node.name}"
    return None


def _waits_in_handler(node: ast.AST) -> TypeGuard[ast.Try | ast.AsyncWith]:
    """Whether a statement may let others run while it handles an exception.

    The end of an `async with` waits there, too; asyncio's own timeouts never do.
    """
    if isinstance(node, ast.AsyncWith):
        return any(not ast.unparse(item.context_expr).startswith("asyncio.timeout") for item in node.items)
    if not isinstance(node, ast.Try):
        return False
    handlers = [*node.handlers, *node.finalbody]
    return any(isinstance(each, _HANDS_OVER) for each in _own(handlers))


def _own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """What stands in these nodes, without the functions defined in them."""
    for node in nodes:
        yield node
        if not isinstance(node, _FUNCTIONS):
            yield from _own(ast.iter_child_nodes(node))


def choose(root: Path, packages: Iterable[str]) -> list[str]:
    """The modules to compile, as paths below `root`; a package stands for the modules directly in it."""
    found: dict[str, None] = {}
    for package in packages:
        place = root / package
        named = place.is_file()
        for path in [place] if named else sorted(place.glob("*.py")):
            if path.name != "__init__.py" and why_not(path.read_text(), named=named) is None:
                found[str(path.relative_to(root))] = None
    return list(found)


def compile_tree(source: Path, folder: Path, config: Path, files: list[str], *, opt: str = "3") -> list[Path]:
    """Compile modules of a copy of `source` made in `folder`; gives the extension modules. Takes minutes."""
    shutil.copytree(
        source / "ringback", folder / "ringback", ignore=shutil.ignore_patterns("*.so", "__pycache__")
    )
    command = [sys.executable, "-c", _SETUP, str(config), opt, "ringback", *files]
    env = {**os.environ, "MYPYPATH": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=folder, env=env, text=True, capture_output=True)  # noqa: S603
    if done.returncode:
        sys.exit(f"mypyc could not compile:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return sorted(
        path for path in folder.rglob(f"*{SUFFIX}") if "build" not in path.parts[len(folder.parts) :]
    )


class CompiledBuild(BuildHookInterface[Any]):
    """Compile, and put what came of it into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before it packs; an editable install stays as it is."""
        if version == "editable":
            return
        source = Path(self.root) / "src"
        self._folder = Path(tempfile.mkdtemp(prefix="ringback-compiled-"))
        files = choose(source, self.config["packages"])
        made = compile_tree(source, self._folder, Path(self.root) / "pyproject.toml", files)
        for path in made:
            build_data["force_include"][str(path)] = str(path.relative_to(self._folder))
        build_data["pure_python"], build_data["infer_tag"] = False, True
        self.app.display_info(f"{len(files)} modules compiled")

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Called by hatchling when the wheel is there."""
        if version != "editable":
            shutil.rmtree(self._folder)
