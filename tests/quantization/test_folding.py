import keras
import numpy as np
import pytest
from keras import layers

from keras_cv_course import build_model
from keras_cv_course.ops.activations import hard_sigmoid_x6
from keras_cv_course.quantization.folding import fold_constant_factors

FAMILIES = {
    "mobilenet_v3_small": {},
    "mobilenet_v3_large": {},
    "mobilenet_v3_large minimalistic": {"minimalistic": True},
    "efficientnet_b0": {},
}


def restored(model):
    return [layer for layer in model.layers if layer.name.startswith("restore")]


def operators(model):
    return [type(o).__name__ for o in model.operations if not isinstance(o, layers.Layer)]


def assert_same(model, folded, x, rtol=1e-5):
    expected = np.asarray(model(x))
    np.testing.assert_allclose(folded(x), expected, atol=rtol * np.abs(expected).max())


def head(x):
    return layers.Dense(3, name="scores")(layers.GlobalAveragePooling2D()(x))


@pytest.mark.parametrize("name", FAMILIES)
def test_families_compute_the_same_without_a_factor_left(name, unsettle, rng):
    model = build_model(
        name.split()[0],
        input_shape=(48, 33, 3),
        classes=7,
        classifier_activation=None,
        **FAMILIES[name],
    )
    unsettle(model)
    folded = fold_constant_factors(model)
    assert not restored(folded)
    functions = [getattr(layer, "activation", None) for layer in folded.layers]
    assert keras.activations.hard_silu not in functions
    assert keras.activations.hard_sigmoid not in functions
    # Rounding of about 50 layers in another order.
    assert_same(model, folded, rng.uniform(0, 255, (2, 48, 33, 3)).astype("float32"), rtol=1e-5)


def test_dense_kernel_takes_the_sixth_of_hard_swish():
    x = keras.Input((2,))
    model = keras.Model(x, layers.Dense(1, name="scores")(layers.Activation("hard_swish")(x)))
    model.get_layer("scores").set_weights([np.array([[6.0], [12.0]]), np.array([0.5])])
    folded = fold_constant_factors(model)
    kernel, bias = folded.get_layer("scores").get_weights()
    np.testing.assert_allclose(kernel, [[1.0], [2.0]])
    np.testing.assert_allclose(bias, [0.5])
    # hard_swish(1) = 4/6 and hard_swish(-2) = -2/6.
    np.testing.assert_allclose(folded(np.array([[1.0, -2.0]])), [[4.0 - 4.0 + 0.5]], atol=1e-6)


def test_hard_sigmoid_x6_is_relu6_of_x_plus_3():
    values = hard_sigmoid_x6(np.array([-4.0, -3.0, 0.0, 1.5, 3.0, 9.0]))
    np.testing.assert_allclose(values, [0, 0, 3, 4.5, 6, 6])


def test_hard_swish_at_the_output_keeps_its_factor(rng):
    image = keras.Input((4, 4, 2))
    model = keras.Model(image, layers.Activation("hard_swish")(layers.Conv2D(3, 1)(image)))
    folded = fold_constant_factors(model)
    assert len(restored(folded)) == 1
    assert_same(model, folded, rng.normal(size=(2, 4, 4, 2)))


def test_residual_branch_is_scaled_like_its_shortcut(unsettle, rng):
    image = keras.Input((4, 4, 3))
    shortcut = layers.Activation("hard_swish")(image)
    branch = layers.BatchNormalization()(layers.Conv2D(3, 1, use_bias=False)(shortcut))
    model = unsettle(keras.Model(image, head(layers.Add()([branch, shortcut]))))
    folded = fold_constant_factors(model)
    assert not restored(folded)
    assert_same(model, folded, rng.normal(size=(2, 4, 4, 3)))


