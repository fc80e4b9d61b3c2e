import importlib.util

import keras
import numpy as np
import pytest
from contracts.random_weights import randomize

from keras_cv_course import MobileNet, build_model
from keras_cv_course.data import load_images
from keras_cv_course.devices.microcontroller import run_on_micro, smallest_arena
from keras_cv_course.registry import MODELS
from keras_cv_course.tflite import convert, flatbuffer
from keras_cv_course.tflite.memory import plan_arena
from keras_cv_course.tflite.runtime import load_interpreter

pytestmark = pytest.mark.device

SMALLEST = {
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.35},
    "mobilenet_v3_small": {"alpha": 0.75},
    "mobilenet_v3_large": {"alpha": 0.75},
}
SIZE_PX = 64
# Head and tail at this size with ten classes, of networks that anyone would put on a board.
ARENA_BYTES = {
    "mobilenet": (32_768, 29_744),
    "mobilenet_v2": (61_440, 71_872),
    "mobilenet_v3_small": (49_152, 89_040),
    "mobilenet_v3_large": (81_920, 145_392),
    "efficientnet_b0": (294_912, 283_984),
    "efficientnet_b1": (294_912, 419_872),
    "efficientnet_lite0": (122_880, 182_720),
    "efficientnet_lite1": (122_880, 233_776),
    "efficientnet_lite2": (122_880, 251_504),
}
# Of MLPerf Tiny's own file.
VWW_ARENA_BYTES = 103_680
VWW_SHAPE = (96, 96, 3)


def smooth_images(count, size_px, input_range, rng):
    low, high = input_range
    coarse = rng.uniform(low, high, (count, 6, 6, 3)).astype(np.float32)
    large = keras.ops.image.resize(coarse, (size_px, size_px), interpolation="bicubic")
    return np.clip(np.asarray(large), low, high)


def numbers_for(path, images):
    """Returns images in the numbers of the file's only input."""
    (details,) = load_interpreter(path).get_input_details()
    scale, zero_point = details["quantization"]
    limits = np.iinfo(details["dtype"])
    steps = np.rint(images / scale) + zero_point
    return np.clip(steps, limits.min, limits.max).astype(details["dtype"])


def run_reference(path, *inputs):
    """Returns what LiteRT's reference kernels make of the file's own numbers, sample by sample."""
    interpreter = load_interpreter(path, kernels="reference")
    runs = []
    for sample in zip(*inputs, strict=True):
        for details, array in zip(interpreter.get_input_details(), sample, strict=True):
            interpreter.set_tensor(details["index"], array[None])
        interpreter.invoke()
        outputs = interpreter.get_output_details()
        runs.append([interpreter.get_tensor(details["index"]) for details in outputs])
    return [np.concatenate(outputs) for outputs in zip(*runs, strict=True)]


def largest_difference(outputs, expected):
    assert outputs.shape == expected.shape
    assert outputs.dtype == expected.dtype
    return np.abs(outputs.astype(np.int64) - expected.astype(np.int64)).max()


def small_network(top=None):
    """A network on 8 x 8 images, with `top` behind its vector."""
    image = keras.Input((8, 8, 3), name="image")
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(8, 3)(image))
    return keras.Model(image, (top or keras.layers.Dense(3))(x))


