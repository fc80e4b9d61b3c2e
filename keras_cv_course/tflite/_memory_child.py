"""Child process of `benchmark`: prints by how many bytes running a file makes a process grow.

Prints null on a system that does not report it.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_RESET_PEAK = "5"


def _resident_bytes(field: str) -> int:
    """Returns VmRSS (now) or VmHWM (peak).

    getrusage is no substitute: its peak is inherited from the process that started this one.
    """
    for line in _STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise RuntimeError(f"{_STATUS} has no line {field}.")


def _run(path: str, num_threads: int) -> None:
    interpreter = Interpreter(path, num_threads=num_threads)
    interpreter.allocate_tensors()
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
    interpreter.invoke()


def main() -> None:
    """Runs the file and the number of threads that the command line names."""
    path, num_threads = sys.argv[1], int(sys.argv[2])
    growth = None
    if _STATUS.exists():
        _CLEAR_REFS.write_text(_RESET_PEAK)
        before = _resident_bytes("VmRSS")
        _run(path, num_threads)
        growth = max(_resident_bytes("VmHWM") - before, 0)
    print(json.dumps(growth))  # noqa: T201


if __name__ == "__main__":
    main()
