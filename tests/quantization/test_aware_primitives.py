import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_cv_course.layers.distances import AbsoluteDifference, CosineDistance, CosineSimilarity
from keras_cv_course.layers.fractal_join import FractalJoin
from keras_cv_course.layers.grouped_convolution import GroupedConv2D
from keras_cv_course.layers.standardized_convolution import StandardizedConv2D
from keras_cv_course.ops.normalization import l2_normalize
from keras_cv_course.quantization.batch_norm import fold_batch_normalization
from keras_cv_course.quantization.graph import trace
from keras_cv_course.quantization.operations import OPERATIONS, member_of
from keras_cv_course.quantization.primitives import split_into_primitives

MAP = (6, 6, 4)


def kinds(model):
    return [type(o).__name__ for o in model.operations if not isinstance(o, layers.InputLayer)]


def network(build, shape=MAP, count=1):
    inputs = [keras.Input(shape, name=f"x{i}") for i in range(count)]
    return keras.Model(inputs[0] if count == 1 else inputs, build(*inputs), name="net")


def samples(model, rng):
    arrays = [rng.normal(size=(3, *x.shape[1:])).astype("float32") for x in model.inputs]
    return arrays[0] if len(arrays) == 1 else arrays


def settle(model, rng):
    """Gives every weight a value of its own; variances and slopes are above 0."""
    for variable in model.variables:
        if variable.dtype == "float32":
            values = rng.normal(0.1, 0.5, variable.shape)
            positive = variable.name in ("moving_variance", "variance")
            variable.assign(np.abs(values) + 0.1 if positive else values)
    return model


def assert_same(model, other, rng):
    data = samples(model, rng)
    expected, outputs = model(data), other(data)
    # Float rounding in another order, of sums of up to 36 products.
    for y, z in zip(keras.tree.flatten(expected), keras.tree.flatten(outputs), strict=True):
        np.testing.assert_allclose(z, y, atol=1e-5 * max(1.0, np.abs(y).max()))
    assert other.name == model.name


def conv(activation, **options):
    return lambda x: layers.Conv2D(5, 3, activation=activation, name="line", **options)(x)


