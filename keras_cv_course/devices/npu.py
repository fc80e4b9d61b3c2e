"""Compiles a .tflite file for Arm's Ethos-U neural processors with Vela, and reports its cost.

Nothing runs here: the figures are the compiler's own estimates.
"""

import csv
import dataclasses
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from keras_cv_course._atomic import write_atomic
from keras_cv_course._validation import check_choice, check_positive
from keras_cv_course.tflite import flatbuffer
from keras_cv_course.tflite._report import render
from keras_cv_course.tflite.validation import check_header

_CPU = "CPU"
_TIMEOUT_S = 600.0


@dataclass(frozen=True)
class Accelerator:
    """A processor, and the system around it that Vela assumes.

    Attributes:
        system_config: Name of clock and memories in Vela's own `Arm/vela.ini`.
        memory_mode: What lies in which memory, in the same file.
    """

    system_config: str
    memory_mode: str


_U55 = Accelerator("Ethos_U55_High_End_Embedded", "Shared_Sram")  # weights in flash
_U65 = Accelerator("Ethos_U65_High_End", "Dedicated_Sram")  # weights in DRAM

# The number is that of 8-bit multiply-adds in a cycle.
ACCELERATORS: dict[str, Accelerator] = {
    "ethos-u55-32": _U55,
    "ethos-u55-64": _U55,
    "ethos-u55-128": _U55,
    "ethos-u55-256": _U55,
    "ethos-u65-256": _U65,
    "ethos-u65-512": _U65,
}


@dataclass(frozen=True)
class NpuReport:
    """Vela's result for one file and one processor.

    Attributes:
        path: The file.
        accelerator: One of `ACCELERATORS`.
        npu_share: Share of the file's operators that the NPU runs. Vela's console prints a larger
            one where it is not 1: it counts the parts into which it splits them.
        cpu_operators: Vela's names of the operators that stay on the CPU, in order.
        sram_kib: SRAM for activations, and with Ethos-U65 for weights in use.
        dram_kib: DRAM; with Ethos-U65 the weights lie there.
        flash_kib: Flash; with Ethos-U55 the weights lie there.
        cycles_npu: Cycles that the NPU computes.
        cycles_sram: Cycles that SRAM is busy.
        cycles_dram: Cycles that DRAM is busy.
        cycles_flash: Cycles that flash is busy.
        cycles_total: Cycles of one inference; computing and memories overlap.
        macs: Multiply-adds by Vela's count, with pooling and requantization.
        macs_by_operator: The same for each kind of operator of the file.
        ms: Milliseconds of one inference at `clock_hz`, without the CPU's part.
        clock_hz: Clock of the NPU.
    """

    path: Path
    accelerator: str
    npu_share: float
    cpu_operators: tuple[str, ...]
    sram_kib: float
    dram_kib: float
    flash_kib: float
    cycles_npu: int
    cycles_sram: int
    cycles_dram: int
    cycles_flash: int
    cycles_total: int
    macs: int
    macs_by_operator: dict[str, int]
    ms: float
    clock_hz: float

    def to_dict(self) -> dict[str, Any]:
        """Returns the fields as JSON can hold them."""
        return {**dataclasses.asdict(self), "path": str(self.path)}

    def __str__(self) -> str:
        return npu_table([self])


def npu_table(reports: Sequence[NpuReport]) -> str:
    """Returns reports as a table of text, a row each.

    Args:
        reports: What `compile_for_npu` returned, for one file or several.
    """
    table = Table(title="Vela, internal compiler estimates")
    table.add_column("file", overflow="fold")
    table.add_column("accelerator", no_wrap=True)
    for title in ("on NPU", "SRAM KiB", "flash or\nDRAM KiB", "MACs", "cycles", "ms"):
        table.add_column(title, justify="right", no_wrap=True)
    for report in reports:
        table.add_row(
            escape(report.path.name),
            report.accelerator,
            f"{report.npu_share:.1%}",
            f"{report.sram_kib:,.1f}",
            f"{report.flash_kib + report.dram_kib:,.1f}",
            f"{report.macs:,}",
            f"{report.cycles_total:,}",
            f"{report.ms:.2f}",
        )
    on_cpu = [
        f"{report.path.name}, {report.accelerator}, on the CPU: "
        + ", ".join(f"{count} {name}" for name, count in Counter(report.cpu_operators).items())
        for report in reports
        if report.cpu_operators
    ]
    return render(table, *map(escape, on_cpu))


