import json
import subprocess

import keras
import pytest

from keras_cv_course import MobileNet, build_model
from keras_cv_course._classifier_table import FAMILIES
from keras_cv_course.data import load_images
from keras_cv_course.devices import npu
from keras_cv_course.devices.npu import ACCELERATORS, compile_for_npu, npu_table
from keras_cv_course.networks.complexity import complexity
from keras_cv_course.registry import MODELS
from keras_cv_course.tflite import convert

pytestmark = pytest.mark.device

SHAPE = (64, 64, 3)
# Of the families for devices; larger members are the same blocks again, and take minutes to convert.
NAMES = [
    family.members[0].name
    for family in FAMILIES
    if family.module.startswith(("mobilenet", "efficientnet", "darknet"))
]
SMALLEST = {
    "mobilenet": {"alpha": 0.25},
    "mobilenet_v2": {"alpha": 0.35},
    "mobilenet_v3_small": {"alpha": 0.75},
    "mobilenet_v3_large": {"alpha": 0.75},
}
# What `complexity` counts too, by Vela's names.
COUNTED = {"Conv2D", "DepthwiseConv2D", "FullyConnected"}
# What only Vela counts: it computes them with the multipliers.
EXTRA = {"Mean", "AvgPool", "MaxPool", "Softmax", "Sigmoid", "Quantize"}
VWW_CYCLES = 220_870
VWW_MACS = 7_491_972


@pytest.fixture
def network():
    x = image = keras.Input((16, 16, 3), name="image")
    x = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(image, keras.layers.Dense(4, activation="softmax")(x))


@pytest.fixture
def export(network, rng, tmp_path):
    def write(quantize, io_dtype, **options):
        data = rng.uniform(0, 1, (4, 16, 16, 3)) if quantize.startswith("int8") else None
        file = tmp_path / f"{quantize}_{io_dtype}.tflite"
        return convert(network, file, quantize, io_dtype, data, **options).path

    return write


@pytest.mark.parametrize("name", NAMES)
def test_int8_classifier_is_all_on_the_npu_with_the_multiply_adds_of_complexity(
    name, rng, tmp_path
):
    model = build_model(name, input_shape=SHAPE, classes=10, **SMALLEST.get(name, {}))
    images = rng.uniform(*MODELS[name].input_range, (4, *SHAPE))
    report = compile_for_npu(convert(model, tmp_path / "m.tflite", "int8", "int8", images).path)
    expected = complexity(model).mult_adds
    assert report.npu_share == 1.0
    assert report.cpu_operators == ()
    # Vela counts more, mostly the means of squeeze-and-excite and EfficientNet's sigmoids. With
    # the layers of `complexity` alone, its count is the same to the last multiply-add.
    assert expected < report.macs < 1.03 * expected
    counted = {kind: n for kind, n in report.macs_by_operator.items() if n}
    assert set(counted) <= COUNTED | EXTRA
    assert sum(n for kind, n in counted.items() if kind in COUNTED) == expected
    assert sum(counted.values()) == report.macs


def test_figures_are_those_of_a_hand_count(export):
    report = compile_for_npu(export("int8", "int8"))
    pixels = 16 * 16
    assert report.macs_by_operator["Conv2D"] == pixels * 3 * 3 * 3 * 8
    assert report.macs_by_operator["Mean"] == pixels * 8
    assert report.macs_by_operator["FullyConnected"] == 8 * 4
    assert report.clock_hz == 500e6
    assert report.ms == pytest.approx(1000 * report.cycles_total / report.clock_hz)
    assert report.cycles_total >= max(report.cycles_npu, report.cycles_sram, report.cycles_flash)
    # Input and convolution's output lie side by side.
    assert report.sram_kib >= pixels * (3 + 8) / 1024
    assert report.flash_kib > 0
    assert report.dram_kib == 0


def test_pixels_in_and_scores_out_stay_on_the_npu(export):
    report = compile_for_npu(export("int8", "uint8"))
    assert report.npu_share == 1.0
    # Each number that is requantized counts as one.
    assert report.macs_by_operator["Quantize"] == 16 * 16 * 3 + 4


def test_file_with_class_names_compiles(export):
    path = export("int8", "int8", class_names=["a", "b", "c", "d"])
    assert compile_for_npu(path).npu_share == 1.0


def test_conversions_from_float_stay_on_the_cpu(export):
    report = compile_for_npu(export("int8", "float32"))
    assert report.cpu_operators == ("Quantize", "Dequantize")
    # QUANTIZE, CONV_2D, MEAN, FULLY_CONNECTED, SOFTMAX, DEQUANTIZE
    assert report.npu_share == pytest.approx(4 / 6)
    assert "on the CPU: 1 Quantize, 1 Dequantize" in str(report)


def test_float_stays_on_the_cpu(export):
    report = compile_for_npu(export("none", "float32"))
    assert report.npu_share == 0.0
    assert len(report.cpu_operators) == 4
    assert (report.macs, report.cycles_total, report.ms) == (0, 0, 0.0)


