"""Reads damaged files in a process of its own: `fuzz_child.py corpus scratch`, jobs on stdin.

A job is a line of JSON: the name of a reader or a command, and a seed. The answer is a line: what was wrong, or
null. Before it, "." says that the job has begun.
"""

import contextlib
import json
import os
import random
import resource
import shutil
import sys
import traceback
import warnings
from pathlib import Path

from commands import ROWS
from mutations import damage
from option_values import LINES, outcome, spoiled

from keras_cv_course._validation import shortened

_FREE_BYTES = 3 * 2**30
_ROWS = {row.name: row for row in ROWS}
_ERRORS = (ValueError, OSError, TypeError)


def case(corpus: Path, scratch: Path, name: str, seed: int) -> tuple[Path, str]:
    """Returns a folder with a damaged file, and the file's name."""
    row = _ROWS[name]
    folder = scratch / f"{name}_{seed}"
    shutil.copytree(corpus / name, folder)
    files = sorted(path for pattern in row.files for path in folder.glob(pattern))
    path = files[seed % len(files)]
    damage(path, f"{name}/{seed}")
    return folder, str(path.relative_to(folder))


def verdict(corpus: Path, scratch: Path, name: str, seed: int) -> str | None:
    """Returns what is wrong with how a damaged file is read; None if it is refused or sound."""
    folder, file = case(corpus, scratch, name, seed)
    try:
        _ROWS[name].read(folder)
    except _ERRORS as error:
        # A file of the folder, or the folder itself, also that which it is a copy of; a name may be
        # cut out of a longer path.
        text = str(error)
        names = (folder.name, Path(file).name, f"{corpus.name}/{name}/")
        if not any(each in text for each in names):
            return f"{file}: names no file: {type(error).__name__}: {text[:300]}"
        if len(text) > 4000:
            return f"{file}: a message of {len(text):,} characters"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{file}: {type(error).__name__}: {str(error)[:300]} ({place.filename}:{place.lineno})"
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def line_verdict(corpus: Path, scratch: Path, command: str, seed: int) -> str | None:
    """Returns what is wrong with how a command takes a value that is nonsense."""
    folder = scratch / f"line_{seed}"
    shutil.copytree(corpus / LINES[command][0], folder)
    line = random.Random(f"{command}/{seed}").choice(list(spoiled(command)))
    try:
        outcome(command, line, folder)
    except Exception as error:
        return f"{command} {shortened(line)}: {type(error).__name__}: {str(error)[:1000]}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def main(corpus: str, scratch: str) -> None:
    """Answers every line of the standard input."""
    warnings.simplefilter("ignore")
    import tensorflow as tf

    tf.config.threading.set_inter_op_parallelism_threads(2)
    tf.config.threading.set_intra_op_parallelism_threads(2)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (used + _FREE_BYTES, hard))
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            answers.write(".\n")
            answers.flush()
            name, seed = json.loads(line)
            decide = line_verdict if name in LINES else verdict
            with contextlib.redirect_stdout(sys.stderr):
                answer = decide(Path(corpus), Path(scratch), name, seed)
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
