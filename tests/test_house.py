"""The house: arrows between modules run one way, files are small, the roots hold little."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "prune_env": ROOT / "prune_env",
    "prune_agents": ROOT / "agents/prune_agents",
    "prune_bench": ROOT / "benchmarks/prune_bench",
    "docsite": ROOT / "docs/docsite",
}
RANK = {name: rank for rank, name in enumerate(PACKAGES)}
"""A package knows itself and those before it."""


@cache
def modules() -> dict[str, Path]:
    """Every module of the three packages by its dotted name; a package is its __init__."""
    found = {}
    for name, folder in PACKAGES.items():
        for path in folder.rglob("*.py"):
            parts = (name, *path.relative_to(folder).with_suffix("").parts)
            found[".".join(part for part in parts if part != "__init__")] = path
    return found


@cache
def imports() -> dict[str, set[str]]:
    """What each module imports of them: at its top, inside functions and for types alike."""
    return {name: _reached(name, _imported(path)) for name, path in modules().items()}


def _reached(name: str, imported: set[str]) -> set[str]:
    """With a module its packages are imported too, but for those that this one is in."""
    parts = [other.split(".") for other in imported]
    packages = {".".join(part[:n]) for part in parts for n in range(2, len(part))}
    return {other for other in imported | packages if not f"{name}.".startswith(f"{other}.")}


def _imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} imports by dots"
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                found.add(full if full in modules() else node.module)
    return found & set(modules())


def circles() -> list[list[str]]:
    """Groups of modules each of which can be reached from the others (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(imports()[name]):
            if other not in index:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == index[name]:
            group = [stack.pop()]
            while group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(modules()):
        if name not in index:
            visit(name)
    return found


def test_no_circle_of_imports():
    assert circles() == []


def test_packages_know_only_those_below():
    upward = [
        f"{name} -> {other}"
        for name, others in imports().items()
        for other in others
        if RANK[other.split(".")[0]] > RANK[name.split(".")[0]]
    ]
    assert upward == []


def test_the_roots_hold_little():
    at_root = {name: [p.name for p in folder.glob("*.py")] for name, folder in PACKAGES.items()}
    assert len(at_root["prune_env"]) <= 12, at_root["prune_env"]
    assert sorted(at_root["prune_bench"]) == ["__init__.py", "__main__.py"]


def _length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Its lines, without those of its docstring."""
    first = function.body[0]
    described = ast.get_docstring(function) is not None
    docstring = first.end_lineno - first.lineno + 1 if described else 0
    return function.end_lineno - function.lineno + 1 - docstring


@pytest.mark.parametrize("name", sorted(modules()))
def test_files_and_functions_are_short(name):
    text = modules()[name].read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    functions = (
        node
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {f.name: length for f in functions if (length := _length(f)) > 60}
    assert long == {}


@pytest.mark.parametrize("name", ["prune_env", "prune_agents"])
def test_a_library_prints_nothing(name):
    printed = [
        f"{path}:{node.lineno}"
        for path in PACKAGES[name].rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert printed == []


if __name__ == "__main__":
    for circle in circles():
        print(len(circle), *circle)
