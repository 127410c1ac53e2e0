"""Fail when a function or a module has outgrown its limit.

A function has at most 40 lines and none over 80; one in ten may pass 40. A module has at most 400 lines,
a protocol core (named below) 600. Blank lines count, docstrings of functions do not.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("src", "tools")
FUNCTION_LIMIT = 80
USUAL_FUNCTION_LIMIT = 40
SHARE_ABOVE_USUAL = 0.1
MODULE_LIMIT = 400
CORE_LIMIT = 600
CORES = tuple(f"src/ringback/{room}/" for room in ("sip", "scxml", "vxml", "services/sip_cluster"))

Function = ast.FunctionDef | ast.AsyncFunctionDef


def function_lines(function: Function) -> int:
    """Lines of a function without its decorators and docstring."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if isinstance(first, ast.Expr) and ast.get_docstring(function, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def functions(tree: ast.Module) -> Iterator[Function]:
    """All functions and methods of a module."""
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def module_limit(name: str) -> int:
    """Lines that the module may have."""
    return CORE_LIMIT if name.startswith(CORES) else MODULE_LIMIT


def check_module(path: Path, name: str) -> tuple[list[str], list[int]]:
    """Complaints about one module, and the sizes of its functions."""
    text = path.read_text(encoding="utf-8")
    lines = text.count("\n")
    complaints = []
    if lines > module_limit(name):
        complaints.append(f"{name}: {lines} lines, {module_limit(name)} at most: split it by subject")
    sizes = []
    for function in functions(ast.parse(text)):
        size = function_lines(function)
        sizes.append(size)
        if size > FUNCTION_LIMIT:
            place = f"{name}:{function.lineno} {function.name}"
            complaints.append(f"{place}: {size} lines, {FUNCTION_LIMIT} at most: take parts out")
    return complaints, sizes


def main() -> int:
    """Check all modules; 1 when there is a complaint."""
    complaints: list[str] = []
    sizes: list[int] = []
    for path in sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")):
        found, found_sizes = check_module(path, path.relative_to(ROOT).as_posix())
        complaints += found
        sizes += found_sizes
    long = sum(size > USUAL_FUNCTION_LIMIT for size in sizes)
    if sizes and long / len(sizes) > SHARE_ABOVE_USUAL:
        complaints.append(f"{long} of {len(sizes)} functions have over {USUAL_FUNCTION_LIMIT} lines")
    sys.stdout.writelines(f"{complaint}\n" for complaint in complaints)
    sys.stdout.write(f"sizes: {len(sizes)} functions, {long} over {USUAL_FUNCTION_LIMIT} lines\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
