"""`keras-cv-course faces remove`: takes people out of a gallery."""

from typing import Annotated

import typer

from keras_cv_course.cli.faces.options import Gallery, Token
from keras_cv_course.cli.output import Json, emit_json, emit_table


def command(
    names: Annotated[list[str], typer.Argument(help="Names of the people to remove.")],
    gallery: Gallery,
    token: Token = None,
    as_json: Json = False,
) -> None:
    """Remove people from a gallery."""
    from keras_cv_course.cli.faces.existing import existing_gallery

    with existing_gallery(gallery, token) as opened:
        removed = {name: opened.remove(name) for name in names}
        total = opened.count()
    if as_json:
        emit_json({"gallery": gallery, "faces": total, "removed": removed})
        return
    rows = [(name, str(count)) for name, count in removed.items()]
    emit_table(f"{gallery}: {total} faces", ("name", "faces removed"), rows)