def small_images(count=16):
    return np.random.default_rng(0).uniform(-1, 1, (count, 8, 8, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("small") / "int8.tflite"
    convert(small_network(), path, "int8", "int8", small_images())
    return path


@pytest.mark.parametrize("name", ARENA_BYTES)
def test_classifier_is_what_the_reference_kernels_compute(name, tmp_path, rng):
    entry = MODELS[name]
    shape = (SIZE_PX, SIZE_PX, 3)
    options = {"classes": 10, "classifier_activation": None, **SMALLEST.get(name, {})}
    model = build_model(name, input_shape=shape, **options)
    images = smooth_images(36, SIZE_PX, entry.input_range, rng)
    randomize(model, rng, images[:32])
    path = tmp_path / "int8.tflite"
    convert(model, path, "int8", "int8", images[:32])
    inputs = numbers_for(path, images[32:])
    (expected,) = run_reference(path, inputs)
    assert np.ptp(expected.astype(int), axis=0).max() > 20, "images must tell in the scores"
    run = run_on_micro(path, inputs)
    assert largest_difference(run.outputs[0], expected) <= 1
    assert (run.head_bytes, run.tail_bytes) == pytest.approx(ARENA_BYTES[name], rel=0.02)
    assert run.arena_bytes == run.head_bytes + run.tail_bytes
    assert plan_arena(path.read_bytes()).bytes == run.head_bytes


@pytest.mark.data
def test_mlperfs_person_detector_and_ours_of_the_same_weights(shared, tmp_path):
    files = sorted((shared / "data" / "person_coco").rglob("*.jpg"))[::10]
    images = load_images(files, VWW_SHAPE, (0.0, 1.0))
    theirs = shared / "models" / "mlperf_tiny_vww_96_int8.tflite"
    weights = shared / "models" / "mlperf_tiny_vww_96.h5"
    model = MobileNet(VWW_SHAPE, alpha=0.25, activation="relu", classes=2, weights=weights)
    ours = convert(model, tmp_path / "vww.tflite", "int8", "int8", images, input_range=(0, 1)).path
    arenas = {}
    for path in (theirs, ours):
        inputs = numbers_for(path, images[:10])
        run = run_on_micro(path, inputs)
        np.testing.assert_array_equal(run.outputs[0], run_reference(path, inputs)[0])
        assert len(np.unique(run.outputs[0])) > 5
        arenas[path] = run.arena_bytes
    assert arenas[theirs] == VWW_ARENA_BYTES
    assert arenas[ours] <= 1.02 * VWW_ARENA_BYTES
    assert smallest_arena(theirs) == VWW_ARENA_BYTES


def test_all_inputs_and_outputs(tmp_path, rng):
    image, extra = keras.Input((8, 8, 3), name="image"), keras.Input((4,), name="extra")
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image))
    both = keras.layers.Concatenate()([pooled, extra])
    outputs = {"scores": keras.layers.Dense(2)(both), "size": keras.layers.Dense(3)(extra)}
    samples = [small_images(), rng.uniform(-1, 1, (16, 4)).astype(np.float32)]
    path = tmp_path / "two.tflite"
    convert(keras.Model([image, extra], outputs), path, "int8", "int8", samples)
    shapes = [x["shape"][1:] for x in load_interpreter(path).get_input_details()]
    inputs = [rng.integers(-128, 127, (3, *shape), np.int8) for shape in shapes]
    run = run_on_micro(path, inputs)
    expected = run_reference(path, *inputs)
    assert len(run.outputs) == len(expected) == 2
    for actual, output in zip(run.outputs, expected, strict=True):
        assert largest_difference(actual, output) <= 1
    assert np.ptp(expected[0].astype(int), axis=0).max() > 5


def test_a_float_file_runs_too(tmp_path):
    path = tmp_path / "float.tflite"
    convert(small_network(), path, "none")
    images = small_images(3)
    run = run_on_micro(path, images)
    np.testing.assert_allclose(run.outputs[0], run_reference(path, images)[0], atol=1e-5)


def test_the_smallest_arena_is_enough_and_no_larger_than_it_must_be(small):
    inputs = numbers_for(small, small_images(2))
    free = run_on_micro(small, inputs)
    fewest = smallest_arena(small)
    # Preparing the operators takes more for a moment than what the run keeps.
    assert fewest >= free.arena_bytes
    run = run_on_micro(small, inputs, fewest)
    np.testing.assert_array_equal(run.outputs[0], free.outputs[0])
    with pytest.raises(ValueError, match=rf"`arena_bytes` must be larger .*: {fewest - 16:,}, "):
        run_on_micro(small, inputs, fewest - 16)