def test_larger_accelerators_take_fewer_cycles(export):
    path = export("int8", "int8")
    reports = [compile_for_npu(path, name) for name in ACCELERATORS]
    u55, u65 = reports[:4], reports[4:]
    cycles = [report.cycles_npu for report in u55]
    assert cycles == sorted(cycles, reverse=True)
    assert cycles[-1] < cycles[0]
    assert all(report.flash_kib > 0 == report.dram_kib for report in u55)
    assert all(report.dram_kib > 0 == report.flash_kib for report in u65)
    assert {report.clock_hz for report in u65} == {1e9}
    text = npu_table(reports)
    assert "internal compiler estimates" in text
    assert all(name in text for name in ACCELERATORS)
    assert all(f"{report.cycles_total:,}" in text for report in reports)
    assert "…" not in text


def test_report_goes_through_json(export):
    report = compile_for_npu(export("int8", "int8"))
    content = json.loads(json.dumps(report.to_dict()))
    assert content["path"] == str(report.path)
    assert content["cycles_total"] == report.cycles_total
    assert content["macs_by_operator"] == report.macs_by_operator


def test_compiled_file_is_kept(export, tmp_path):
    out = tmp_path / "kept" / "m_vela.tflite"
    compile_for_npu(export("int8", "int8"), out=out)
    content = out.read_bytes()
    assert content[4:8] == b"TFL3"
    assert b"ethos-u" in content


@pytest.mark.data
def test_mlperfs_file_costs_what_was_measured(shared):
    report = compile_for_npu(shared / "models" / "mlperf_tiny_vww_96_int8.tflite")
    assert report.cycles_total == VWW_CYCLES
    assert report.macs == VWW_MACS
    assert report.npu_share == 1.0


@pytest.mark.data
def test_mlperfs_file_on_ethos_u65_costs_what_was_measured(shared):
    path = shared / "models" / "mlperf_tiny_vww_96_int8.tflite"
    report = compile_for_npu(path, "ethos-u65-256")
    assert report.cycles_total == 246_086
    assert report.dram_kib == 101.09375


@pytest.mark.data
def test_our_export_of_mlperfs_weights_costs_the_same(shared, tmp_path):
    shape = (96, 96, 3)
    weights = shared / "models" / "mlperf_tiny_vww_96.h5"
    model = MobileNet(shape, alpha=0.25, activation="relu", classes=2, weights=weights)
    files = sorted((shared / "data" / "person_coco").rglob("*.jpg"))[::40]
    images = load_images(files, shape, (0.0, 1.0))
    file = convert(model, tmp_path / "m.tflite", "int8", "int8", images, input_range=(0, 1))
    report = compile_for_npu(file.path)
    assert report.cycles_total <= 1.02 * VWW_CYCLES
    assert report.macs == VWW_MACS
    assert report.npu_share == 1.0


def test_unknown_accelerator(export):
    with pytest.raises(ValueError, match=r"`accelerator` must be .* mean 'ethos-u55-128'"):
        compile_for_npu(export("int8", "int8"), "ethos-u55-129")


@pytest.mark.parametrize("content", [None, b"", b"not a model at all"])
def test_what_is_no_tflite_file(content, tmp_path):
    path = tmp_path / "m.tflite"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=r"`path` must name a \.tflite file"):
        compile_for_npu(path)


def test_file_that_kills_vela(tmp_path):
    path = tmp_path / "m.tflite"
    path.write_bytes(b"XXXXTFL3")
    with pytest.raises(ValueError, match=r"Vela (cannot read|refuses) .*m\.tflite"):
        compile_for_npu(path)


def test_crash_names_the_signal(export, monkeypatch):
    def crash(command, **options):
        return subprocess.CompletedProcess(command, -11, "", "")

    path = export("int8", "int8")
    monkeypatch.setattr(npu.subprocess, "run", crash)
    with pytest.raises(ValueError, match=r"Vela cannot read .*: it died of signal SIGSEGV"):
        compile_for_npu(path)


def test_refusal_has_velas_own_reason(export, monkeypatch):
    def refuse(command, **options):
        return subprocess.CompletedProcess(command, 1, "Traceback\n", "RuntimeError: too odd\n")

    path = export("int8", "int8")
    monkeypatch.setattr(npu.subprocess, "run", refuse)
    with pytest.raises(ValueError, match=r"Vela refuses .*\.tflite: RuntimeError: too odd$"):
        compile_for_npu(path)


def test_vela_is_stopped_in_time(export):
    with pytest.raises(ValueError, match=r"still busy with .* after 0\.01 s"):
        compile_for_npu(export("int8", "int8"), timeout_s=0.01)


def test_missing_vela_says_how_to_install_it(export, monkeypatch):
    path = export("int8", "int8")
    monkeypatch.setattr(npu.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(
        RuntimeError, match=r"Install it with pip install 'keras-cv-course\[micro\]'"
    ):
        compile_for_npu(path)
