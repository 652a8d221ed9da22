"""Imports go one way: ground <- stations <- chat and model <- checkpoint <- demo <- app (DESIGN, section 3).

`model` builds chats and `chat` names the model in type annotations only, so at run time chat comes first.
"""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GROUND = {"errors", "load_options", "out_of_memory", "precisions", "shapes"}
STATIONS = {"image", "vision", "qformer", "projection", "language", "answer", "answer_settings", "decoding", "ranking"}
ROAD = STATIONS | {"chat", "model"}
BESIDE = {
    "train",
    "evaluate",
    "datasets",
    "attention_maps",
    "quantize",
    "memory",
    "sketchworld",
    "builtin",
    "checkpoint",
    "companions",
    "lavis",
    "loading_plan",
    "hub",
    "matching",
    "placement",
    "scorer",
    "weight_progress",
}
ANSWER_READS = {"answer_settings", "language"}  # settings are a part of it; its inputs are the adapter's dataclasses
RANKING_READS = {"language"}


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {
    module_name(file): file
    for file in [*ROOT.glob("blip2_core/**/*.py"), *ROOT.glob("demo/**/*.py"), *ROOT.glob("app.py")]
}


def imported(name: str, *, inside_functions: bool) -> set[str]:
    """The modules that a module imports when it runs, by their full names; not what only a type checker reads."""
    file = MODULES[name]
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(file.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= names_of(node, package)
        elif inside_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += ast.iter_child_nodes(node)
    return found


def names_of(node: ast.ImportFrom, package: str) -> set[str]:
    """`from .a import b` means the module a.b where there is one, else a."""
    base = node.module or ""
    if node.level:
        above = package.split(".")[: len(package.split(".")) - node.level + 1]
        base = ".".join([*above, node.module] if node.module else above)
    return {f"{base}.{alias.name}" if f"{base}.{alias.name}" in MODULES else base for alias in node.names}


def ours(names: set[str]) -> set[str]:
    """The parts of blip2_core among `names`: "language" for "blip2_core.language.prompts"."""
    return {name.split(".")[1] for name in names if name.startswith("blip2_core.")}


def part(name: str) -> str:
    return name.split(".")[1] if name.count(".") else ""


def of(parts: set[str]) -> list[str]:
    return sorted(name for name in MODULES if name.startswith("blip2_core.") and part(name) in parts)


def test_there_is_something_to_check():
    assert {"blip2_core.model", "blip2_core.language", "blip2_core.builtin.frozen_parts"} <= set(MODULES)
    assert "blip2_core.errors" in imported("blip2_core.language.adapter", inside_functions=True)
    assert "blip2_core.language.adapter" in imported("blip2_core.language", inside_functions=True)


@pytest.mark.parametrize("name", of(GROUND))
def test_the_ground_imports_nothing_but_the_ground(name):
    assert ours(imported(name, inside_functions=True)) <= GROUND


@pytest.mark.parametrize("name", of(STATIONS))
def test_a_station_imports_the_ground_and_itself_only(name):
    reads = {"answer": ANSWER_READS, "decoding": {"answer_settings"}, "ranking": RANKING_READS}
    allowed = GROUND | {part(name)} | reads.get(part(name), set())
    assert ours(imported(name, inside_functions=True)) <= allowed


@pytest.mark.parametrize("name", of(ROAD | GROUND))
def test_the_road_imports_nothing_that_stands_beside_it(name):
    assert not ours(imported(name, inside_functions=True)) & BESIDE


def test_no_module_imports_itself_through_others():
    graph = {name: imported(name, inside_functions=False) & set(MODULES) - {name} for name in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("blip2_core")))
def test_the_core_knows_neither_the_page_nor_gradio(name):
    roots = {found.split(".")[0] for found in imported(name, inside_functions=True)}
    assert not roots & {"gradio", "demo", "app"}


@pytest.mark.parametrize("name", sorted(name for name in MODULES if name.startswith("demo")))
def test_the_page_knows_nothing_about_tensors(name):
    roots = {found.split(".")[0] for found in imported(name, inside_functions=True)}
    assert not roots & {"torch", "transformers"}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_no_module_is_a_drawer_for_everything(name):
    assert name.rpartition(".")[2] not in {"utils", "helpers", "common"}
