"""The folder of a browser's page, without npm and without a browser."""

import json

import keras
import numpy as np
import pytest

from keras_cv_course.devices.browser import PACKAGES, VERSION, write_browser_app
from keras_cv_course.tflite import convert


@pytest.fixture
def runtime(tmp_path):
    """A folder like npm's, with other content."""
    for name in PACKAGES:
        package = tmp_path / "node_modules" / name
        (package / "dist").mkdir(parents=True)
        (package / "package.json").write_text(json.dumps({"version": VERSION}))
        (package / "dist" / "index.js").write_text('import {x} from "@litertjs/wasm-utils";\n')
    wasm = tmp_path / "node_modules" / PACKAGES[0] / "wasm"
    wasm.mkdir()
    for kind in ("", "_compat"):
        for ending in ("js", "wasm"):
            (wasm / f"litert_wasm{kind}_internal.{ending}").write_bytes(b"x")
    return tmp_path / "node_modules"


def network(folder, quantize="none", io_dtype=None):
    image = keras.Input((4, 6, 3), name="image")
    scores = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(image))
    samples = np.stack([np.full((4, 6, 3), x, np.float32) for x in (-1, 1)])
    samples = samples if quantize == "int8" else None
    model = keras.Model(image, scores)
    return convert(model, folder / "m.tflite", quantize, io_dtype, samples, ["a", "b"]).path


def test_description_and_files(tmp_path, runtime):
    path = network(tmp_path)
    app = write_browser_app(path, tmp_path / "app", (-1, 1), runtime=runtime)
    described = json.loads((app / "model.json").read_text())
    values = described["input"].pop("values")
    np.testing.assert_allclose(values, np.linspace(-1, 1, 256), atol=1e-6)
    assert described["input"] == {"height": 4, "width": 6, "channels": 3, "dtype": "float32"}
    assert described["output"] == {"scale": None, "zeroPoint": 0, "softmax": True}
    assert described["labels"] == ["a", "b"]
    assert (app / "model.tflite").read_bytes() == path.read_bytes()
    assert 'from "./wasm_utils.js"' in (app / "runtime" / "litert.js").read_text()
    assert "Apache License" in (app / "runtime" / "LICENSE").read_text()


def test_int8_is_refused(tmp_path, runtime):
    path = network(tmp_path, "int8", "int8")
    with pytest.raises(ValueError, match=r'takes int8 and gives int8\. Convert.*io_dtype="uint8"'):
        write_browser_app(path, tmp_path / "app", (-1, 1), runtime=runtime)


def test_another_version_is_refused(tmp_path, runtime):
    (runtime / PACKAGES[0] / "package.json").write_text('{"version": "1.0.0"}')
    with pytest.raises(ValueError, match=r"must hold version 2\.5\.3 of core. Found 1\.0\.0"):
        write_browser_app(network(tmp_path), tmp_path / "app", (-1, 1), runtime=runtime)


def test_a_name_for_each_class(tmp_path, runtime):
    with pytest.raises(ValueError, match="each of the 2 classes"):
        write_browser_app(network(tmp_path), tmp_path / "a", (-1, 1), ["one"], runtime=runtime)
