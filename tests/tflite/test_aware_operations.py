"""Each operation alone: its int8 file computes what the quantization-aware model does.

Inputs lie exactly on the int8 grid of the input, so that only the operation rounds.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras import layers, ops

from keras_cv_course.layers.batch_normalization import BatchNormalization
from keras_cv_course.layers.box_codes import BoxCodes
from keras_cv_course.layers.distances import AbsoluteDifference, CosineDistance, CosineSimilarity
from keras_cv_course.layers.grouped_convolution import GroupedConv2D
from keras_cv_course.layers.spec_carrier import SpecCarrier
from keras_cv_course.ops.anchors import AnchorMap
from keras_cv_course.quantization import operations, quantize_aware
from keras_cv_course.quantization.folding import fold_constant_factors
from keras_cv_course.quantization.graph import trace
from keras_cv_course.quantization.operations import OPERATIONS, int8_layer, kind_of, member_of
from keras_cv_course.quantization.operations.training_only import TRAINING_ONLY
from keras_cv_course.quantization.rewriting import rewrite_with_gains
from keras_cv_course.specs.detection import DetectionSpec
from keras_cv_course.specs.model_spec import ModelSpec
from keras_cv_course.tflite import TFLiteModel, convert, inspect
from keras_cv_course.tflite.flatbuffer import output_steps
from keras_cv_course.tflite.operator_sets import TFLITE_MICRO

MAP, VECTOR = (8, 8, 4), (12,)
SIGNED = (-8.0, 7.9375)  # in steps of 1/16
PIXELS = (0.0, 255.0)
SAMPLES = 32
CONVERSIONS = {"QUANTIZE", "DEQUANTIZE"}
# Of what operations become, LiteRT has these, and TensorFlow Lite Micro does not.
MORE_THAN_MICRO = {"GELU"}


@dataclass(frozen=True)
class Case:
    """A network of one operation.

    Attributes:
        build: From the inputs to the output.
        shapes: Of the inputs.
        limits: Smallest and largest value of the inputs.
        more: Operations that the file has more than one that is calibrated after training, where
            the converter folds an offset through a kernel that is not rounded yet.
        passed_on: Steps of the output by which a difference of one step in an operation before
            the last moves it; 0 where only one operation rounds.
        share: How many of the values may differ by their step with the default kernels. The
            model follows most of these to the bit, as x86 has them.
    """

    build: Callable[..., keras.KerasTensor]
    shapes: tuple[tuple[int, ...], ...] = (MAP,)
    limits: tuple[float, float] = SIGNED
    passed_on: float = 0.0
    more: int = 0
    share: float = 0.0


# Kernels that multiply with numbers of few bits, which the model does not follow.
OFTEN = 0.2


def alone(kind, *args, **options):
    return lambda *inputs: kind(*args, **options)(inputs if len(inputs) > 1 else inputs[0])


def normalized(kind, *args, **options):
    return lambda x: layers.BatchNormalization()(kind(*args, **options)(x))


def rectified(kind, *args, most=None, **options):
    return lambda x: layers.ReLU(most)(normalized(kind, *args, **options)(x))


def function(name):
    return alone(layers.Activation, name)


@keras.saving.register_keras_serializable()
class Pick(keras.initializers.Initializer):
    """Kernel of a layer that gives back its inputs, and so rounds nothing."""

    def __call__(self, shape, dtype=None):
        kernel = np.zeros(shape, dtype)
        height, width, channels, filters = shape
        kernel[height // 2, width // 2] = np.eye(channels, filters) if filters > 1 else 1.0
        return keras.ops.convert_to_tensor(kernel)


def before_conv(build):
    """A convolution behind that rounds nothing, into which constant factors are folded."""
    return lambda x: layers.Conv2D(4, 3, padding="same", kernel_initializer=Pick())(build(x))


def squeeze_excite(activation):
    def build(x):
        gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
        gate = layers.Conv2D(4, 1)(layers.Conv2D(2, 1, activation="relu")(gate))
        return layers.Multiply()([x, layers.Activation(activation)(gate)])

    return build


def slopes(low):
    return keras.initializers.RandomUniform(low, 0.5, seed=1)


CONV, DEPTHWISE, DENSE = layers.Conv2D, layers.DepthwiseConv2D, layers.Dense
TRANSPOSE = layers.Conv2DTranspose
LINEAR = {
    "conv": Case(alone(CONV, 8, 3)),
    "conv_without_bias": Case(alone(CONV, 8, 3, use_bias=False)),
    "conv_bn": Case(normalized(CONV, 8, 3, use_bias=False)),
    "conv_bn_relu": Case(rectified(CONV, 8, 3)),
    "conv_bn_relu6": Case(rectified(CONV, 8, 3, most=6.0)),
    "conv_with_relu_inside": Case(alone(CONV, 8, 3, activation="relu")),
    "conv_strided_padded": Case(alone(CONV, 8, 3, 2, padding="same")),
    "conv_dilated": Case(alone(CONV, 8, 3, dilation_rate=2)),
    "conv_grouped": Case(alone(CONV, 8, 3, groups=2)),
    "conv_grouped_bn_relu": Case(rectified(CONV, 8, 3, groups=2)),
    "grouped_conv_bn_relu": Case(rectified(GroupedConv2D, 8, 3, groups=2)),
    "conv_after_padding": Case(lambda x: CONV(4, 3)(layers.ZeroPadding2D(1)(x))),
    "conv_after_dropout": Case(lambda x: CONV(3, 1)(layers.Dropout(0.5)(x))),
    "depthwise": Case(alone(DEPTHWISE, 3)),
    "depthwise_two_a_channel": Case(alone(DEPTHWISE, 3, depth_multiplier=2)),
    "depthwise_bn_relu": Case(rectified(DEPTHWISE, 3, 2, padding="same")),
    "separable_depthwise": Case(alone(layers.SeparableConv2D, 4, 3, pointwise_initializer=Pick())),
    "separable_pointwise": Case(alone(layers.SeparableConv2D, 6, 3, depthwise_initializer=Pick())),
    "transpose": Case(alone(TRANSPOSE, 5, 3, 2, padding="same")),
    "transpose_bn": Case(normalized(TRANSPOSE, 5, 3, 2, padding="same")),
    "transpose_bn_relu": Case(rectified(TRANSPOSE, 5, 2, 2), passed_on=2.0),
    "dense": Case(alone(DENSE, 7), (VECTOR,)),
    "dense_relu": Case(alone(DENSE, 7, activation="relu"), (VECTOR,)),
    "dense_bn": Case(normalized(DENSE, 7), (VECTOR,)),
    "dense_bn_relu": Case(rectified(DENSE, 7, use_bias=False), (VECTOR,)),
    "dense_of_a_map": Case(alone(DENSE, 7)),
    "lone_bn": Case(alone(layers.BatchNormalization)),
    "lone_bn_of_a_vector": Case(alone(BatchNormalization), (VECTOR,)),
    "lone_bn_before_conv": Case(before_conv(alone(layers.BatchNormalization))),
    "lone_bn_relu_before_conv": Case(
        before_conv(lambda x: layers.ReLU()(layers.BatchNormalization()(x)))
    ),
    "rescaling": Case(before_conv(alone(layers.Rescaling, 1 / 255)), limits=PIXELS),
    "rescaling_offset": Case(before_conv(alone(layers.Rescaling, 1 / 127.5, -1.0)), limits=PIXELS),
    "rescaling_offset_valid": Case(
        lambda x: CONV(5, 3)(layers.Rescaling(1 / 127.5, -1.0)(x)), limits=PIXELS, more=1
    ),
    "rescaling_alone": Case(alone(layers.Rescaling, 2.0, 0.5)),
    "normalization": Case(
        before_conv(
            alone(layers.Normalization, mean=[1.0, 0.5, -2.0, 0.1], variance=[1.0, 2.0, 3.0, 4.0])
        )
    ),
}
ACTIVATIONS = {
    "relu": Case(alone(layers.ReLU)),
    "relu6": Case(alone(layers.ReLU, 6.0)),
    "relu6_function": Case(function("relu6")),
    "linear_function": Case(lambda x: function("linear")(CONV(5, 1)(x))),
    "leaky_relu": Case(alone(layers.LeakyReLU, 0.1), share=OFTEN),
    "leaky_relu_function": Case(function("leaky_relu"), share=OFTEN),
    "leaky_relu_operator": Case(lambda x: ops.leaky_relu(x, 0.1), share=OFTEN),
    "relu_with_slope": Case(alone(layers.ReLU, negative_slope=0.2), share=OFTEN),
    "prelu": Case(alone(layers.PReLU, slopes(-0.2), shared_axes=[1, 2]), share=OFTEN),
    "prelu_slope_for_each_pixel": Case(alone(layers.PReLU, slopes(0.0)), share=OFTEN),
    "swish": Case(function("swish")),
    "hard_swish": Case(function("hard_swish")),
    "hard_swish_before_conv": Case(before_conv(function("hard_swish")), passed_on=1.0),
    "sigmoid": Case(function("sigmoid")),
    "hard_sigmoid": Case(function("hard_sigmoid")),
    "hard_sigmoid_before_conv": Case(before_conv(function("hard_sigmoid"))),
    "tanh": Case(function("tanh")),
    "gelu": Case(function("gelu")),
    "gelu_operator": Case(ops.gelu),
    "softmax": Case(alone(layers.Softmax), (VECTOR,)),
    "softmax_operator": Case(ops.softmax, (VECTOR,)),
    "l2": Case(alone(layers.UnitNormalization), (VECTOR,)),
    "l2_operator": Case(ops.normalize, (VECTOR,)),
}
TWO = (MAP, MAP)
VECTORS = (VECTOR, VECTOR)
GATE = (MAP, (1, 1, 4))
ARITHMETIC = {
    "add": Case(alone(layers.Add), TWO),
    "add_relu": Case(lambda x, y: layers.ReLU()(layers.Add()([x, y])), TWO),
    "add_operator": Case(lambda x, y: x + y, TWO),
    "add_three": Case(alone(layers.Add), (MAP, MAP, MAP), passed_on=2 / 3),
    "add_constant": Case(lambda x: x + 3.0),
    "add_constants": Case(lambda x: x + np.array([1.0, 2.0, -3.0, 0.5], "float32")),
    "subtract": Case(alone(layers.Subtract), TWO),
    "subtract_operator": Case(lambda x, y: x - y, TWO),
    "absolute": Case(ops.abs),
    "multiply": Case(alone(layers.Multiply), TWO),
    "multiply_operator": Case(lambda x, y: x * y, TWO),
    "multiply_gate": Case(alone(layers.Multiply), GATE),
    "multiply_constant_before_conv": Case(before_conv(lambda x: x * 0.3)),
    "squeeze_excite": Case(squeeze_excite("sigmoid"), passed_on=1.0),
    "squeeze_excite_hard": Case(squeeze_excite("hard_sigmoid"), passed_on=1.0),
    "average": Case(alone(layers.Average), TWO),
    "absolute_difference": Case(alone(AbsoluteDifference), VECTORS, passed_on=2.0),
    "cosine": Case(alone(CosineSimilarity), VECTORS, passed_on=2.0),
    "cosine_distance": Case(alone(CosineDistance), VECTORS, passed_on=2.0),
    "concatenate": Case(alone(layers.Concatenate), TWO),
    "concatenate_operator": Case(lambda x, y: ops.concatenate([x, y], axis=-1), TWO),
    "split_operator": Case(lambda x: layers.Add()(ops.split(x, 2, axis=-1))),
    "concatenate_relu": Case(
        lambda x, y: layers.Concatenate()([layers.ReLU()(x), layers.ReLU(6.0)(y)]), TWO
    ),
}
SPEC = DetectionSpec(
    (32, 32), 3, (AnchorMap(2, 2, (16.0, 16.0), ((8.0, 8.0),)),), "center", "sigmoid"
)
MOVES = {
    "average_pooling": Case(alone(layers.AveragePooling2D, 2)),
    "average_pooling_padded": Case(alone(layers.AveragePooling2D, 3, 2, padding="same")),
    "max_pooling": Case(alone(layers.MaxPooling2D)),
    "global_average": Case(alone(layers.GlobalAveragePooling2D)),
    "global_average_operator": Case(lambda x: ops.mean(x, axis=(1, 2))),
    "global_max": Case(alone(layers.GlobalMaxPooling2D)),
    "upsampling_nearest": Case(alone(layers.UpSampling2D)),
    "upsampling_bilinear": Case(alone(layers.UpSampling2D, interpolation="bilinear")),
    "resizing": Case(alone(layers.Resizing, 14, 10), share=OFTEN),
    "resizing_nearest": Case(alone(layers.Resizing, 16, 16, "nearest")),
    "reshape": Case(alone(layers.Reshape, (-1, 4))),
    "flatten": Case(alone(layers.Flatten)),
    "permute": Case(alone(layers.Permute, (2, 1, 3))),
    "padding": Case(alone(layers.ZeroPadding2D)),
    "cropping": Case(alone(layers.Cropping2D)),
    "slice": Case(lambda x: x[:, 1:5]),
    "expand_operator": Case(lambda x: ops.expand_dims(x, 1), (VECTOR,)),
    "max_operator": Case(lambda x: ops.max(x, axis=(1, 2))),
    "padding_operator": Case(lambda x: ops.pad(x, ((0, 0), (1, 2), (2, 1), (0, 0)))),
    "reshape_operator": Case(lambda x: ops.reshape(x, (-1, 64, 4))),
    "squeeze_operator": Case(lambda x: ops.squeeze(x, 1), ((1, 12),)),
    "depth_to_space": Case(lambda x: ops.depth_to_space(x, 2)),
    "space_to_depth": Case(lambda x: ops.space_to_depth(ops.stop_gradient(x), 2)),
    "transpose_operator": Case(lambda x: ops.transpose(x, (0, 2, 1, 3))),
    "spec": Case(lambda x: layers.ReLU()(SpecCarrier(ModelSpec(task="segment"))(x))),
    "box_codes": Case(lambda x: BoxCodes(SPEC)(DENSE(4)(x)), ((SPEC.count, 4),)),
}
CASES = LINEAR | ACTIVATIONS | ARITHMETIC | MOVES


def network(case):
    inputs = [keras.Input(shape, name=f"x{i}") for i, shape in enumerate(case.shapes)]
    return keras.Model(inputs if len(inputs) > 1 else inputs[0], case.build(*inputs))


def settle(model, rng):
    """Gives weights that start at 0 or 1 values that tell."""
    drawn = {
        "gamma": lambda shape: rng.uniform(-0.5, 1.5, shape),
        "beta": lambda shape: rng.normal(0.0, 0.3, shape),
        "moving_mean": lambda shape: rng.normal(0.0, 0.1, shape),
        "moving_variance": lambda shape: rng.uniform(0.05, 0.2, shape),
        "bias": lambda shape: rng.normal(0.0, 0.2, shape),
    }
    for variable in model.variables:
        if variable.name in drawn:
            variable.assign(drawn[variable.name](variable.shape))


def on_grid(shapes, limits, rng):
    low, high = limits
    arrays = []
    for shape in shapes:
        numbers = rng.integers(0, 256, (SAMPLES, *shape))
        numbers.reshape(-1)[:2] = 0, 255  # so that the calibrated range is `limits`
        arrays.append((numbers * ((high - low) / 255) + low).astype("float32"))
    return arrays if len(arrays) > 1 else arrays[0]


def named(data):
    return {f"x{i}": array for i, array in enumerate(data)} if isinstance(data, list) else data


def files(model, data, folder):
    """Returns the aware model, its file and the one that is quantized after training."""
    aware = quantize_aware(model, calibration_data=data)
    path = convert(aware, folder / "aware.tflite", io_dtype="int8").path
    after = convert(model, folder / "after.tflite", io_dtype="int8", calibration_data=data).path
    return aware, path, after


def steps_apart(expected, path, data, kernels):
    """Returns by how many steps each value of the file lies beside what was expected."""
    outputs = TFLiteModel(path, kernels=kernels, validate=False).predict(named(data))
    (step,) = output_steps(path.read_bytes())
    return np.abs(outputs - expected) / step


@pytest.mark.parametrize("name", CASES)
def test_file_computes_what_the_aware_model_does(name, tmp_path, rng):
    case = CASES[name]
    model = network(case)
    settle(model, rng)
    data = on_grid(case.shapes, case.limits, rng)
    aware, path, after = files(model, data, tmp_path)
    (step,) = output_steps(path.read_bytes())
    outputs = aware.predict_on_batch(data)
    assert len(np.unique(np.round(outputs / step))) > 9  # else nothing is judged
    # 0.001: outputs of 100 steps in float32.
    np.testing.assert_allclose(outputs / step, np.round(outputs / step), atol=1e-3)
    for kernels in ("reference", "default"):
        apart = steps_apart(outputs, path, data, kernels)
        assert apart.max() <= 1.01 + case.passed_on, kernels
    assert np.mean(apart > 0.5) <= case.share
    operators = inspect(path, validate=False).operators
    assert not CONVERSIONS & set(operators)
    assert set(operators) <= set().union(*(form.operators for form in int8_forms(case)))
    assert len(operators) <= len(inspect(after, validate=False).operators) + case.more


def rewritten(case):
    """Returns the operations that a case becomes."""
    return [call.operation for call in trace(rewrite_with_gains(network(case))[0]).calls]


def int8_forms(case):
    kinds = (kind_of(operation) for operation in rewritten(case))
    return [kind.int8 for kind in kinds if kind is not None and kind.int8 is not None]


def test_every_kind_of_operation_has_a_case():
    """Each is quantized, trained and run by the interpreter above."""
    covered = {member_of(operation) for case in CASES.values() for operation in rewritten(case)}
    rounded = {member: kind.int8 for member, kind in OPERATIONS.items() if kind.int8 is not None}
    covered |= {form.layer for form in rounded.values()} | {*TRAINING_ONLY}
    assert not [member for member in rounded if member not in covered]


def test_the_table_has_the_kinds_of_every_module():
    for module in pkgutil.iter_modules(operations.__path__, f"{operations.__name__}."):
        kinds = getattr(importlib.import_module(module.name), "KINDS", ())
        assert {id(kind) for kind in kinds} <= {id(kind) for kind in OPERATIONS.values()}, module
    once = {id(kind): kind for kind in OPERATIONS.values()}.values()
    assert sum(len(kind.members) for kind in once) == len(OPERATIONS)


def test_operators_are_there_on_small_devices():
    forms = [kind.int8 for kind in OPERATIONS.values() if kind.int8 is not None]
    operators = set().union(*(form.operators for form in forms))
    assert operators <= TFLITE_MICRO | MORE_THAN_MICRO
    assert all(set(form.bounds) <= form.operators for form in forms)


@pytest.mark.parametrize("name", CASES)
def test_weights_are_rounded(name):
    for operation in rewritten(CASES[name]):
        if isinstance(operation, keras.Layer) and operation.trainable_weights:
            assert int8_layer(operation) is not None, operation.name


@pytest.mark.parametrize("name", CASES)
def test_factors_before_change_nothing(name, rng):
    """Whatever rule a kind has for them: 1/4 goes through it, into a kernel, or is restored."""
    case = CASES[name]
    inputs = [keras.Input(shape, name=f"x{i}") for i, shape in enumerate(case.shapes)]
    model = keras.Model(inputs, case.build(*(x * 0.25 for x in inputs)))
    settle(model, rng)
    arrays = [rng.uniform(*case.limits, (2, *shape)).astype("float32") for shape in case.shapes]
    expected = np.asarray(model(arrays))
    actual = np.asarray(fold_constant_factors(model)(arrays))
    np.testing.assert_allclose(actual, expected, atol=1e-5 * np.abs(expected).max())


def test_concatenated_sigmoid_is_brought_to_the_shared_range_once(tmp_path, rng):
    def build(x, y):
        return layers.Concatenate()([layers.Activation("sigmoid")(x), y])

    case = Case(build, TWO)
    data = on_grid(case.shapes, case.limits, rng)
    aware, path, after = files(network(case), data, tmp_path)
    expected = aware.predict_on_batch(data)
    for kernels in ("reference", "default"):
        # The sigmoid's steps, 1/256, are far smaller than those of the range that is shared.
        assert steps_apart(expected, path, data, kernels).max() <= 1.01
    operators = inspect(path, validate=False).operators
    assert sorted(operators) == ["CONCATENATION", "LOGISTIC", "QUANTIZE"]
    assert len(operators) <= len(inspect(after, validate=False).operators)


def test_float_file_ends_are_the_only_conversions(tmp_path, rng):
    case = CASES["conv_bn_relu6"]
    data = on_grid(case.shapes, case.limits, rng)
    aware = quantize_aware(network(case), calibration_data=data)
    path = convert(aware, tmp_path / "float.tflite").path
    assert inspect(path, validate=False).operators == ("QUANTIZE", "CONV_2D", "DEQUANTIZE")
    expected = aware.predict_on_batch(data)
    assert steps_apart(expected, path, data, "default").max() <= 1.01