@pytest.mark.parametrize("arena_bytes", [1, 16, 400])
def test_an_arena_that_is_too_small_is_reported(small, arena_bytes):
    inputs = numbers_for(small, small_images(1))
    with pytest.raises(
        ValueError, match=rf"larger for .* Received: {arena_bytes}, .* give at leas"
    ):
        run_on_micro(small, inputs, arena_bytes)


@pytest.mark.parametrize("arena_bytes", [0, -1, 1e5, True])
def test_an_arena_of_no_size_is_refused(small, arena_bytes):
    with pytest.raises(ValueError, match="`arena_bytes` must be a whole number above 0"):
        run_on_micro(small, np.zeros((1, 8, 8, 3), np.int8), arena_bytes)


class TopK(keras.layers.Layer):
    def call(self, x):
        return keras.ops.top_k(x, 2)[0]


@pytest.mark.parametrize(
    ("top", "quantize", "message"),
    [
        (TopK(), "none", r"it has no operator TOPK_V2\. It says: Didn't find op"),
        (None, "dynamic", r"\(dynamic range\).* Convert with quantize='int8'.*Hybrid models"),
        (None, "float16", r"Node DEQUANTIZE \(number 0\) failed to prepare"),
    ],
    ids=["operator", "dynamic", "float16"],
)
def test_what_the_runtime_does_not_take_is_reported_in_its_words(top, quantize, message, tmp_path):
    path = tmp_path / "refused.tflite"
    convert(small_network(top), path, quantize)
    with pytest.raises(ValueError, match=rf"tflite-micro does not take .*{message}"):
        run_on_micro(path, small_images(1))
    with pytest.raises(ValueError, match=message):
        smallest_arena(path)


def test_a_crash_of_the_runtime_is_an_error(small, tmp_path):
    model = flatbuffer.read(small.read_bytes())
    model.subgraphs[0].operators[0].inputs = np.array([10**6, 1, 2], np.int32)
    path = tmp_path / "crash.tflite"
    path.write_bytes(flatbuffer.write(model))
    with pytest.raises(ValueError, match="it crashed with signal SIG"):
        run_on_micro(path, np.zeros((1, 8, 8, 3), np.int8))


def test_what_is_no_model_is_reported(small, tmp_path):
    inputs = np.zeros((1, 8, 8, 3), np.int8)
    with pytest.raises(ValueError, match="there is no such file"):
        run_on_micro(tmp_path / "missing.tflite", inputs)
    cut = tmp_path / "cut.tflite"
    cut.write_bytes(small.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"tflite-micro does not take .*cut.tflite: "):
        run_on_micro(cut, inputs)


def test_inputs_that_do_not_fit_are_refused(small):
    sample = np.zeros((1, 8, 8, 3), np.int8)
    for inputs, message in [
        ([], "`inputs` must hold an array for each input"),
        ([sample, sample], "one array for each of the file's 1 inputs. Received: 2"),
        (sample[0], r"int8 numbers of shape \('n', 8, 8, 3\) .* Received: int8, \(8, 8, 3\)"),
        (sample.astype(np.uint8), r"Received: uint8, \(1, 8, 8, 3\)"),
        (sample[:0], r"with n at least 1. Received: int8, \(0, 8, 8, 3\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            run_on_micro(small, inputs)


def test_a_file_that_takes_too_long_is_an_error(small):
    with pytest.raises(ValueError, match=r"it was still busy after 0.01 s"):
        run_on_micro(small, np.zeros((1, 8, 8, 3), np.int8), timeout_s=0.01)


def test_a_missing_package_is_reported(small, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        RuntimeError, match=r"Install it with pip install 'keras-cv-course\[micro\]'"
    ):
        run_on_micro(small, np.zeros((1, 8, 8, 3), np.int8))
    with pytest.raises(RuntimeError, match="tflite-micro must be installed"):
        smallest_arena(small)