def test_branch_that_something_else_reads_is_not_scaled(rng):
    image = keras.Input((4, 4, 3))
    shortcut = layers.Activation("hard_swish")(image)
    branch = layers.Conv2D(3, 1)(image)
    both = layers.Add()([branch, shortcut])
    model = keras.Model(image, layers.Concatenate()([head(both), head_of_sigmoid(branch)]))
    folded = fold_constant_factors(model)
    assert restored(folded)
    assert_same(model, folded, rng.normal(size=(2, 4, 4, 3)))


def head_of_sigmoid(x):
    return layers.GlobalAveragePooling2D()(layers.Activation("sigmoid")(x))


@pytest.mark.parametrize(
    ("make", "left"),
    [
        (lambda: layers.Conv2D(4, 3, padding="same"), 0),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), 0),
        (lambda: layers.SeparableConv2D(4, 3, padding="same"), 0),
        (lambda: layers.Conv2DTranspose(4, 3, 2, padding="same"), 0),
        (lambda: layers.Dense(4), 0),
        # The channels of a kernel with groups are not those of its input.
        (lambda: layers.Conv2D(4, 3, groups=2, padding="same"), 1),
    ],
    ids=["conv", "depthwise", "separable", "transpose", "dense", "grouped"],
)
def test_linear_layers_absorb_a_scale_for_each_channel(make, left, rng):
    image = keras.Input((6, 6, 4))
    normalize = layers.Normalization(mean=[3.0, 1.0, 2.0, 5.0], variance=[4.0, 1.0, 9.0, 0.25])
    x = make()(normalize(layers.Rescaling(1 / 127.5, -1.0)(image)))
    model = keras.Model(image, head(x))
    folded = fold_constant_factors(model)
    assert len(restored(folded)) == left
    assert all(
        np.all(layer.scale == 1.0)
        for layer in folded.layers
        if isinstance(layer, layers.Rescaling) and layer not in restored(folded)
    )
    assert_same(model, folded, rng.uniform(0, 255, (2, 6, 6, 4)))


def test_operators_with_a_constant_are_absorbed(rng):
    image = keras.Input((4, 4, 2))
    x = layers.ReLU()((0.25 * image) / 3.0)
    model = keras.Model(image, head(layers.MaxPooling2D()(x)))
    folded = fold_constant_factors(model)
    assert operators(model) == ["Multiply", "TrueDivide"]
    assert not operators(folded)
    assert not restored(folded)
    assert_same(model, folded, rng.normal(size=(2, 4, 4, 2)))


def test_factor_before_a_sigmoid_is_restored(rng):
    image = keras.Input((4, 4, 2))
    x = layers.Activation("sigmoid")(layers.Rescaling(3.0)(image))
    model = keras.Model(image, head(x))
    folded = fold_constant_factors(model)
    assert len(restored(folded)) == 1
    assert_same(model, folded, rng.normal(size=(2, 4, 4, 2)))


def test_layer_called_twice_gets_the_original_values(rng):
    a, b = keras.Input((4,)), keras.Input((4,))
    shared = layers.Dense(2)
    swish = layers.Activation("hard_swish")
    model = keras.Model([a, b], layers.Concatenate()([shared(swish(a)), shared(b)]))
    folded = fold_constant_factors(model)
    pair = [rng.normal(size=(3, 4)).astype("float32") for _ in range(2)]
    np.testing.assert_allclose(folded(pair), model(pair), atol=1e-6)


def test_batch_norm_after_hard_swish_is_exact_in_training_too(unsettle, rng):
    image = keras.Input((4, 4, 3))
    x = layers.BatchNormalization()(layers.Activation("hard_swish")(image))
    model = unsettle(keras.Model(image, head(x)))
    folded = fold_constant_factors(model)
    assert not restored(folded)
    images = rng.normal(size=(8, 4, 4, 3))
    assert_same(model, folded, images)
    # Only epsilon, 1e-3 of a variance of about 0.2, weighs differently.
    np.testing.assert_allclose(
        folded(images, training=True), model(images, training=True), atol=0.02
    )


