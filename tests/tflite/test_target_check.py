import functools
import json
import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tiny_files
from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.tflite import flatbuffer, quantizers
from keras_cv_course.tflite.target_check import check, find_advice, find_problems
from keras_cv_course.tflite.targets import TARGETS

BEST = {
    "phone": "uint8",
    "browser": "uint8",
    "microcontroller": "int8",
    "accelerator": "int8",
    "edge_tpu": "int8",
}


def problems(data, target):
    return [problem.rule for problem in find_problems(data, TARGETS[target])]


def advice(data, target):
    return [problem.rule for problem in find_advice(data, TARGETS[target])]


def only(findings, rule, *words):
    """The only problem breaks this rule, and is described in these words."""
    assert [problem.rule for problem in findings] == [rule]
    for word in words:
        assert word in f"{findings[0].finding} | {findings[0].change}"


def edited(data, edit):
    """A file whose object form was changed in place by `edit(model, graph)`."""
    model = flatbuffer.read(data)
    edit(model, model.subgraphs[0])
    return flatbuffer.write(model)


def of_function(function, *shapes):
    signature = [tf.TensorSpec(shape) for shape in shapes]
    concrete = tf.function(function, input_signature=signature).get_concrete_function()
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()


def of_model(model, io_dtype=None):
    """A float file of any Keras model, or an int8 one with these inputs and outputs."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if io_dtype:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.as_dtype(io_dtype)
        rng = np.random.default_rng(0)
        shapes = [tuple(size or 1 for size in x.shape) for x in model.inputs]
        converter.representative_dataset = lambda: (
            [rng.uniform(-1, 1, shape).astype(np.float32) for shape in shapes] for _ in range(5)
        )
    with warnings.catch_warnings():
        # The converter calibrates with an interpreter that its own package calls deprecated.
        warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is deprecated")
        return converter.convert()


def conv(shape, batch_size=1):
    image = keras.Input(shape, batch_size=batch_size, name="image")
    return keras.Model(image, keras.layers.Conv2D(2, 3)(image))


def replace_operator(old, new, custom=None):
    def edit(model, graph):
        code = next(c for c in model.operatorCodes if c.builtinCode == old)
        code.builtinCode, code.deprecatedBuiltinCode, code.customCode = new, min(new, 127), custom
        for operator in graph.operators:
            if model.operatorCodes[operator.opcodeIndex] is code:
                operator.builtinOptionsType, operator.builtinOptions = 0, None

    return edit


@functools.cache
def vela_like():
    """A file whose MEAN is an operator of an NPU, as in files that Vela has compiled."""
    builtin = schema.BuiltinOperator
    edit = replace_operator(builtin.MEAN, builtin.CUSTOM, b"ethos-u")
    return edited(tiny_files.content("int8", "int8"), edit)


@functools.cache
def with_outside_weights():
    """A file whose largest buffer lies behind the flatbuffer, as ai-edge-quantizer writes it."""
    model = flatbuffer.read(tiny_files.content("int8", "uint8"))
    buffer = max(model.buffers, key=lambda b: 0 if b.data is None else len(b.data))
    content = bytes(buffer.data)
    buffer.data, buffer.offset, buffer.size = None, 2**20, len(content)
    # Written twice: the offset is known when the size of the rest is.
    buffer.offset = -(-len(flatbuffer.write(model)) // 16) * 16
    return flatbuffer.write(model).ljust(buffer.offset, b"\0") + content


@pytest.mark.parametrize("target", BEST)
def test_a_file_made_for_a_device_is_taken(target):
    data = tiny_files.content("int8", BEST[target])
    assert problems(data, target) == []
    assert advice(data, target) == []


def test_operators_that_the_runtime_lacks():
    data = of_function(lambda x: tf.pow(tf.abs(x), 1.5), (1, 4))
    only(find_problems(data, TARGETS["microcontroller"]), "operators", "POW", "replace the layer")
    assert problems(data, "phone") == problems(data, "browser") == []


def test_custom_operators():
    findings = find_problems(vela_like(), TARGETS["microcontroller"])
    only(findings, "custom operators", "ethos-u")
    assert "custom operators" in problems(vela_like(), "phone")
    assert problems(vela_like(), "accelerator") == []


def test_types_of_inputs_and_outputs():
    data = tiny_files.content("int8", "int8")
    for target in ("phone", "browser"):
        assert problems(data, target) == ["input type", "output type"]
        for problem in find_problems(data, TARGETS[target]):
            assert "is int8" in problem.finding
            assert 'io_dtype="uint8"' in problem.change
    assert problems(tiny_files.content("int8", "float32"), "accelerator") == [
        "input type",
        "output type",
    ]


def test_a_detectors_last_operator_gives_floats_on_every_device():
    builtin = schema.BuiltinOperator
    edit = replace_operator(builtin.DEQUANTIZE, builtin.CUSTOM, b"TFLite_Detection_PostProcess")
    data = edited(tiny_files.content("int8", "float32"), edit)
    assert problems(data, "accelerator") == ["input type"]
    assert "operators of the accelerator" in advice(data, "accelerator")
    assert problems(data, "microcontroller") == problems(data, "phone") == []
    only(find_advice(data, TARGETS["phone"]), "metadata", "a detector")


@pytest.mark.parametrize("target", ["phone", "browser", "microcontroller"])
def test_an_index_as_output_is_int64(target):
    data = of_function(lambda x: tf.argmax(x, -1), (1, 4))
    only(find_problems(data, TARGETS[target]), "output type", "int64", "give out the scores")


@pytest.mark.parametrize("target", BEST)
def test_more_than_one_image_at_a_time(target):
    data = of_model(conv((8, 8, 3), batch_size=4), BEST[target])
    only(find_problems(data, TARGETS[target]), "batch of 1", "(4, 8, 8, 3)")


def test_an_open_batch_stops_the_browser_and_the_edge_tpu():
    data = of_model(conv((8, 8, 3), batch_size=None), "uint8")
    only(find_problems(data, TARGETS["browser"]), "fixed sizes", "open in axis 0")
    assert problems(data, "edge_tpu") == ["fixed sizes"]
    for target in ("phone", "microcontroller", "accelerator"):
        assert problems(data, target) == []
        assert "fixed sizes" in advice(data, target)


def test_open_height_and_width_stop_every_device():
    data = of_model(conv((None, None, 3)))
    for target in ("phone", "browser", "microcontroller"):
        only(find_problems(data, TARGETS[target]), "fixed sizes", "axis 1, 2")
        assert "fixed sizes" not in advice(data, target)


@pytest.mark.parametrize("target", ["accelerator", "edge_tpu"])
def test_float_arithmetic_stops_an_accelerator(target):
    # Integer inputs and outputs, and a layer in float between them.
    def edit(model, graph):
        float32 = schema.TensorType.FLOAT32
        convolution = graph.operators[1]
        for index in (convolution.inputs[0], convolution.outputs[0]):
            graph.tensors[index].type = float32

    data = edited(tiny_files.content("int8", "int8"), edit)
    only(find_problems(data, TARGETS[target]), "integer arithmetic", "CONV_2D", "keep_float")
    assert problems(tiny_files.content("float"), target)[-1] == "integer arithmetic"


@pytest.mark.parametrize("recipe", ["dynamic_wi8_afp32", "dynamic_wi4_afp32"])
def test_float_activations_with_integer_weights_stop_a_microcontroller(recipe):
    data = quantizers.by_recipe(tiny_files.content("float"), recipe, None)
    findings = find_problems(data, TARGETS["microcontroller"])
    only(findings, "one kind of numbers", "CONV_2D", 'quantize="int8"')
    assert problems(data, "phone") == []


def test_arithmetic_in_uint8_stops_a_microcontroller():
    def edit(model, graph):
        for tensor in graph.tensors:
            if tensor.type == schema.TensorType.INT8:
                tensor.type = schema.TensorType.UINT8

    data = edited(tiny_files.content("int8", "int8"), edit)
    findings = find_problems(data, TARGETS["microcontroller"])
    only(findings, "types of activations", "CONV_2D on uint8", "float32, int16, int8")
    assert problems(data, "accelerator") == problems(data, "phone") == []


def test_weights_that_a_microcontroller_cannot_unpack():
    converter = tf.lite.TFLiteConverter.from_keras_model(tiny_files.network())
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    findings = find_problems(converter.convert(), TARGETS["microcontroller"])
    only(findings, "types of weights", "DEQUANTIZE of float16")
    data = quantizers.by_recipe(tiny_files.content("float"), "weight_only_wi4_afp32", None)
    findings = find_problems(data, TARGETS["microcontroller"])
    only(findings, "types of weights", "DEQUANTIZE of int4")
    data = quantizers.by_recipe(tiny_files.content("float"), "weight_only_wi8_afp32", None)
    assert problems(data, "microcontroller") == []


def test_types_that_the_edge_tpu_does_not_know():
    def edit(model, graph):
        graph.tensors[graph.operators[0].outputs[0]].type = schema.TensorType.INT16

    data = edited(tiny_files.content("int8", "int8"), edit)
    only(find_problems(data, TARGETS["edge_tpu"]), "types of tensors", "int16")


def test_weights_behind_the_flatbuffer(tmp_path):
    data = with_outside_weights()
    findings = find_problems(data, TARGETS["microcontroller"])
    only(findings, "weights in the flatbuffer", "bytes lie behind it", "tflite.flatbuffer")
    for target in ("phone", "accelerator"):
        assert problems(data, target) == []
        only(find_advice(data, TARGETS[target]), "weights in the flatbuffer")
    cured = flatbuffer.write(flatbuffer.read(data))
    assert problems(cured, "microcontroller") == advice(cured, "phone") == []
    path = tmp_path / "outside.tflite"
    path.write_bytes(data)
    assert check(path, "phone").ok


@pytest.mark.parametrize("target", ["phone", "browser"])
def test_a_float_image_wants_metadata(target):
    def edit(model, graph):
        model.metadata = [*(model.metadata or ()), schema.MetadataT("TFLITE_METADATA", 0)]

    data = tiny_files.content("float")
    assert problems(data, target) == []
    only(find_advice(data, TARGETS[target]), "metadata", "MediaPipe Tasks", "add_metadata")
    assert advice(edited(data, edit), target) == []
    assert advice(data, "microcontroller") == []


def test_what_the_accelerator_leaves_to_the_processor():
    builtin = schema.BuiltinOperator
    edit = replace_operator(builtin.MEAN, builtin.L2_POOL_2D)
    data = edited(tiny_files.content("int8", "int8"), edit)
    for target in ("accelerator", "edge_tpu"):
        assert problems(data, target) == []
        only(find_advice(data, TARGETS[target]), "operators of the accelerator", "L2_POOL_2D")


@pytest.mark.parametrize(("classes", "expected"), [(300, ["scores in 8 bits"]), (200, [])])
def test_softmax_over_many_classes_in_8_bits(classes, expected):
    x = keras.Input((4,), batch_size=1)
    model = keras.Model(x, keras.layers.Dense(classes, activation="softmax")(x))
    assert advice(of_model(model, "int8"), "microcontroller") == expected
    assert advice(of_model(model), "microcontroller") == []


def joined(axis, activations):
    x = keras.Input((8, 8, 3), batch_size=1)
    parts = [keras.layers.Conv2D(4, 1, activation=name)(x) for name in activations]
    parts = [keras.layers.Reshape((64, 4))(part) for part in parts]
    return of_model(keras.Model(x, keras.layers.Concatenate(axis=axis)(parts)), "int8")


def test_outputs_of_different_meaning_in_one_tensor():
    rule = "one scale for each quantity"
    data = joined(2, [None, "sigmoid"])
    only(find_advice(data, TARGETS["microcontroller"]), rule, "CONV_2D, LOGISTIC", "one by one")
    # By kind, and not only by axis.
    assert advice(joined(1, [None, "sigmoid"]), "microcontroller") == [rule]
    assert advice(joined(2, [None, None]), "microcontroller") == [rule]
    # The same quantity at several scales may share its steps.
    assert advice(joined(1, [None, None]), "microcontroller") == []


def test_report_is_printed_and_saved(tmp_path):
    path = tiny_files.write(tmp_path, "int8", "int8")
    report = check(path, "microcontroller")
    assert report.ok
    assert report.memory.bytes == 960
    assert "microcontroller: takes it" in str(report)
    assert "960 bytes" in str(report)
    assert "problem" not in str(report)
    report = check(path, "phone")
    assert not report.ok
    for part in ("does not take it", "input type", 'io_dtype="uint8"'):
        assert part in str(report)
    saved = json.loads(report.save(tmp_path / "report.json").read_text())
    assert saved["ok"] is False
    assert [problem["rule"] for problem in saved["problems"]] == ["input type", "output type"]
    assert saved["memory"]["peak_operator"] == "DEPTHWISE_CONV_2D"
    assert saved["path"] == str(path)


def test_a_file_that_only_an_accelerator_runs_is_read(tmp_path):
    path = tmp_path / "compiled.tflite"
    path.write_bytes(vela_like())
    assert check(path, "accelerator").ok
    only(check(path, "microcontroller").problems, "custom operators", "ethos-u")


def test_a_corrupt_file_and_an_unknown_device_are_errors(tmp_path):
    path = tmp_path / "cut.tflite"
    path.write_bytes(tiny_files.content("float")[:1000])
    with pytest.raises(ValueError, match=r"cut.tflite is not a usable .tflite file"):
        check(path, "phone")
    with pytest.raises(ValueError, match="`target` must be one of"):
        check(path, "toaster")


@pytest.mark.data
def test_the_files_that_others_ship(shared):
    expected = {
        "mlperf_tiny_vww_96_int8": {"microcontroller": [], "phone": ["input type", "output type"]},
        "coral_mobilenet_v2_1.0_224_quant": {
            "microcontroller": ["types of activations"],
            "phone": [],
            "accelerator": [],
            "edge_tpu": [],
        },
        "coral_tf2_mobilenet_v2_1.0_224_ptq": {"phone": [], "edge_tpu": []},
    }
    for name, by_target in expected.items():
        data = (shared / "models" / f"{name}.tflite").read_bytes()
        for target, rules in by_target.items():
            assert problems(data, target) == rules, (name, target)
    assert "scores in 8 bits" in advice(data, "phone")
