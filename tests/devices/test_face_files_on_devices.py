"""Encoders of faces and pair models in the runtimes of phones, browsers and microcontrollers."""

from pathlib import Path

import keras
import numpy as np
import pytest
from browser_driver import node_modules
from contracts.random_weights import randomize
from test_microcontroller import largest_difference, numbers_for, run_reference
from test_tasks_vision import Site

from keras_cv_course import MobileNetV2
from keras_cv_course.devices.browser_run import run_in_browser
from keras_cv_course.devices.mediapipe import find_python, run_mediapipe
from keras_cv_course.devices.microcontroller import run_on_micro
from keras_cv_course.faces import FaceEncoder, SiameseNetwork
from keras_cv_course.tflite import TFLiteModel, check, convert
from keras_cv_course.tflite.tensors import dequantize, quantize

pytestmark = pytest.mark.device
SIZE_PX = 32
FORMS = {"int8": "uint8", "none": "float32", "float16": "float32"}
PAIRS = {
    "cosine": ("cosine", None),
    "absolute": ("absolute", "sigmoid"),
    "euclidean": ("euclidean", "sigmoid"),
}
# The kernels of TensorFlow Lite Micro and LiteRT's reference kernels: the distance in float differs
# by its last bits, all else by one step.
STEP = 1
RANGE = (-1.0, 1.0)


@pytest.fixture(scope="module")
def pixels():
    coarse = np.random.default_rng(0).integers(0, 256, (24, 4, 4, 3), dtype=np.uint8)
    return coarse.repeat(SIZE_PX // 4, axis=1).repeat(SIZE_PX // 4, axis=2)


@pytest.fixture(scope="module")
def images(pixels):
    return pixels.astype(np.float32) / 127.5 - 1


@pytest.fixture(scope="module")
def encoder(images):
    backbone = MobileNetV2((SIZE_PX, SIZE_PX, 3), alpha=0.35, include_top=False, pooling="avg")
    model = FaceEncoder(backbone, 16)
    randomize(model, np.random.default_rng(0), images)
    return model


def write(encoder, folder, form, images):
    samples = images if form == "int8" else None
    return convert(
        encoder,
        folder / f"{form}.tflite",
        form,
        FORMS[form],
        samples,
        target="phone",
        input_range=RANGE,
    ).path


def pair_model(encoder, name, images):
    pair = SiameseNetwork(encoder, *PAIRS[name])
    if PAIRS[name][1]:
        head = pair.get_layer("same_logit")
        logits = keras.Model(pair.inputs, head.output)([images[:12], images[12:]]).numpy()
        # Probabilities around a half, whose steps are fine enough to judge.
        scale = 6 / np.ptp(logits)
        head.kernel.assign(head.kernel * scale)
        head.bias.assign([-scale * logits.mean()])
    return pair


def as_given(path, pixels):
    """The images as MediaPipe gives them: pixels themselves to a uint8 input."""
    spec = TFLiteModel(path).inputs[0]
    return pixels / np.float32(127.5) - 1 if spec.scale is None else dequantize(pixels, spec)


@pytest.mark.parametrize("form", FORMS)
def test_mediapipe_embeds_faces(encoder, pixels, images, tmp_path, form):
    path = write(encoder, tmp_path, form, images)
    python = find_python(Path(__file__).resolve().parents[2])
    answers = run_mediapipe(python, "embedder", path, pixels[:4])
    expected = TFLiteModel(path).predict(as_given(path, pixels[:4]))
    assert np.ptp(expected, axis=0).max() > 0.1, "images must tell in the embeddings"
    # A step of the output in int8; else pixels are scaled in another order of operations.
    tolerance = 1.01 / 128 if form == "int8" else 1e-4
    for answer, vector in zip(answers, expected, strict=True):
        np.testing.assert_allclose(answer.vector, vector, atol=tolerance)


def test_mediapipe_embeds_faces_in_the_browser(encoder, pixels, images, tmp_path):
    site, paths = Site(tmp_path), {}
    for form in FORMS:
        paths[form] = write(encoder, tmp_path, form, images)
        site.add(form, "embedder", paths[form], pixels[:4])
    results, seen = site.run()
    for form, path in paths.items():
        expected = TFLiteModel(path).predict(as_given(path, pixels[:4]))
        np.testing.assert_allclose(results[form]["answers"], expected, atol=1e-4)
    assert seen.outside == []


@pytest.mark.parametrize("form", FORMS)
def test_a_browser_embeds_faces(encoder, images, tmp_path, form):
    path = write(encoder, tmp_path, form, images)
    assert check(path, "browser").ok
    model = TFLiteModel(path)
    numbers = quantize(images[:4], model.inputs[0])
    raw = run_in_browser(path, numbers, runtime=node_modules()).outputs[0]
    spec = model.outputs[0]
    tolerance = 1e-5 if spec.scale is None else 1.01 * spec.scale
    np.testing.assert_allclose(dequantize(raw, spec), model.predict(images[:4]), atol=tolerance)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("form", ["int8", "none"])
def test_a_browser_compares_faces(encoder, images, tmp_path, name, form):
    pair = pair_model(encoder, name, images)
    samples = [images[:12], images[12:]] if form == "int8" else None
    path = convert(pair, tmp_path / "pair.tflite", form, FORMS[form], samples).path
    assert check(path, "browser").ok
    model = TFLiteModel(path)
    named = {"image_a": images[:3], "image_b": images[3:6]}
    inputs = [quantize(named[spec.name], spec) for spec in model.inputs]
    raw = run_in_browser(path, inputs, runtime=node_modules()).outputs[0]
    expected, spec = model.predict(named), model.outputs[0]
    assert np.ptp(expected) > 0.01, "pairs must tell in the answer"
    tolerance = 1e-5 if spec.scale is None else 1.01 * spec.scale
    np.testing.assert_allclose(dequantize(raw, spec), expected, atol=tolerance)


def test_a_microcontroller_embeds_faces(encoder, images, tmp_path):
    path = convert(encoder, tmp_path / "int8.tflite", "int8", "int8", images).path
    assert check(path, "microcontroller").ok
    inputs = numbers_for(path, images[:4])
    (expected,) = run_reference(path, inputs)
    assert np.ptp(expected.astype(int), axis=0).max() > 20
    assert largest_difference(run_on_micro(path, inputs).outputs[0], expected) <= STEP


@pytest.mark.parametrize("name", PAIRS)
def test_a_microcontroller_compares_faces(encoder, images, tmp_path, name):
    pair = pair_model(encoder, name, images)
    samples = [images[:12], images[12:]]
    path = convert(pair, tmp_path / "pair.tflite", "int8", "int8", samples).path
    assert check(path, "microcontroller").ok
    model = TFLiteModel(path)
    named = {"image_a": images[:3], "image_b": images[3:6]}
    inputs = [quantize(named[spec.name], spec) for spec in model.inputs]
    (expected,) = run_reference(path, *inputs)
    assert np.ptp(expected.astype(int)) > 2
    assert largest_difference(run_on_micro(path, inputs).outputs[0], expected) <= STEP