def test_model_inside_a_model_is_folded(rng):
    inner_image = keras.Input((4, 4, 2))
    inner = keras.Model(inner_image, layers.Activation("hard_swish")(inner_image))
    image = keras.Input((4, 4, 2))
    model = keras.Model(image, head(inner(image)))
    folded = fold_constant_factors(model)
    assert not restored(folded)
    assert_same(model, folded, rng.normal(size=(2, 4, 4, 2)))


def test_model_without_factors_is_returned_itself():
    image = keras.Input((4, 4, 2))
    model = keras.Model(image, head(layers.Conv2D(2, 1)(image)))
    assert fold_constant_factors(model) is model


def test_folded_model_is_saved_and_loaded(tmp_path, rng):
    model = build_model("mobilenet_v3_small", input_shape=(32, 32, 3), classes=3)
    folded = fold_constant_factors(model)
    folded.save(tmp_path / "folded.keras")
    again = keras.saving.load_model(tmp_path / "folded.keras")
    images = rng.uniform(0, 255, (2, 32, 32, 3))
    np.testing.assert_array_equal(again(images), folded(images))


def shared_input_shift():
    image = keras.Input((4, 4, 3))
    scale = layers.Rescaling(0.5, 1.0)
    return image, head(layers.Concatenate()([scale(image), scale(scale(image))]))


def shared_normalization():
    image = keras.Input((4, 4, 3))
    normalize = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[1.0, 4.0, 9.0])
    return image, head(layers.Concatenate()([normalize(image), normalize(normalize(image))]))


class OddConv(layers.Conv2D):
    """Does not scale with its kernel."""

    def call(self, x):
        return super().call(x) / keras.ops.max(keras.ops.abs(self.kernel))


def subclassed_convolution():
    image = keras.Input((4, 4, 3))
    return image, head(OddConv(2, 1)(layers.Activation("hard_swish")(image)))


def normalization_of_another_axis():
    image = keras.Input((4, 4, 4))
    means = {"mean": [1.0, 2.0, 3.0, 4.0], "variance": [1.0, 4.0, 9.0, 16.0]}
    return image, head(layers.Conv2D(2, 1)(layers.Normalization(axis=1, **means)(image)))


def scale_with_axes():
    image = keras.Input((4, 4, 3))
    scale = np.array([1.0, 2.0, 3.0]).reshape(1, 1, 3)
    return image, head(layers.Conv2D(3, 1)(layers.Rescaling(scale)(image)))


def pixels_as_integers():
    image = keras.Input((4, 4, 3), dtype="uint8")
    return image, head(layers.Conv2D(2, 1)(layers.Rescaling(1 / 255)(image)))


def names_that_are_taken():
    image = keras.Input((4, 4, 3))
    x = layers.Activation("hard_swish", name="act")(layers.Conv2D(3, 1, name="act_gate")(image))
    return image, layers.Activation("sigmoid", name="restore")(x)


def arguments_by_keyword():
    image = keras.Input((4, 4, 3))
    return image, head(layers.Activation("hard_swish")(inputs=image))


def lambda_beside():
    image = keras.Input((4, 4, 3))
    x = layers.Lambda(lambda x: x + 1.0)(layers.Activation("hard_swish")(image))
    return image, head(x)


@pytest.mark.parametrize(
    "make",
    [
        shared_input_shift,
        shared_normalization,
        subclassed_convolution,
        normalization_of_another_axis,
        scale_with_axes,
        pixels_as_integers,
        names_that_are_taken,
        arguments_by_keyword,
        lambda_beside,
    ],
)
def test_unusual_models_compute_the_same(make, rng):
    model = keras.Model(*make())
    images = rng.integers(0, 9, (3, *model.input_shape[1:])).astype(model.input.dtype)
    assert_same(model, fold_constant_factors(model), images)
