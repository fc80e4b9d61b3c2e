"""`keras-cv-course benchmark`: time, size and memory of .tflite files."""

from typing import Annotated

import typer

from keras_cv_course.cli.output import Json, emit


def command(
    files: Annotated[list[str], typer.Argument(help="The .tflite files; ratios are to the first.")],
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each file.")] = 50,
    threads: Annotated[int, typer.Option(min=1, help="Threads of the kernels.")] = 1,
    as_json: Json = False,
) -> None:
    """Measure .tflite files side by side."""
    from keras_cv_course.tflite import benchmark
    from keras_cv_course.tflite.quiet import quiet

    with quiet():  # LiteRT logs its delegate.
        report = benchmark(files, runs=runs, num_threads=threads)
    emit(report, as_json)