# What is split, and into what.
SPLITS = {
    "conv_relu": (conv("relu"), ["Conv2D", "Activation"]),
    "conv_softmax": (conv("softmax"), ["Conv2D", "Softmax"]),
    "conv_leaky": (conv("leaky_relu"), ["Conv2D", "LeakyReLU"]),
    "conv_swish": (conv("swish"), ["Conv2D", "Activation", "Multiply"]),
    "conv_without_bias": (conv("tanh", use_bias=False), ["Conv2D", "Activation"]),
    "dense": (lambda x: layers.Dense(3, activation="gelu")(x), ["Dense", "Activation"]),
    "grouped": (
        lambda x: GroupedConv2D(6, 3, groups=2, activation="relu")(x),
        ["GroupedConv2D", "Activation"],
    ),
    "standardized": (lambda x: StandardizedConv2D(3, 3)(x), ["Conv2D"]),
    "fractal_join": (
        lambda *xs: FractalJoin(range(3), 3)(xs),
        ["Add", "Add", "Rescaling"],
        3,
    ),
    "depthwise": (
        lambda x: layers.DepthwiseConv2D(3, activation="relu6")(x),
        ["DepthwiseConv2D", "Activation"],
    ),
    "transpose": (
        lambda x: layers.Conv2DTranspose(3, 3, 2, activation="sigmoid")(x),
        ["Conv2DTranspose", "Activation"],
    ),
    "separable": (
        lambda x: layers.SeparableConv2D(
            3, 3, 2, padding="same", depth_multiplier=2, activation="relu"
        )(x),
        ["DepthwiseConv2D", "Conv2D", "Activation"],
    ),
    "separable_without_bias": (
        lambda x: layers.SeparableConv2D(3, (3, 1), dilation_rate=2, use_bias=False)(x),
        ["DepthwiseConv2D", "Conv2D"],
    ),
    "swish": (lambda x: layers.Activation("swish")(x), ["Activation", "Multiply"]),
    "swish_operator": (lambda x: ops.silu(x), ["Activation", "Multiply"]),
    "relu_operator": (lambda x: ops.relu(x), ["Activation"]),
    "relu6_operator": (lambda x: ops.relu6(x), ["Activation"]),
    "sigmoid_operator": (lambda x: ops.sigmoid(x), ["Activation"]),
    "tanh_operator": (lambda x: ops.tanh(x), ["Activation"]),
    "hard_sigmoid_operator": (lambda x: ops.hard_sigmoid(x), ["Activation"]),
    "softmax": (lambda x: layers.Activation("softmax")(x), ["Softmax"]),
    "leaky": (lambda x: layers.Activation("leaky_relu")(x), ["LeakyReLU"]),
    "added_operator": (lambda x: x + 0.5, ["Rescaling"]),
    "subtracted_operator": (lambda x: x - 0.5, ["Rescaling"]),
    "multiplied_operator": (lambda x: x * np.float32([1, -2, 3, 0]), ["Rescaling"]),
    "divided_operator": (lambda x: x / np.float32([1, -2, 3, 4]), ["Rescaling"]),
    "negative_operator": (lambda x: -x, ["Rescaling"]),
    "square_operator": (lambda x: ops.square(x), ["Multiply"]),
    "power_operator": (lambda x: x**2, ["Multiply"]),
    "cast_operator": (lambda x: layers.ReLU()(ops.cast(x, "float32")), ["ReLU"]),
    "hard_swish_operator": (lambda x: ops.hard_silu(x), ["Activation"]),
    "relu_with_slope": (lambda x: layers.ReLU(negative_slope=0.3)(x), ["LeakyReLU"]),
    "add": (lambda *xs: layers.Add()(xs), ["Add", "Add"], 3),
    "multiply": (lambda *xs: layers.Multiply()(xs), ["Multiply", "Multiply", "Multiply"], 4),
    "average_two": (lambda *xs: layers.Average()(xs), ["Add", "Rescaling"], 2),
    "average": (lambda *xs: layers.Average()(xs), ["Add", "Add", "Rescaling"], 3),
    "nearest": (lambda x: layers.UpSampling2D((2, 3))(x), ["Resizing"]),
    "nearest_twice": (lambda x: layers.UpSampling2D()(x), ["Concatenate", "DepthToSpace"]),
    "nearest_three_times": (
        lambda x: layers.UpSampling2D(3)(x),
        ["Concatenate", "Concatenate", "DepthToSpace"],
    ),
    "average_pooling": (lambda x: layers.AveragePooling2D(2)(x), ["DepthwiseConv2D"]),
    "strided": (lambda x: layers.MaxPooling2D(1, 2)(x), ["DepthwiseConv2D"]),
    "concatenate_six": (lambda *xs: layers.Concatenate()(xs), ["Concatenate"] * 2, 6),
    "concatenate_operator": (lambda *xs: ops.concatenate(xs, axis=-1), ["Concatenate"] * 2, 6),
    "unit": (lambda x: layers.UnitNormalization()(x), ["Activation"]),
    "unit_operator": (lambda x: ops.normalize(x), ["Activation"]),
    "rescaling": (lambda x: layers.Rescaling(0.3, -1.0)(x), ["Rescaling", "Rescaling"]),
    "rescaling_of_channels": (
        lambda x: layers.Rescaling([0.5, 1.0, 2.0, 3.0], [1.0, 0.0, -1.0, 2.0])(x),
        ["Rescaling", "Rescaling"],
    ),
}
# What stays, since it is one operation already or means something else.
WHOLE = {
    "conv": conv(None),
    "add": lambda x: layers.Add()([x, x]),
    "capped_slope": lambda x: layers.ReLU(4.0, negative_slope=0.1)(x),
    "threshold": lambda x: layers.ReLU(threshold=0.5)(x),
    "scale": lambda x: layers.Rescaling(0.3)(x),
    "offset": lambda x: layers.Rescaling(1.0, 0.3)(x),
    "bilinear": lambda x: layers.UpSampling2D(2, interpolation="bilinear")(x),
    "norm_1": lambda x: ops.normalize(x, order=1),
    "norm_of_another_axis": lambda x: layers.UnitNormalization(axis=1)(x),
    "leaky_operator": lambda x: ops.leaky_relu(x, 0.4),
    "first": lambda x: layers.Permute((2, 1, 3))(x),
}


