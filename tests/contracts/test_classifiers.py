"""What every classifier of the registry promises; a new one is tested as soon as it is entered.

Members of a family differ in numbers alone, so its smallest is run, as narrow as its options make
it, and the others are built.
"""

import inspect
import re
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from contracts.random_weights import copy_weights, randomize

from keras_cv_course import build_model
from keras_cv_course._classifier_table import FAMILIES
from keras_cv_course.backbones._options import ClassifierOptions
from keras_cv_course.names import is_layer_name
from keras_cv_course.registry import MODELS

# Options that make a network small without changing what its blocks are.
_NARROW = {
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.35},
    "alexnet": {"alpha": 0.125},
    "vgg11": {"alpha": 0.125},
    "googlenet": {"alpha": 0.125},
    "inception_v3": {"alpha": 0.125},
    "xception": {"alpha": 0.125},
    "resnet18": {"alpha": 0.25},
    "resnet50_v2": {"alpha": 0.125},
    "wide_resnet50_2": {"alpha": 0.125},
    "resnext50_32x4d": {"alpha": 0.25},
    "se_resnet18": {"alpha": 0.25},
    "densenet121": {"growth_rate": 8},
    "densenet_bc": {"depth": 22},
    "mnasnet_b1": {"alpha": 0.5},
    "fractalnet": {"filters": (8, 16, 16, 16, 16), "columns": 2},
}
# Their blocks are those of a family that is run anyway, or they cannot be made small.
_RUN_SLOW = {
    *("bit_r50x1", "darknet19", "densenet121", "efficientnet_lite0", "mnasnet_b1"),
    *("googlenet", "inception_v3", "wide_resnet50_2", "xception"),
}
# A member that has what the smallest has not.
_RUN_TOO = {"mobilenet_v3_large"}
_CLASSIFIERS = [name for name, entry in MODELS.items() if entry.kind == "classifier"]
_SMALLEST = [family.members[0].name for family in FAMILIES]


def _marked(names, slow):
    return [pytest.param(n, marks=pytest.mark.slow if n in slow else ()) for n in names]


run = pytest.mark.parametrize(
    "model_name",
    _marked([n for n in _CLASSIFIERS if n in {*_SMALLEST, *_RUN_TOO}], _RUN_SLOW | _RUN_TOO),
    scope="module",  # so that they share `network`
)
every = pytest.mark.parametrize("model_name", _CLASSIFIERS)
built = pytest.mark.parametrize(
    "model_name", _marked(_CLASSIFIERS, set(_CLASSIFIERS) - set(_SMALLEST))
)


def _smallest(model_name, more=(0, 0)):
    """The smallest input of a family, or one that is larger by so many pixels."""
    return tuple(MODELS[model_name].traits.min_size_px + pixels for pixels in more)


def _build(model_name, size=None, channels=3, **options):
    options = {**_NARROW.get(model_name, {}), **options}
    options.setdefault("input_shape", (*(size or _smallest(model_name)), channels))
    return build_model(model_name, **options)


def _images(model_name, rng, count=2, size=None, channels=3):
    low, high = MODELS[model_name].input_range
    size = size or _smallest(model_name)
    return rng.uniform(low, high, (count, *size, channels)).astype("float32")


_HEADS = {
    "dense": ("top_pool", keras.layers.GlobalAveragePooling2D, keras.layers.Dense),
    "conv": ("top_pool", keras.layers.GlobalAveragePooling2D, keras.layers.Conv2D),
    "flatten": ("top_flat", keras.layers.Flatten, keras.layers.Dense),
}


@built
@pytest.mark.usefixtures("weightless")
def test_what_is_built_by_default_is_what_the_registry_says(model_name):
    model = build_model(model_name)
    size = MODELS[model_name].size_px
    assert model.input_shape == (None, size, size, 3)
    assert model.output_shape == (None, 1000)
    assert model.input.name == "image"
    assert model.name == model_name
    check_layers(model)
    check_traits(model, MODELS[model_name])


def check_layers(model):
    names = [layer.name for layer in model.layers]
    assert len(set(names)) == len(names)
    assert [name for name in names if not is_layer_name(name)] == []
    # Convolution, normalization and activation are apart, for quantization to see each.
    fused = [
        x.name for x in model.layers if getattr(x, "activation", None) and hasattr(x, "kernel")
    ]
    linear = keras.activations.linear
    assert all(model.get_layer(name).activation is linear for name in fused)


def check_traits(model, entry):
    traits = entry.traits
    start, begin, linear = _HEADS[traits.head]
    first = [layer.name for layer in model.layers].index(start)
    assert isinstance(model.layers[first], begin)
    classifier = [layer for layer in model.layers[first:] if layer.weights]
    assert all(isinstance(layer, linear) for layer in classifier)
    assert len(classifier) == traits.classifier_layers
    kinds = {type(layer).__name__ for layer in model.layers}
    assert "Lambda" not in kinds
    assert ("ZeroPadding2D" in kinds) == traits.explicit_padding
    assert bool(kinds & {"Rescaling", "Normalization"}) == traits.preprocessing
    assert (entry.input_range == (0.0, 255.0)) == traits.preprocessing


@every
def test_a_size_below_the_smallest_is_refused(model_name):
    smallest = MODELS[model_name].traits.min_size_px
    with pytest.raises(ValueError, match=f"height and width must be at least {smallest}"):
        build_model(model_name, input_shape=(smallest, smallest - 1, 3))


