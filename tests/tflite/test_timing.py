import json

import numpy as np
import pytest
import tensorflow as tf
import tiny_files

from keras_cv_course.tflite.timing import (
    BenchmarkReport,
    FileTiming,
    _interleave,
    _sample,
    benchmark,
)


@pytest.fixture
def matmul(tmp_path):
    """Returns a function that writes a file that holds and runs one square matrix."""

    def write(size):
        kernel = tf.constant(np.ones((size, size), np.float32))
        function = tf.function(lambda x: tf.matmul(x, kernel)).get_concrete_function(
            tf.TensorSpec((1, size))
        )
        path = tmp_path / f"matmul{size}.tflite"
        path.write_bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())
        return path

    return write


def test_a_larger_network_takes_longer_and_more_memory(matmul):
    small, large = matmul(16), matmul(1500)
    report = benchmark([large, small], runs=11, warmup=2)
    assert [row.path for row in report.files] == [large, small]
    first, second = report.files
    assert first.ratio == 1
    # The large one does 8,800 times the work.
    assert second.ratio < 0.2
    assert second.ratio == second.median_ms / first.median_ms
    for row in report.files:
        assert 0 < row.min_ms <= row.median_ms <= row.p90_ms
        assert row.bytes == row.path.stat().st_size
    # Its 9 MB of weights are read, and packed once more for the kernel.
    assert first.peak_memory_bytes > 9_000_000
    assert first.peak_memory_bytes < 40_000_000
    assert second.peak_memory_bytes < 9_000_000


def test_quantized_files_and_several_inputs_run(tmp_path):
    paths = [
        tiny_files.write(tmp_path, "float"),
        tiny_files.write(tmp_path, "int8", "int8"),
        tiny_files.write(tmp_path, "two"),
    ]
    report = benchmark([str(path) for path in paths], runs=3, warmup=0)
    assert len(report.files) == 3
    assert (report.runs, report.warmup, report.num_threads) == (3, 0, 1)


def test_files_take_turns_and_the_first_runs_are_not_counted():
    class Recorder:
        def __init__(self, name):
            self.name = name

        def invoke(self):
            order.append(self.name)

    order = []
    times = _interleave([Recorder("a"), Recorder("b")], runs=3, warmup=1)
    assert times.shape == (3, 2)
    assert "".join(order) == "abbaabba"


def test_inputs_cover_the_range_of_their_type():
    sample = _sample((1000,), np.int8, np.random.default_rng(0))
    assert (sample.dtype, sample.min(), sample.max()) == (np.int8, -128, 127)
    sample = _sample((1000,), np.float32, np.random.default_rng(0))
    assert sample.dtype == np.float32
    assert -1 <= sample.min() < -0.99
    assert 0.99 < sample.max() < 1
    assert not _sample((3,), np.int64, np.random.default_rng(0)).any()


def test_is_printed_as_a_table_and_saved_as_json(tmp_path):
    rows = (
        FileTiming(tmp_path / "a.tflite", 2_000_000, 4.0, 3.0, 5.0, 1.0, 2**20),
        FileTiming(tmp_path / "b.tflite", 1_000, 2.0, 1.0, 3.0, 0.5, None),
    )
    report = BenchmarkReport(rows, runs=7, warmup=1, num_threads=2)
    for part in ("2,000,000", "4.000", "0.50", "unknown", "7 runs each, 2 thread(s)"):
        assert part in str(report)
    saved = json.loads(report.save(tmp_path / "report.json").read_text())
    assert saved["files"][1]["ratio"] == 0.5
    assert saved["files"][0]["path"] == str(tmp_path / "a.tflite")
    assert saved["num_threads"] == 2


def test_wrong_arguments_are_errors(tmp_path):
    path = tiny_files.write(tmp_path, "float")
    with pytest.raises(ValueError, match=r"at least one .tflite file"):
        benchmark([])
    with pytest.raises(ValueError, match="`runs` must be a whole number above 0"):
        benchmark([path], runs=0)
    with pytest.raises(ValueError, match=r"missing.tflite is not a usable .tflite file"):
        benchmark([path, tmp_path / "missing.tflite"])
    assert len(benchmark(path, runs=1).files) == 1