@pytest.mark.parametrize("name", SPLITS)
def test_parts_compute_what_the_layer_does(name, rng):
    build, parts, *count = SPLITS[name]
    model = settle(network(build, count=count[0] if count else 1), rng)
    before = [np.array(w) for w in model.weights]
    split = split_into_primitives(model)
    assert kinds(split) == parts
    assert_same(model, split, rng)
    for old, new in zip(before, model.weights, strict=True):
        np.testing.assert_array_equal(old, new)
    assert not {id(v) for v in model.variables} & {id(v) for v in split.variables}


def test_every_kind_that_is_rewritten_is_among_these():
    written = {member for member, kind in OPERATIONS.items() if kind.rewritings}
    seen = set()
    for build, _, *count in SPLITS.values():
        model = network(build, count=count[0] if count else 1)
        seen |= {member_of(call.operation) for call in trace(model).calls}
    distances = {AbsoluteDifference, CosineDistance, CosineSimilarity}  # test_aware_distances.py
    rounded = {kind.int8.layer for kind in OPERATIONS.values() if kind.int8 is not None}
    assert written - rounded - distances <= seen


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_one_operation_stays(name, rng):
    model = settle(network(WHOLE[name]), rng)
    split = split_into_primitives(model)
    assert kinds(split) == kinds(model)
    assert_same(model, split, rng)


@pytest.mark.parametrize("name", [n for n in SPLITS if "operator" not in n])
def test_names_in_keep_stay_whole(name, rng):
    build, _, *count = SPLITS[name]
    model = settle(network(build, count=count[0] if count else 1), rng)
    split = split_into_primitives(model, keep=[layer.name for layer in model.layers])
    assert kinds(split) == kinds(model)
    assert_same(model, split, rng)


def test_parts_are_named_after_their_layer():
    def build(x):
        x = layers.SeparableConv2D(4, 3, activation="swish", name="mix")(x)
        return layers.Rescaling(2.0, 1.0, name="end")(x)

    names = [layer.name for layer in split_into_primitives(network(build)).layers]
    assert names == [
        "x0",
        "mix_depthwise",
        "mix_pointwise",
        "mix_silu_gate",
        "mix_silu",
        "end_scale",
        "end",
    ]


def test_taken_names_are_not_given_twice(rng):
    def build(x):
        y = layers.Conv2D(4, 3, padding="same", activation="relu", name="line")(x)
        return layers.Conv2D(4, 3, name="line_relu")(y)

    model = settle(network(build), rng)
    split = split_into_primitives(model)
    assert [x.name for x in split.layers] == ["x0", "line", "line_relu_1", "line_relu"]
    assert_same(model, split, rng)


def test_layer_called_twice_becomes_one_set_of_parts(rng):
    def build(x, y):
        both = layers.SeparableConv2D(4, 3, padding="same", activation="swish")
        return layers.Subtract()([both(both(x)), both(y)])

    model = settle(network(build, count=2), rng)
    split = split_into_primitives(model)
    assert len(split.weights) == len(model.weights)
    assert_same(model, split, rng)


def test_options_of_training_are_carried_over():
    def build(x):
        return layers.SeparableConv2D(
            3,
            3,
            activation="relu",
            name="mix",
            depthwise_regularizer="l2",
            bias_constraint="non_neg",
        )(x)

    model = network(build)
    model.get_layer("mix").trainable = False
    split = split_into_primitives(model)
    assert not split.trainable_variables
    assert split.get_layer("mix_depthwise").depthwise_regularizer is not None
    assert isinstance(split.get_layer("mix_pointwise").bias_constraint, keras.constraints.NonNeg)
    np.testing.assert_allclose(sum(split.losses), sum(model.losses), rtol=1e-6)


def test_unit_vectors_by_hand():
    x = np.array([[3.0, -4.0], [0.0, 0.0]], "float32")
    np.testing.assert_allclose(l2_normalize(x), [[0.6, -0.8], [0.0, 0.0]], atol=1e-6)


def normalized(make, **options):
    def build(x):
        return layers.BatchNormalization(name="bn", **options)(make(x))

    return build


