import json
import subprocess
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_cv_course
from keras_cv_course import load_model
from keras_cv_course.registry import SERIALIZABLE_MODULES

PACKAGE = Path(keras_cv_course.__file__).parent


@pytest.fixture
def saved(tmp_path, rng):
    """A saved network with a registered object in it, some images, and what it makes of them."""
    from keras_cv_course.ops.activations import hard_sigmoid_x6

    image = keras.Input((8, 8, 3))
    x = keras.layers.Activation(hard_sigmoid_x6)(keras.layers.Conv2D(4, 3)(image))
    model = keras.Model(image, x)
    model.compile("sgd", "mse")
    images = rng.normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "expected.npy", model(images))
    model.save(tmp_path / "model.keras")
    return tmp_path


PROGRAM = """
import sys
import numpy as np
{load}
model = load_model("model.keras")
np.testing.assert_array_equal(model(np.load("images.npy")), np.load("expected.npy"))
"""


@pytest.mark.parametrize(
    "load",
    [
        "from keras_cv_course.networks.loading import load_model",
        "from keras_cv_course import complexity; from keras.saving import load_model",
    ],
)
def test_works_in_a_fresh_process(saved, load):
    program = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n" + PROGRAM.format(
        load=load
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=saved, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_knows_every_module_with_registered_objects():
    modules = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
        for path in PACKAGE.rglob("*.py")
        if "@keras.saving.register_keras_serializable" in path.read_text()
    }
    assert modules == set(SERIALIZABLE_MODULES)


def test_passes_options_on(saved):
    assert load_model(saved / "model.keras").compiled
    assert not load_model(saved / "model.keras", compile=False).compiled


def test_h5_files(tmp_path):
    image = keras.Input((4,))
    model = keras.Model(image, keras.layers.Dense(2)(image))
    model.save(tmp_path / "model.h5")
    loaded = load_model(str(tmp_path / "model.h5"), compile=False)
    np.testing.assert_array_equal(loaded.get_weights()[0], model.get_weights()[0])


@pytest.mark.parametrize("name", ["notes.keras", "notes.h5"])
def test_files_of_another_kind_are_errors(tmp_path, name):
    (tmp_path / name).write_text("not a model")
    with pytest.raises(ValueError, match=rf"{name} is not a saved model that Keras can load"):
        load_model(tmp_path / name)


def test_a_truncated_file_is_an_error(saved):
    data = (saved / "model.keras").read_bytes()
    (saved / "cut.keras").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=r"cut.keras is not a saved model that Keras can load"):
        load_model(saved / "cut.keras")


def test_a_corrupt_file_is_an_error(saved):
    data = (saved / "model.keras").read_bytes()
    (saved / "corrupt.keras").write_bytes(data.replace(b'"Functional"', b'"FunctionaI"', 1))
    assert b"FunctionaI" in (saved / "corrupt.keras").read_bytes()
    with pytest.raises(ValueError, match=r"corrupt.keras is not a saved model that Keras .*CRC"):
        load_model(saved / "corrupt.keras")


def test_weights_alone_are_an_error_that_says_how(saved):
    model = load_model(saved / "model.keras")
    model.save_weights(saved / "model.weights.h5")
    with pytest.raises(ValueError, match=r"weights alone are read with `model.load_weights"):
        load_model(saved / "model.weights.h5")


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(ValueError, match=r"no such file: .*missing.keras"):
        load_model(tmp_path / "missing.keras")


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    with pytest.raises(
        ValueError, match=r"image\.png is not a saved model, a \.keras or \.h5 file"
    ):
        load_model(tmp_path / "image.png")


BOMBS = {
    "units": (lambda layers: layers[3]["config"].update(units=10**9), "weights and holds 122"),
    "input": (
        lambda layers: layers[0]["config"].update(batch_shape=[None, 10**6, 10**6, 3]),
        "makes 3,000,000,000,000 values",
    ),
    "layers": (
        lambda layers: layers.extend([dict(layers[3], name="more")] * 10_000),
        "describes 20,007 layers",
    ),
}
READ_BOMBS = """
import resource, sys
from pathlib import Path
from keras_cv_course import load_model
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**30,) * 2)
for path in sys.argv[1:]:
    try:
        load_model(path)
    except ValueError as error:
        print(error)
"""


def test_a_description_that_is_larger_than_the_weights_is_refused_before_it_is_built(tmp_path):
    image = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    model = keras.Model(image, keras.layers.Dense(2)(x))
    model.save(tmp_path / "sound.keras")
    assert load_model(tmp_path / "sound.keras").count_params() == 122
    with zipfile.ZipFile(tmp_path / "sound.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    for name, (change, _) in BOMBS.items():
        config = json.loads(members["config.json"])
        change(config["config"]["layers"])
        with zipfile.ZipFile(tmp_path / f"{name}.keras", "w") as archive:
            for member, content in (members | {"config.json": json.dumps(config)}).items():
                archive.writestr(member, content)
    program = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r})\n{READ_BOMBS}"
    line = [sys.executable, "-c", program, *(f"{name}.keras" for name in BOMBS)]
    done = subprocess.run(line, cwd=tmp_path, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert len(lines) == len(BOMBS), done.stderr
    for said, (name, (_, message)) in zip(lines, BOMBS.items(), strict=True):
        assert said.startswith(f"{name}.keras is not a saved model")
        assert message in said
