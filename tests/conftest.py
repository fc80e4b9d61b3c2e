"""Options and fixtures of the whole suite."""

import ctypes
import dataclasses
import json
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


def pytest_addoption(parser):
    parser.addoption(
        "--regenerate-golden",
        action="store_true",
        help="write the golden files anew instead of comparing with them",
    )


@pytest.fixture(scope="session")
def regenerate_golden(request):
    return request.config.getoption("--regenerate-golden")


@pytest.fixture(scope="session")
def shared():
    """Folder of real images and weights, which only some machines have."""
    if not SHARED.is_dir():
        pytest.skip("the folder of real images and weights, ../shared, is not on this machine")
    return SHARED


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _seed():
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _memory(request):
    """Returns what a slow test has freed to the system, or a worker would hold the most of each."""
    yield
    if sys.platform == "linux" and request.node.get_closest_marker("slow"):
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def weightless():
    """Networks that are built have no values in their weights: to count them is ten times faster."""
    import keras

    # Without a collection of garbage, which takes seconds in a worker that has run much.
    keras.backend.clear_session(free_memory=False)
    with keras.StatelessScope(initialize_variables=False):
        yield
    # Keras would give all of them values at the end of the next scope.
    keras.backend.clear_session(free_memory=False)


@pytest.fixture
def unsettle(rng):
    """Gives batch norms and normalizations of a model statistics like trained ones."""
    ranges = {
        "gamma": (0.5, 1.5),
        "beta": (-0.5, 0.5),
        "moving_mean": (-0.5, 0.5),
        "moving_variance": (0.5, 1.5),
        "mean": (0.3, 0.6),
        "variance": (0.02, 0.1),
    }

    def change(model):
        for variable in model.variables:
            if variable.name in ranges:
                variable.assign(rng.uniform(*ranges[variable.name], variable.shape))
        for layer in model.layers:
            if hasattr(layer, "finalize_state"):
                layer.finalize_state()
        return model

    return change


@dataclasses.dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@pytest.fixture
def keras_cv_course(capfd):
    """Runs the command line in this process and returns exit code and what was printed."""
    from keras_cv_course.cli.main import run

    def invoke(*arguments):
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            run([str(argument) for argument in arguments])
        printed = capfd.readouterr()
        return Result(ended.value.code, printed.out, printed.err)

    return invoke
