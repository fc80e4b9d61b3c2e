import json
from pathlib import Path

import keras
import pytest
from keras import layers

from keras_cv_course import complexity, list_models
from keras_cv_course._classifier_table import FAMILIES
from keras_cv_course.registry import build_model

# The largest, and those whose figures other modules hold against papers.
SLOW = {
    *(member.name for family in FAMILIES for member in family.members[1:]),
    *("yolo_v1", "yolo_v2", "yolo_v3"),
}
GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "complexity.json"


def of(*stack, shape=(8, 8, 3)):
    """Complexity of layers on top of one another."""
    return complexity(keras.Sequential([keras.Input(shape), *stack]))


@pytest.mark.parametrize(
    ("layer", "mult_adds"),
    [
        (layers.Conv2D(5, 3, padding="same"), 8 * 8 * 5 * 3 * 9),
        (layers.Conv2D(5, (3, 2), strides=2), 3 * 4 * 5 * 3 * 6),
        (layers.Conv2D(6, 1, groups=3), 8 * 8 * 6 * 1),
        (layers.Conv2D(4, 3, dilation_rate=2), 4 * 4 * 4 * 3 * 9),
        (layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), 8 * 8 * 6 * 9),
        (layers.SeparableConv2D(5, 3, padding="same"), 8 * 8 * (3 * 9 + 3 * 5)),
        # 2x2 stride: each of the 64 pixels gives 3 x 3 x 4 sums of 3 products.
        (layers.Conv2DTranspose(4, 3, strides=2, padding="same"), 8 * 8 * 9 * 4 * 3),
        (layers.Dense(7), 8 * 8 * 3 * 7),
        (layers.BatchNormalization(), 0),
        (layers.AveragePooling2D(2), 0),
    ],
)
def test_mult_adds_of_one_layer(layer, mult_adds):
    assert of(layer).mult_adds == mult_adds


def test_parameters():
    figures = of(layers.Conv2D(5, 3), layers.BatchNormalization())
    assert figures.trainable_parameters == (3 * 9 * 5 + 5) + 2 * 5
    assert figures.parameters == figures.trainable_parameters + 2 * 5


def test_every_call_of_a_shared_layer_counts():
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same")
    once = complexity(keras.Model(image, shared(image)))
    twice = complexity(keras.Model(image, shared(shared(image))))
    assert (once.mult_adds, twice.mult_adds) == (8 * 8 * 81, 2 * 8 * 8 * 81)
    assert once.parameters == twice.parameters


def test_calls_outside_of_the_model_do_not_count():
    image = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 3, padding="same")
    model = keras.Model(image, shared(image))
    shared(keras.Input((100, 100, 3)))
    assert complexity(model).mult_adds == 8 * 8 * 81


def test_models_inside_a_model_count_at_the_size_they_are_called_with():
    encoder_input = keras.Input((None, None, 3))
    encoder = keras.Model(encoder_input, layers.Conv2D(4, 3, padding="same")(encoder_input))
    head = keras.Sequential([keras.Input((None, None, 4)), layers.GlobalAveragePooling2D()])
    head.add(layers.Dense(2))
    left, right = keras.Input((8, 8, 3)), keras.Input((6, 6, 3))
    outputs = layers.Concatenate()([head(encoder(left)), head(encoder(right))])
    figures = complexity(keras.Model([left, right], outputs))
    assert figures.mult_adds == (64 + 36) * 27 * 4 + 2 * 4 * 2


def test_leaves_no_trace_on_the_model():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.ReLU()])
    complexity(model)
    assert model.layers[0].output.shape == (None, 6, 6, 4)  # Fails for a layer called twice.


def test_input_shape_fixes_a_free_size():
    image = keras.Input((None, None, 3))
    model = keras.Model(image, layers.Conv2D(4, 1)(image))
    with pytest.raises(ValueError, match=r"\(None, None, 3\). Pass `input_shape`"):
        complexity(model)
    assert complexity(model, input_shape=(8, 9, 3)).mult_adds == 8 * 9 * 12