def compile_for_npu(
    path: str | os.PathLike[str],
    accelerator: str = "ethos-u55-128",
    out: str | os.PathLike[str] | None = None,
    timeout_s: float = _TIMEOUT_S,
) -> NpuReport:
    """Returns what a .tflite file costs on an Ethos-U processor, by Vela's estimate.

    A file with int8 inside and int8 or uint8 inputs and outputs runs on the NPU as a whole.
    Operators in float stay on the CPU, and their time is not in the report.

    Args:
        path: A .tflite file from anywhere.
        accelerator: One of `ACCELERATORS`.
        out: Where to write the compiled file, usually `*_vela.tflite`. It has the custom operator
            "ethos-u", which only a runtime with Arm's driver knows. None keeps no file.
        timeout_s: Seconds until Vela is stopped.

    Raises:
        ValueError: If Vela refuses the file (the message ends with its reason), dies of it or is
            not done in time; or if another argument is wrong.
        RuntimeError: If Vela is not installed.

    Reference: Arm Ltd, "Vela", package ethos-u-vela 5.2.0: the columns of `*_summary_*.csv` and
        `*_per-layer.csv`.

    Example:
        >>> compile_for_npu("vww_int8.tflite").cycles_total
        220870
    """
    check_choice("accelerator", accelerator, ACCELERATORS)
    check_positive("timeout_s", timeout_s)
    path = Path(path)
    error = check_header(path)
    if error is not None:
        raise ValueError(f"`path` must name a .tflite file. Received: {path}, and {error}.")
    _check_installed()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run(path, accelerator, folder, timeout_s)
        summary = _rows(folder, "*_summary_*.csv")[0]
        layers = _rows(folder, "*_per-layer.csv")
        if out is not None:
            write_atomic(out, _only(folder, "*_vela.tflite").read_bytes())
    return _report(path, accelerator, summary, layers)


def _check_installed() -> None:
    if importlib.util.find_spec("ethosu") is None:
        raise RuntimeError(
            "Vela must be installed in this environment. Received: no module ethosu. Install it "
            "with pip install 'keras-cv-course[micro]'."
        )


def _run(path: Path, accelerator: str, folder: Path, timeout_s: float) -> None:
    system = ACCELERATORS[accelerator]
    options = {
        "--accelerator-config": accelerator,
        "--config": "Arm/vela.ini",
        "--system-config": system.system_config,
        "--memory-mode": system.memory_mode,
        "--output-dir": str(folder),
    }
    command = [sys.executable, "-P", "-m", "ethosu.vela", str(path.resolve())]
    command += [word for option in options.items() for word in option]
    # Without it there is no *_per-layer.csv.
    command.append("--verbose-performance")
    try:
        # In the temporary folder, since Vela's options may leave files where it runs.
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            cwd=folder,
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(
            f"Vela was still busy with {path} after {timeout_s:g} s and was stopped."
        ) from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise ValueError(f"Vela cannot read {path}: it died of signal {name}.")
    if done.returncode:
        reasons = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        reason = reasons[-1].strip() if reasons else f"exit code {done.returncode}"
        raise ValueError(f"Vela refuses {path}: {reason}")


def _only(folder: Path, pattern: str) -> Path:
    (file,) = folder.glob(pattern)
    return file


def _rows(folder: Path, pattern: str) -> list[dict[str, str]]:
    with _only(folder, pattern).open(newline="") as file:
        return list(csv.DictReader(file))


def _report(
    path: Path,
    accelerator: str,
    summary: Mapping[str, str],
    layers: Sequence[Mapping[str, str]],
) -> NpuReport:
    def total(*columns: str) -> float:
        return sum(float(summary[column]) for column in columns)

    cpu = tuple(row["Original Operator"] for row in layers if row["Target"] == _CPU)
    graphs = flatbuffer.read(path.read_bytes()).subgraphs
    operators = sum(len(graph.operators or ()) for graph in graphs)
    macs: Counter[str] = Counter()
    for row in layers:
        macs[row["Original Operator"]] += int(row["MAC Count"])
    return NpuReport(
        path=path,
        accelerator=accelerator,
        npu_share=1 - len(cpu) / operators,
        cpu_operators=cpu,
        sram_kib=total("sram_memory_used"),
        dram_kib=total("dram_memory_used"),
        flash_kib=total("on_chip_flash_memory_used", "off_chip_flash_memory_used"),
        cycles_npu=int(total("cycles_npu")),
        cycles_sram=int(total("cycles_sram_access")),
        cycles_dram=int(total("cycles_dram_access")),
        cycles_flash=int(total("cycles_on_chip_flash_access", "cycles_off_chip_flash_access")),
        cycles_total=int(total("cycles_total")),
        macs=int(total("nn_macs")),
        macs_by_operator=dict(macs.most_common()),
        ms=1000 * total("inference_time"),
        clock_hz=total("core_clock"),
    )
