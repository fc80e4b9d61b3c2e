"""What every detector of the registry promises; a new one is tested as soon as it is entered."""

import keras
import numpy as np
import pytest
from contracts.random_weights import measure_statistics, randomize

from keras_cv_course import Detector, build_model, load_model
from keras_cv_course.detectors.detections import detection_spec
from keras_cv_course.registry import MODELS
from keras_cv_course.training.detection import compile_detector, target_encoder

_DETECTORS = [name for name, entry in MODELS.items() if entry.kind == "detector"]
_SIZE = 64
# Those with a choice of backbones are run; the published giants are built, see also
# tests/networks/test_detector_figures.py.
_TINY = {
    "ssdlite": {"extra_filters": (32,)},
    "retinanet": {"filters": 16},
    "yolo": {"filters": {"P3": 8, "P4": 16, "P5": 32}},
}
_CLASSES = 3


def tiny(name):
    body = build_model("mobilenet_v2", input_shape=(_SIZE, _SIZE, 3), alpha=0.35, include_top=False)
    return build_model(name, backbone=body, classes=_CLASSES, **_TINY[name])


_RUN = [pytest.param(n, marks=pytest.mark.slow if n == "retinanet" else ()) for n in _TINY]


@pytest.fixture(scope="module", params=_RUN)
def network(request):
    """A network with random weights, and images."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = tiny(request.param)
    images = rng.uniform(-1, 1, (3, _SIZE, _SIZE, 3)).astype(np.float32)
    randomize(model, rng, images)
    return model, images


def detections(model, images):
    """What a detector of the model finds; eagerly, as tracing takes longer than a call."""
    outputs = Detector(model).model(images)
    return {key: np.asarray(values) for key, values in outputs.items()}


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n == "yolo_v1" else ()) for n in _DETECTORS],
)
def test_outputs_are_those_of_the_spec(name):
    model = build_model(name, classes=_CLASSES)
    entry = MODELS[name]
    assert model.name == name
    assert model.input.name == "image"
    assert model.input_shape[1:] == (entry.size_px, entry.size_px, 3)
    spec = detection_spec(model)
    assert spec.classes == _CLASSES
    assert spec.input_size_px == (entry.size_px, entry.size_px)
    assert spec.input_range == entry.input_range
    shapes = {key: y.shape[1:] for key, y in model.output.items()}
    expected = {"boxes": (spec.count, 4), "classes": (spec.count, spec.logits)}
    if spec.has_objectness:
        expected["objectness"] = (spec.count, 1)
    assert shapes == expected
    # The names under which `compile` takes losses.
    assert sorted(model.output_names) == sorted(expected)
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    kinds = {type(layer).__name__ for layer in model.layers}
    assert not kinds & {"ZeroPadding2D", "Lambda"}


def test_saved_and_loaded_it_finds_the_same(network, tmp_path):
    model, images = network
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    assert detection_spec(loaded) == detection_spec(model)
    expected, actual = (detections(m, images) for m in (model, loaded))
    assert expected["count"].sum() > 0
    for key, values in expected.items():
        np.testing.assert_array_equal(actual[key], values)


def test_a_batch_gives_what_its_images_give_one_by_one(network):
    model, images = network
    together = model(images)
    for key in together:
        alone = np.concatenate([model(image[None])[key] for image in images])
        np.testing.assert_allclose(together[key], alone, atol=1e-4)


@pytest.mark.parametrize("name", _RUN)
def test_training_lowers_the_loss_and_leaves_it_finite_without_boxes(name, rng):
    model = tiny(name)
    images = rng.uniform(-1, 1, (4, _SIZE, _SIZE, 3)).astype(np.float32)
    measure_statistics(model, images)
    boxes = np.array([[[8, 8, 40, 40], [20, 30, 60, 62]]] * 4, np.float32)
    labels = np.array([[0, 2], [1, -1], [2, 0], [-1, -1]], np.int32)
    encode = target_encoder(detection_spec(model))
    targets = encode(boxes, labels)
    trained = compile_detector(model, keras.optimizers.Adam(2e-3))
    trained.run_eagerly = True
    losses = [step(trained, images, targets) for _ in range(5)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.95 * losses[0]
    nothing = encode(boxes, np.full_like(labels, -1))
    assert np.isfinite(step(trained, images, nothing))


def step(model, images, targets):
    """The loss of a step of training; with several heads, their sum stands first."""
    return float(np.ravel(model.train_on_batch(images, targets))[0])
