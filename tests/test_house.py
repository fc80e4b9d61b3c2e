"""The shape of the code: short files and functions, documented and annotated in public."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted(
    path
    for folder in ("keras_cv_course", "export", "examples", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
MOST_LINES = 400
MOST_FUNCTION_LINES = 60  # without the docstring
MOST_ARGUMENTS = 13
MOST_BUILDER_ARGUMENTS = 15  # those of keras.applications, and the family's own
BANNED_NAMES = {"utils.py", "misc.py", "common.py", "helpers.py"}


def functions(tree):
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def public(tree):
    """Functions and classes at the top of a module, and methods of its public classes."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    top = [n for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")]
    methods = [
        m for n in top if isinstance(n, ast.ClassDef) for m in n.body if isinstance(m, kinds)
    ]
    return top + [m for m in methods if not m.name.startswith("_")]


@pytest.fixture(params=FILES, ids=lambda path: str(path.relative_to(ROOT)))
def path(request):
    return request.param


def test_file_is_short_and_says_its_idea_in_its_name(path):
    assert len(path.read_text().splitlines()) <= MOST_LINES
    assert path.name not in BANNED_NAMES


def test_functions_are_short(path):
    for function in functions(ast.parse(path.read_text())):
        documented = ast.get_docstring(function) is not None
        start = function.body[0].end_lineno if documented else function.lineno
        assert function.end_lineno - start <= MOST_FUNCTION_LINES, function.name
        arguments = function.args
        count = len(arguments.posonlyargs + arguments.args + arguments.kwonlyargs)
        builder = function.name[0].isupper()
        assert count <= (MOST_BUILDER_ARGUMENTS if builder else MOST_ARGUMENTS), function.name


def test_public_names_are_documented(path):
    if "tests" in path.relative_to(ROOT).parts:
        return
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree) or not path.read_text().strip(), "module"
    for node in public(tree):
        assert ast.get_docstring(node), node.name


def test_functions_are_annotated(path):
    if "tests" in path.relative_to(ROOT).parts:
        return
    for function in functions(ast.parse(path.read_text())):
        named = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        bare = [a.arg for a in named if a.annotation is None and a.arg not in ("self", "cls")]
        assert not bare, (function.name, bare)
        assert function.returns is not None, function.name


def test_public_namespace_is_lazy():
    import subprocess
    import sys

    code = "import sys, keras_cv_course; print(any(m in sys.modules for m in ('keras', 'numpy')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_every_public_name_exists_and_every_builder_is_public():
    import keras_cv_course
    from keras_cv_course.registry import MODELS

    for name in keras_cv_course.__all__:
        assert callable(getattr(keras_cv_course, name)), name
    assert {entry.builder for entry in MODELS.values()} <= set(keras_cv_course.__all__)


def test_a_name_that_is_also_its_modules_is_the_function():
    import keras_cv_course.data.digits

    assert callable(keras_cv_course.data.digits)


LAZY = (
    *("backbones", "data", "detectors", "faces", "losses", "metrics", "models", "quantization"),
    *("segmenters", "tflite", "training"),
)


@pytest.mark.parametrize("package", LAZY)
def test_names_of_a_package_are_there_and_are_shown(package):
    import keras_cv_course

    module = getattr(keras_cv_course, package)
    assert set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name).__module__.startswith("keras_cv_course.") or name.isupper()
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = module.nothing


@pytest.mark.parametrize("package", ["", *LAZY])
def test_type_checkers_read_the_names_that_a_package_has(package):
    module = importlib.import_module(f"keras_cv_course.{package}".rstrip("."))
    tree = ast.parse(Path(module.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    # What a package needs to make its table, it imports above the block; only a renaming to the
    # same name is public to a type checker.
    nodes = [n for n in (*tree.body, *block.body) if isinstance(n, ast.ImportFrom)]
    seen = set()
    for node in nodes:
        for alias in node.names:
            home = importlib.import_module(node.module)
            if alias.name == "*":
                seen.update(home.__all__)
            elif alias.name == alias.asname:
                seen.add(alias.name)
                assert getattr(module, alias.name) is getattr(home, alias.name), alias.name
    assert seen == set(dir(module))


def test_natural_imports():
    import keras_cv_course
    from keras_cv_course import TFLiteModel, compare, convert, detectors, quantize_aware, tflite
    from keras_cv_course.backbones import MobileNetV2
    from keras_cv_course.faces import MobileFaceNet
    from keras_cv_course.models import SSDLite

    assert (convert, compare, TFLiteModel) == (tflite.convert, tflite.compare, tflite.TFLiteModel)
    assert quantize_aware is keras_cv_course.quantization.quantize_aware
    assert SSDLite is keras_cv_course.SSDLite is detectors.SSDLite
    assert MobileNetV2 is keras_cv_course.models.MobileNetV2
    assert MobileFaceNet is keras_cv_course.models.MobileFaceNet


def test_unknown_public_name_is_an_attribute_error():
    import keras_cv_course

    with pytest.raises(AttributeError, match="no attribute 'MobileNetV9'"):
        _ = keras_cv_course.MobileNetV9


def test_no_two_test_modules_have_one_name():
    """Without packages among the tests, pytest imports them by their bare names."""
    names = [path.name for path in (ROOT / "tests").rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted(set(names))


def test_nothing_but_tasks_asks_which_task_it_is():
    """A new task is a module in tasks/: no other place may compare with the name of one."""
    from keras_cv_course.tasks import TASKS

    names = set(TASKS)
    for path in sorted((ROOT / "keras_cv_course").rglob("*.py")):
        if path.parent.name == "tasks":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare | ast.MatchValue):
                words = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)}
                assert not words & names, f"{path.relative_to(ROOT)}:{node.lineno}"