def test_a_fixed_batch_counts_one_sample():
    image = keras.Input((8, 8, 3), batch_size=16)
    model = keras.Model(image, layers.Conv2D(4, 1)(image))
    assert complexity(model).mult_adds == 8 * 8 * 12


def test_peak_memory_of_a_chain():
    # Input and the first map, then the first and the second map: floats of 4 bytes.
    figures = of(
        layers.Conv2D(5, 1),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Dropout(0.5),
        layers.Conv2D(2, 1),
        layers.Reshape((128,)),
    )
    assert figures.peak_activation_bytes == 4 * 64 * max(3 + 5, 5 + 2)


def test_peak_memory_of_a_residual():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(5, 1)(image)
    y = layers.ReLU()(layers.Conv2D(7, 1)(x))
    y = layers.BatchNormalization()(layers.Conv2D(5, 1)(y))
    model = keras.Model(image, layers.Add()([x, y]))
    # At the third convolution: x, which is still to be read, 7 channels, and 5 new ones.
    assert complexity(model).peak_activation_bytes == 4 * 64 * (5 + 7 + 5)


def test_no_work_in_place_on_what_is_read_again():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(10, 1)(image)
    model = keras.Model(image, layers.Add()([x, layers.Activation("sigmoid")(x)]))
    # x, its sigmoid, and their sum.
    assert complexity(model).peak_activation_bytes == 4 * 64 * 30


def test_no_work_in_place_on_an_output():
    image = keras.Input((8, 8, 3))
    x = layers.Conv2D(10, 1)(image)
    assert complexity(keras.Model(image, layers.ReLU()(x))).peak_activation_bytes == 4 * 64 * 13
    model = keras.Model(image, [x, layers.ReLU()(x)])
    assert complexity(model).peak_activation_bytes == 4 * 64 * 20


def test_what_hands_its_input_through_needs_no_memory():
    figures = of(layers.Conv2D(10, 1), layers.Identity(), layers.Conv2D(1, 1))
    assert figures.peak_activation_bytes == 4 * 64 * 13


def test_outputs_live_to_the_end():
    image = keras.Input((8, 8, 3))
    first = layers.Conv2D(10, 1)(image)
    second = layers.Conv2D(1, 1)(first)
    third = layers.Conv2D(8, 1)(second)
    assert complexity(keras.Model(image, third)).peak_activation_bytes == 4 * 64 * 13
    model = keras.Model(image, [first, third])
    assert complexity(model).peak_activation_bytes == 4 * 64 * (10 + 1 + 8)


def test_a_dict():
    assert of(layers.Conv2D(5, 1)).to_dict() == {
        "parameters": 20,
        "trainable_parameters": 20,
        "mult_adds": 64 * 15,
        "peak_activation_bytes": 4 * 64 * 8,
    }


def test_models_that_cannot_be_counted_are_errors():
    class Subclassed(keras.Model):
        pass

    with pytest.raises(ValueError, match=r"functional or sequential.*Received: Subclassed"):
        complexity(Subclassed())
    with pytest.raises(ValueError, match=r"is not built.*Begin it with a `keras.Input`"):
        complexity(keras.Sequential([layers.Dense(2)]))

    class Dynamic(keras.layers.Layer):
        def call(self, x):
            return x

        def compute_output_shape(self, shape):
            return (*shape[:-1], None)

    with pytest.raises(
        ValueError, match=r"Layer 'crop' has an output size that is only known when it runs"
    ):
        of(Dynamic(name="crop"))
    two = [keras.Input((4,)), keras.Input((4,))]
    with pytest.raises(ValueError, match=r"model with one input. .* has 2"):
        complexity(keras.Model(two, layers.Add()(two)), input_shape=(4,))


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in list_models()]
)
def test_every_builder_equals_the_golden_figures(name, regenerate_golden):
    """Run `pytest -m "slow or not slow" --regenerate-golden` after a change that is meant."""
    figures = complexity(build_model(name)).to_dict()
    golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    if regenerate_golden:
        golden[name] = figures
        ordered = {known: golden[known] for known in list_models() if known in golden}
        GOLDEN.write_text(json.dumps(ordered, indent=2) + "\n")
    assert golden.get(name) == figures
