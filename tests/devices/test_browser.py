"""Files of ours in headless Chromium: with LiteRT.js alone, and in the page."""

import json

import keras
import numpy as np
import pytest
import toy_networks
from browser_driver import drive, node_modules
from PIL import Image

from keras_cv_course.devices.browser import write_browser_app
from keras_cv_course.devices.browser_run import run_in_browser
from keras_cv_course.tflite import TFLiteModel, convert
from keras_cv_course.tflite.tensors import dequantize, quantize

pytestmark = pytest.mark.device
FORMS = {"int8": "uint8", "none": "float32", "float16": "float32"}
READY = ["wait", "html[data-ready]"]
RESULT = ["wait", "html[data-result]"]
# File of a page, what stands in it instead, and what the page says then.
BROKEN = {
    "no_model": ("model.tflite", None, "model.tflite could not be read: 404"),
    "no_description": ("model.json", None, "model.json could not be read: 404"),
    "no_runtime": ("runtime/litert.js", None, "Failed to fetch dynamically imported module"),
    "damaged_model": ("model.tflite", b"TFL3" * 100, "Failed to load model"),
}
# Stands in for LiteRT.js: the second score is how often it has run.
COUNTING_RUNTIME = """
let runs = 0;
export const loadLiteRt = async () => {};
export class Tensor { delete() {} }
export const loadAndCompile = async () => ({
  run: async () => [{toTypedArray: () => [0, ++runs, 0], delete() {}}]});
"""


def write(folder, form, io_dtype):
    toy = toy_networks.classifier()
    samples = toy.inputs if form == "int8" else None
    names = toy_networks.COLOURS
    return toy, convert(toy.model, folder / "m.tflite", form, io_dtype, samples, names).path


def write_app(path, folder, input_range=toy_networks.INPUT_RANGE):
    return write_browser_app(path, folder, input_range, runtime=node_modules())


def choose(image, path):
    """Steps that show the page an image and ask for the scores."""
    Image.fromarray(image).save(path)
    return [["choose", path], RESULT, ["result", ""]]


def step_of(spec):
    return 1e-6 if spec.scale is None else spec.scale * 1.01


@pytest.mark.parametrize("form", FORMS)
def test_runtime_gives_what_litert_gives(tmp_path, form):
    toy, path = write(tmp_path, form, FORMS[form])
    model = TFLiteModel(path)
    numbers = quantize(toy.inputs, model.inputs[0])
    raw = run_in_browser(path, numbers, runtime=node_modules()).outputs[0]
    spec = model.outputs[0]
    assert raw.dtype == spec.dtype
    np.testing.assert_allclose(dequantize(raw, spec), model.predict(toy.inputs), atol=step_of(spec))


@pytest.mark.parametrize("form", FORMS)
def test_page_gives_what_litert_gives(tmp_path, form):
    toy, path = write(tmp_path, form, FORMS[form])
    app = write_app(path, tmp_path / "app")
    steps = [["visit", "index.html"], READY]
    for i, image in enumerate(toy.images):
        steps += [*choose(image, tmp_path / f"{i}.png"), ["text", "#answer"]]
    # Of another form the page takes the square in the middle, here the second image.
    steps += choose(np.concatenate(toy.images, axis=1), tmp_path / "wide.png")
    steps += choose(np.concatenate(toy.images, axis=0), tmp_path / "tall.png")
    steps += [["box", "#preview"], ["box", "#drop"], ["screenshot", tmp_path / "page.png"]]
    seen = drive(app, steps)

    model = TFLiteModel(path)
    expected = model.predict(toy.inputs)
    *answers, wide, tall, preview, stage = seen.answers
    assert answers[1::2] == toy.expected
    np.testing.assert_allclose(answers[::2], expected, atol=step_of(model.outputs[0]))
    assert wide == tall == answers[2]
    assert preview["y"] >= stage["y"]
    assert preview["height"] <= stage["height"]
    assert seen.outside == []
    assert {end for _, end in seen.requests} == {"finished"}
    assert seen.blocked == []
    with Image.open(tmp_path / "page.png") as screenshot:
        assert screenshot.size == (390, 844)
        assert len(screenshot.convert("RGB").getcolors(2**24)) > 100


def test_grey_images(tmp_path, rng):
    inputs = keras.Input((8, 8, 1), name="image")
    scores = keras.layers.Dense(3)(keras.layers.Flatten()(inputs))
    path = convert(keras.Model(inputs, scores), tmp_path / "m.tflite", "none").path
    image = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    steps = [["visit", "index.html"], READY, *choose(image, tmp_path / "image.png")]
    (received,) = drive(write_app(path, tmp_path / "app", (0.0, 1.0)), steps).answers
    grey = np.round(image @ [0.299, 0.587, 0.114])[None, ..., None] / 255
    powers = np.exp(TFLiteModel(path).predict(grey.astype(np.float32))[0])
    np.testing.assert_allclose(received, powers / powers.sum(), atol=1e-6)