FOLDS = {
    "conv": normalized(lambda x: layers.Conv2D(5, 3)(x)),
    "conv_without_bias": normalized(lambda x: layers.Conv2D(5, 3, 2, use_bias=False)(x)),
    "grouped": normalized(lambda x: layers.Conv2D(6, 3, groups=2)(x)),
    "depthwise": normalized(lambda x: layers.DepthwiseConv2D(3, depth_multiplier=2)(x)),
    "transpose": normalized(lambda x: layers.Conv2DTranspose(3, 3, 2)(x)),
    "dense": normalized(lambda x: layers.Dense(3)(layers.Flatten()(x))),
    "dense_of_a_map": normalized(lambda x: layers.Dense(3, use_bias=False)(x)),
    "without_scale": normalized(lambda x: layers.Conv2D(5, 3)(x), scale=False),
    "without_center": normalized(lambda x: layers.Conv2D(5, 3)(x), center=False, epsilon=0.1),
}
LONE = {
    "map": lambda x: x,
    "vector": lambda x: layers.Flatten()(x),
    "behind_relu": lambda x: layers.Conv2D(5, 3, activation="relu")(x),
}


@pytest.mark.parametrize("name", FOLDS)
def test_normalization_goes_into_the_layer_before(name, rng):
    model = settle(network(FOLDS[name]), rng)
    folded = fold_batch_normalization(model)
    assert "BatchNormalization" not in kinds(folded)
    assert "DepthwiseConv2D" not in kinds(folded) or name == "depthwise"
    data = samples(model, rng)
    np.testing.assert_allclose(folded(data), model(data), rtol=1e-4, atol=1e-4)  # 1/sqrt(0.1)


@pytest.mark.parametrize("name", LONE)
def test_lone_normalization_becomes_one_depthwise_layer(name, rng):
    model = settle(network(normalized(LONE[name])), rng)
    folded = fold_batch_normalization(model)
    assert "BatchNormalization" not in kinds(folded)
    assert kinds(folded).count("DepthwiseConv2D") == 1
    data = samples(model, rng)
    np.testing.assert_allclose(folded(data), model(data), rtol=1e-4, atol=1e-4)


def shared_pair(x, y):
    line, norm = layers.Conv2D(4, 3, padding="same"), layers.BatchNormalization()
    return layers.Subtract()([norm(line(norm(line(x)))), norm(line(y))])


def shared_convolution(x, y):
    line = layers.Conv2D(4, 3, padding="same")
    return layers.Subtract()([layers.BatchNormalization()(line(x)), line(y)])


def shared_normalization(x, y):
    norm = layers.BatchNormalization()
    return layers.Subtract()([norm(layers.Conv2D(4, 3, padding="same")(x)), norm(y)])


def read_twice(x, y):
    line = layers.Conv2D(4, 3, padding="same")(x)
    return layers.Subtract()([layers.BatchNormalization()(line), layers.Add()([line, y])])


@pytest.mark.parametrize(
    ("build", "depthwise"),
    [(shared_pair, 0), (shared_convolution, 1), (shared_normalization, 1), (read_twice, 1)],
)
def test_shared_layers_are_folded_only_together(build, depthwise, rng):
    model = settle(network(build, count=2), rng)
    folded = fold_batch_normalization(model)
    assert "BatchNormalization" not in kinds(folded)
    assert kinds(folded).count("DepthwiseConv2D") == depthwise
    data = samples(model, rng)
    np.testing.assert_allclose(folded(data), model(data), rtol=1e-4, atol=1e-4)


def test_normalization_of_another_axis_stays(rng):
    model = settle(network(normalized(lambda x: layers.Conv2D(5, 3)(x), axis=1)), rng)
    folded = fold_batch_normalization(model)
    assert "BatchNormalization" in kinds(folded)
    assert_same(model, folded, rng)


def test_model_without_normalization_is_returned_itself():
    model = network(conv("relu"))
    assert fold_batch_normalization(model) is model


def test_folding_by_hand():
    model = network(normalized(lambda x: layers.Dense(1, name="line")(x), epsilon=0.0), (1,))
    model.get_layer("line").set_weights([np.array([[3.0]]), np.array([1.0])])
    gamma, beta, mean, variance = 2.0, 0.5, 4.0, 16.0
    model.get_layer("bn").set_weights([np.array([v]) for v in (gamma, beta, mean, variance)])
    kernel, bias = fold_batch_normalization(model).get_layer("line").get_weights()
    # (3x + 1 - 4) * 2/4 + 0.5 = 1.5x - 1
    np.testing.assert_allclose((kernel[0, 0], bias[0]), (1.5, -1.0))