@every
def test_num_classes_is_an_error_that_names_classes(model_name):
    with pytest.raises(TypeError, match=r"has no argument `num_classes`\. Use `classes`"):
        build_model(model_name, num_classes=5)


@every
def test_signature_and_help_are_complete(model_name):
    builder = MODELS[model_name].load()
    parameters = inspect.signature(builder).parameters
    assert next(iter(parameters)) == "input_shape"
    assert set(ClassifierOptions.__annotations__) < set(parameters)
    assert all(p.default is not p.empty for p in parameters.values())
    assert not any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if "Args:" in builder.__doc__:  # others refer to the family's builder
        for name in parameters:
            assert re.search(rf"^ +{name}: ", builder.__doc__, re.MULTILINE), name


@pytest.mark.parametrize("model_name", _SMALLEST)
@pytest.mark.usefixtures("weightless")
def test_backbone_takes_any_size_if_its_family_does(model_name):
    model = build_model(model_name, include_top=False)
    if not MODELS[model_name].traits.any_size:
        assert None not in model.input_shape[1:]
        return
    assert model.input_shape == (None, None, None, 3)
    assert model.output_shape[:3] == (None, None, None)
    assert model.layers[-1].name.startswith(("top_", "stage"))


@dataclass(frozen=True, eq=False)
class Network:
    """A classifier of five classes with random weights, and what it says about images."""

    name: str
    model: keras.Model
    images: np.ndarray
    scores: np.ndarray


@pytest.fixture(scope="module")
def network(model_name):
    """Shared by the tests that leave its weights as they are."""
    rng = np.random.default_rng(0)
    model = _build(model_name, classes=5)
    images = _images(model_name, rng, 3)
    randomize(model, rng, images)
    return Network(model_name, model, images, np.asarray(model(images)))


@run
def test_probabilities_are_the_softmax_of_the_logits(network):
    logits = _build(network.name, classes=5, classifier_activation=None)
    copy_weights(network.model, logits)
    raw = np.asarray(logits(network.images))
    assert raw.shape == (3, 5)
    assert np.abs(raw[0] - raw[1]).max() > 0.1
    powers = np.exp(raw - raw.max(-1, keepdims=True))
    expected = powers / powers.sum(-1, keepdims=True)
    np.testing.assert_allclose(network.scores, expected, atol=1e-5)


@run
def test_saved_and_loaded_it_gives_the_same(network, tmp_path):
    network.model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(network.images), network.scores, atol=1e-6)


@run
def test_a_batch_gives_what_its_images_give_one_by_one(network):
    alone = np.concatenate([network.model(image[np.newaxis]) for image in network.images])
    np.testing.assert_allclose(network.scores, alone, atol=1e-5)


@run
@pytest.mark.parametrize(("more", "channels"), [((1, 15), 1), ((32, 8), 4)])
def test_odd_sizes_and_other_channels(model_name, more, channels, rng):
    size = _smallest(model_name, more)
    model = _build(model_name, size, channels, classes=3)
    features = model.get_layer(_HEADS[MODELS[model_name].traits.head][0]).input
    both = keras.Model(model.input, [features, model.output])
    outputs, scores = map(np.asarray, both(_images(model_name, rng, 2, size, channels)))
    assert outputs.shape == (2, *features.shape[1:])
    assert min(outputs.shape) >= 1
    assert np.isfinite(outputs).all()
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)


@run
def test_input_tensor(model_name, rng):
    image = keras.Input((*_smallest(model_name), 3), name="camera")
    model = _build(model_name, input_shape=None, input_tensor=image * 1.0, classes=3)
    assert model.input is image
    assert model(_images(model_name, rng)).shape == (2, 3)


@run
def test_pooling(model_name, rng):
    size = _smallest(model_name, (32, 32))
    features = _build(model_name, size, include_top=False)
    images = _images(model_name, rng, size=size)
    randomize(features, rng, images)
    outputs = np.asarray(features(images))
    for pooling, reduce in (("avg", np.mean), ("max", np.max)):
        vector = _build(model_name, size, include_top=False, pooling=pooling)
        copy_weights(features, vector)
        expected = reduce(outputs, axis=(1, 2))
        np.testing.assert_allclose(vector(images), expected, rtol=1e-4, atol=1e-5)


@run
def test_training_lowers_the_loss(model_name, rng):
    # Dropping features or blocks would make so few steps a matter of luck.
    options = inspect.signature(MODELS[model_name].load()).parameters
    rates = ("dropout_rate", "drop_connect_rate", "drop_path_rate")
    wanted = {**dict.fromkeys(rates, 0.0), "batch_norm_momentum": 0.9}
    given = {name: value for name, value in wanted.items() if name in options}
    model = _build(model_name, classes=2, **given)
    # Eagerly, as tracing a graph takes longer than the steps.
    loss = "sparse_categorical_crossentropy"
    model.compile(keras.optimizers.Adam(1e-3), loss, run_eagerly=True)
    images, labels = _images(model_name, rng, 8), np.arange(8) % 2
    losses = [float(model.train_on_batch(images, labels)) for _ in range(5)]
    assert np.isfinite(losses).all()
    assert losses[-1] < 0.9 * losses[0]
