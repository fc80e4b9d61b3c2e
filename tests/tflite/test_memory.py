import struct

import keras
import pytest
import tensorflow as tf
import tiny_files
from ai_edge_litert import schema_py_generated as schema

from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite.memory import plan_arena


def chain(sizes, uses):
    """Bytes of a file of RELU operators on int8 tensors of these sizes: `uses` are (in, out)."""
    graph = schema.SubGraphT(inputs=[0], outputs=[uses[-1][1]], name=b"main")
    graph.tensors = [
        schema.TensorT(shape=[1, size], type=schema.TensorType.INT8, buffer=0, name=f"t{i}")
        for i, size in enumerate(sizes)
    ]
    graph.operators = [
        schema.OperatorT(opcodeIndex=0, inputs=list(sources), outputs=[output])
        for sources, output in uses
    ]
    relu = schema.BuiltinOperator.RELU
    code = schema.OperatorCodeT(builtinCode=relu, deprecatedBuiltinCode=relu, version=1)
    model = schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph])
    model.buffers = [schema.BufferT()]
    return flatbuffer.write(model)


def test_tensors_that_do_not_live_together_share_memory():
    plan = plan_arena(chain([100, 200, 50], [([0], 1), ([1], 2)]))
    # 100, 200 and 50 bytes, rounded up to 16: t0 and t1 together, t2 in the place of t0.
    assert [(t.bytes, t.offset, t.first, t.last) for t in plan.tensors] == [
        (112, 208, 0, 1),
        (208, 0, 1, 2),
        (64, 208, 2, 2),
    ]
    assert plan.bytes == plan.peak_bytes == 320
    assert (plan.peak_step, plan.peak_operator) == (1, "RELU")
    assert [t.name for t in plan.peak_tensors] == ["t1", "t0"]
    assert plan.weight_bytes == 0


def test_a_shortcut_lives_until_it_is_added():
    plan = plan_arena(chain([64, 32, 32, 32], [([0], 1), ([1], 2), ([0, 2], 3)]))
    assert plan.tensors[0].last == 3
    assert plan.bytes == 128
    assert plan.peak_bytes == 128


def test_gaps_are_distinguished_from_what_is_needed():
    # t3 and t0 are placed first, at 0; then t2 above t3. Between t0 and t2 is no room for t1.
    plan = plan_arena(chain([96, 64, 64, 128], [([0], 1), ([1], 2), ([2], 3)]))
    assert [t.offset for t in plan.tensors] == [0, 192, 128, 0]
    assert plan.bytes == 256
    assert plan.peak_bytes == 192
    # With 32 bytes less it fits there.
    plan = plan_arena(chain([96, 32, 64, 128], [([0], 1), ([1], 2), ([2], 3)]))
    assert [t.offset for t in plan.tensors] == [0, 96, 128, 0]
    assert plan.bytes == plan.peak_bytes == 192


def test_of_equal_tensors_the_last_is_placed_first():
    plan = plan_arena(chain([64, 64], [([0], 1)]))
    assert [t.offset for t in plan.tensors] == [64, 0]


def test_variables_are_not_in_the_arena():
    model = flatbuffer.read(chain([64, 32, 64], [([0, 1], 2)]))
    model.subgraphs[0].tensors[1].isVariable = True
    plan = plan_arena(flatbuffer.write(model))
    assert [t.name for t in plan.tensors] == ["t0", "t2"]
    assert plan.bytes == 128


def test_offsets_of_the_file_are_kept():
    model = flatbuffer.read(chain([100, 200, 50], [([0], 1), ([1], 2)]))
    plan = struct.pack("<6i", 1, 0, 3, 512, 0, -1)
    model.buffers.append(schema.BufferT(data=list(plan)))
    model.metadata = [schema.MetadataT(name=b"OfflineMemoryAllocation", buffer=1)]
    arena = plan_arena(flatbuffer.write(model))
    assert [t.offset for t in arena.tensors] == [512, 0, 208]
    assert arena.bytes == 512 + 112
    assert arena.peak_bytes == 320


# Head of the arena, as `print_allocations` of tflite-micro 0.dev20261023182759 tells it.
@pytest.mark.parametrize(
    ("name", "io_dtype", "head_bytes"),
    [
        ("float", "float32", 3840),
        ("int8", "int8", 960),
        ("int8", "uint8", 1536),
        ("int8", "float32", 3840),
        ("int8x16", "int16", 1920),
        ("int8x16", "float32", 4608),
    ],
)
def test_equals_the_microcontrollers_own_plan(name, io_dtype, head_bytes):
    assert plan_arena(tiny_files.content(name, io_dtype)).bytes == head_bytes


def test_open_dimensions_count_as_one_and_constants_are_weights():
    image = keras.Input((8, 8, 3))
    model = keras.Model(image, keras.layers.Conv2D(2, 3)(image))
    plan = plan_arena(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    assert [t.bytes for t in plan.tensors] == [8 * 8 * 3 * 4, 6 * 6 * 2 * 4]
    assert plan.weight_bytes == (3 * 3 * 3 * 2 + 2) * 4
    assert plan.peak_operator == "CONV_2D"
    assert "tensors" not in plan.to_dict()
    assert len(plan.to_dict()["peak_tensors"]) == 2


def test_subgraphs_run_where_they_are_called():
    @tf.function(input_signature=[tf.TensorSpec((1, 64))])
    def network(x):
        kept = x * 2.0
        _, y = tf.while_loop(
            lambda i, y: i < 3, lambda i, y: (i + 1, tf.nn.relu(y) - 1.0), (tf.constant(0), x)
        )
        return kept + y

    converter = tf.lite.TFLiteConverter.from_concrete_functions([network.get_concrete_function()])
    data = converter.convert()
    plan = plan_arena(data)
    model = flatbuffer.read(data)
    assert len(model.subgraphs) == 3
    # Measured, as above: the tensors of the condition and of the body live while the loop runs.
    assert plan.bytes == 1312
    for a in plan.tensors:
        for b in plan.tensors:
            together = a.first <= b.last and b.first <= a.last
            apart = a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset
            assert a is b or not together or apart


@pytest.mark.data
def test_mlperfs_person_detector_takes_what_was_measured(shared):
    data = (shared / "models" / "mlperf_tiny_vww_96_int8.tflite").read_bytes()
    plan = plan_arena(data)
    assert plan.bytes == 73_728
    # The second pointwise convolution; the rest of the arena is lost in a gap.
    assert (plan.peak_bytes, plan.peak_step, plan.peak_operator) == (55_296, 3, "CONV_2D")
    assert [t.bytes for t in plan.peak_tensors] == [36_864, 18_432]
    assert plan.weight_bytes == 219_072
