import dataclasses

import pytest

from keras_cv_course.tflite.operator_sets import (
    EDGE_TPU,
    ETHOS_U55,
    LINEAR,
    TFLITE_MICRO,
    is_builtin,
)
from keras_cv_course.tflite.quantizers import SCHEMES
from keras_cv_course.tflite.targets import TARGETS, choose, find_target


@pytest.mark.parametrize(
    ("target", "chosen"),
    [
        (None, ("int8", "float32")),
        ("phone", ("int8", "uint8")),
        ("browser", ("int8", "uint8")),
        ("microcontroller", ("int8", "int8")),
        ("accelerator", ("int8", "int8")),
        ("edge_tpu", ("int8", "int8")),
    ],
)
def test_defaults_are_the_devices_best(target, chosen):
    assert choose(target, None, None) == chosen


def test_what_is_asked_for_stays():
    assert choose("phone", "float16", None) == ("float16", "float32")
    assert choose("phone", None, "float32") == ("int8", "float32")
    assert choose("microcontroller", "none", None) == ("none", "float32")
    assert choose("accelerator", "int8", "uint8") == ("int8", "uint8")
    assert choose(None, "dynamic", "float32") == ("dynamic", "float32")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("phone", None, "int8"), r'`io_dtype` must be one of .*Pass io_dtype="uint8"'),
        (("browser", "float16", "uint8"), r'and quantize="float16".*Pass io_dtype="float32"'),
        (("accelerator", "none", None), r"its arithmetic is in integers.*Received: \"none\""),
        (("microcontroller", "dynamic", None), r'float activations.*Pass quantize="int8"'),
        (("microcontroller", "float16", None), r"no half-precision weights"),
        (("edge_tpu", "int8", "float32"), r"`io_dtype` must be one of \('int8', 'uint8'\)"),
        (("fone", None, None), r"`target` must be one of .*Did you mean 'phone'"),
    ],
)
def test_contradictions_say_the_way_out(arguments, message):
    with pytest.raises(ValueError, match=message):
        choose(*arguments)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_rows_ask_for_what_convert_can_make(target):
    assert find_target(target.name) is target
    for quantize, dtypes in target.io_dtypes.items():
        assert set(dtypes) <= set(SCHEMES[quantize].io_dtypes)
    best = target.io_dtypes[target.quantize[0]][0]
    assert best in target.accepted_inputs & target.accepted_outputs
    with pytest.raises(dataclasses.FrozenInstanceError):
        target.name = "other"


def test_names_of_operators_are_those_of_the_schema():
    for names in (TFLITE_MICRO, ETHOS_U55, EDGE_TPU, LINEAR):
        assert all(map(is_builtin, names))
    assert not is_builtin("TFLite_Detection_PostProcess")


def test_what_is_known_of_the_sets():
    assert len(TFLITE_MICRO) == 100
    missing = {"GELU", "TOPK_V2", "TILE", "POW", "ONE_HOT", "NON_MAX_SUPPRESSION_V4", "SELECT"}
    assert not TFLITE_MICRO & missing
    assert len(ETHOS_U55) == 55
    assert "HARD_SWISH" in ETHOS_U55
    assert "DEQUANTIZE" not in ETHOS_U55
    assert "HARD_SWISH" not in EDGE_TPU