def test_page_says_what_is_missing(tmp_path):
    _, path = write(tmp_path, "none", "float32")
    said = [["wait", "#error:not([hidden])"], ["text", "#error"], ["text", "#about"]]
    said += [["visible", "#answer"]]
    steps = []
    for key, (file, content, _) in BROKEN.items():
        app = write_app(path, tmp_path / "site" / key)
        (app / file).unlink()
        if content is not None:
            (app / file).write_bytes(content)
        steps.append(["visit", f"{key}/index.html"])
        steps += said
    steps += [["visit", (tmp_path / "site" / "no_model" / "index.html").as_uri()], *said]
    answers = drive(tmp_path / "site", steps).answers
    *errors, from_disk = answers[::3]
    for error, (_, _, expected) in zip(errors, BROKEN.values(), strict=True):
        assert error.startswith("The model could not be loaded. ")
        assert expected in error
    assert "must come from a web server" in from_disk
    assert set(answers[1::3]) == {"No model"}
    assert set(answers[2::3]) == {False}


def test_size_of_the_file(tmp_path):
    _, path = write(tmp_path, "none", "float32")
    steps = []
    for key in ("small", "large"):
        app = write_app(path, tmp_path / "site" / key)
        steps += [["visit", f"{key}/index.html"], READY, ["text", "#about"]]
    described = json.loads((app / "model.json").read_text())
    (app / "model.json").write_text(json.dumps(described | {"bytes": 1_250_000}))
    small, large = drive(tmp_path / "site", steps).answers
    assert small.startswith("3 classes · 96 ")
    assert small.endswith(f" · {-(-path.stat().st_size // 1000)} kB")
    assert large.endswith(" · 1.3 MB")


def test_first_image_is_not_the_first_run(tmp_path):
    toy, path = write(tmp_path, "none", "float32")
    app = write_app(path, tmp_path / "app")
    (app / "runtime" / "litert.js").write_text(COUNTING_RUNTIME)
    steps = [["visit", "index.html"], READY, *choose(toy.images[0], tmp_path / "0.png")]
    scores, rows = drive(app, [*steps, ["text", "#scores"]]).answers
    assert scores == [0, 2, 0]
    assert rows == "green200.0%"  # No row for what has no share.


def test_camera(tmp_path):
    _, path = write(tmp_path, "none", "float32")
    texts = [["text", "#answer"], ["text", "#scores"], ["text", "#time"], ["text", "#camera"]]
    video = ["visible", "#video"]
    steps = [["visit", "index.html"], READY, *texts, video]
    steps += [["click", "#camera"], RESULT, *texts, video]
    steps += [["click", "#camera"], *texts, video]
    answers = drive(write_app(path, tmp_path / "app"), steps).answers
    before, running, after = answers[:5], answers[5:10], answers[10:]
    assert running[0] in toy_networks.COLOURS
    assert running[1].startswith(running[0])
    assert running[2].endswith("ms on this device")
    assert running[3:] == ["Stop camera", True]
    assert after == before


def test_int8_inputs_are_refused(tmp_path):
    toy, path = write(tmp_path, "int8", "int8")
    numbers = quantize(toy.inputs, TFLiteModel(path).inputs[0])
    with pytest.raises(ValueError, match="INT8"):
        run_in_browser(path, numbers, runtime=node_modules())


@pytest.mark.data
@pytest.mark.parametrize("form", FORMS)
def test_mobilenet_names_the_photographs_alike(tmp_path, form, shared):
    from keras_cv_course import MobileNetV2
    from keras_cv_course.data import load_images

    weights = shared / "weights" / "mobilenet_v2_1.0_224.weights.h5"
    model = MobileNetV2((224, 224, 3), weights=weights)
    files = sorted((shared / "data" / "coral_photos").glob("*.bmp"))
    images = load_images(files, (224, 224, 3), (-1.0, 1.0))
    samples = images if form == "int8" else None
    path = convert(model, tmp_path / "m.tflite", form, FORMS[form], samples).path
    file = TFLiteModel(path)
    expected = file.predict(images)
    numbers = quantize(images, file.inputs[0])
    raw = run_in_browser(path, numbers, runtime=node_modules()).outputs[0]
    assert raw.argmax(1).tolist() == expected.argmax(1).tolist()
