"""Child process of `validation`: loads and runs files that may crash the runtime.

Reads one path a line (a JSON string) and writes one verdict a line: JSON of the error, or null.
It imports nothing but NumPy and LiteRT, so that it starts in a fraction of a second.
"""

import json
import os
import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

# A corrupt shape can ask for terabytes. What a sound file needs: itself, its packed weights and
# its activations.
_FREE_BYTES = 4 * 2**30
_BYTES_PER_FILE_BYTE = 4


def _limit_memory(path: str) -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limit.
        return
    limit = _FREE_BYTES + _BYTES_PER_FILE_BYTE * Path(path).stat().st_size
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


def _run(path: str) -> None:
    interpreter = Interpreter(path, num_threads=1)
    interpreter.allocate_tensors()
    interpreter.get_tensor_details()
    for key in interpreter.get_signature_list():
        runner = interpreter.get_signature_runner(key)
        runner.get_input_details()
        runner.get_output_details()
        del runner
    for tensor in interpreter.get_input_details():
        interpreter.set_tensor(tensor["index"], np.zeros(tensor["shape"], tensor["dtype"]))
    interpreter.invoke()
    for tensor in interpreter.get_output_details():
        interpreter.get_tensor(tensor["index"])


def _error(path: str) -> str | None:
    try:
        _limit_memory(path)
        _run(path)
    except MemoryError:
        return "it asks for more memory than a file of its size can need"
    # The runtime raises whatever its binding makes of a C++ error; all of them are verdicts.
    except Exception as error:
        reason = " ".join(str(error).split()) or "no reason given, as when memory runs out"
        return f"LiteRT refused it: {reason}"
    return None


def main() -> None:
    """Answers every line of the standard input."""
    # The runtime prints to descriptor 1 as it likes: the verdicts keep a descriptor of their own.
    with os.fdopen(os.dup(1), "w") as verdicts:
        os.dup2(2, 1)
        for line in sys.stdin:
            verdicts.write(json.dumps(_error(json.loads(line))) + "\n")
            verdicts.flush()


if __name__ == "__main__":
    main()
