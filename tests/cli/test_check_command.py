import json

import pytest
import typer
from ai_edge_litert import schema_py_generated as schema
from typer.testing import CliRunner

from keras_cv_course.cli import check
from keras_cv_course.tflite import flatbuffer


@pytest.fixture
def run():
    app = typer.Typer()
    app.command("check")(check.command)
    return lambda *arguments: CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture
def file(tmp_path):
    """A file that copies four int8 numbers."""
    int8 = schema.TensorType.INT8
    tensors = [
        schema.TensorT(
            shape=[1, 4],
            type=int8,
            buffer=0,
            name=name,
            quantization=schema.QuantizationParametersT(scale=[0.5], zeroPoint=[0]),
        )
        for name in ("values", "copy")
    ]
    reshape = schema.BuiltinOperator.RESHAPE
    options = schema.ReshapeOptionsT(newShape=[1, 4])
    operator = schema.OperatorT(opcodeIndex=0, inputs=[0], outputs=[1], builtinOptions=options)
    operator.builtinOptionsType = schema.BuiltinOptions.ReshapeOptions
    code = schema.OperatorCodeT(builtinCode=reshape, deprecatedBuiltinCode=reshape, version=1)
    graph = schema.SubGraphT(tensors=tensors, operators=[operator], inputs=[0], outputs=[1])
    model = schema.ModelT(version=3, operatorCodes=[code], subgraphs=[graph])
    model.buffers = [schema.BufferT()]
    path = tmp_path / "copy.tflite"
    path.write_bytes(flatbuffer.write(model))
    return path


def test_a_file_that_the_device_takes(run, file):
    result = run(file, "--target", "microcontroller")
    assert result.exit_code == 0, result.output
    assert "microcontroller: takes it" in result.output


def test_a_file_that_it_does_not_take_ends_with_code_1(run, file):
    result = run(file, "--target", "phone")
    assert result.exit_code == 1
    assert "values is int8" in result.output
    result = run(file, "--target", "phone", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [problem["rule"] for problem in report["problems"]] == ["input type", "output type"]
    assert report["memory"]["bytes"] == 32


def test_the_device_must_be_named(run, file):
    assert run(file).exit_code == 2
    assert "must be one of" in str(run(file, "--target", "radio").exception)
