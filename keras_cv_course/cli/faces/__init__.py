"""`keras-cv-course faces`: whose face is it, and do two images show one person."""

import typer

from keras_cv_course.cli.faces import analyze, enroll, evaluate, identify, remove, verify

_COMMANDS = (enroll, verify, identify, remove, analyze, evaluate)

app = typer.Typer(
    name="faces",
    help="Enroll people by their faces, recognize them, and measure how well that works.",
    no_args_is_help=True,
)
for _module in _COMMANDS:
    app.command(_module.__name__.rpartition(".")[2])(_module.command)
