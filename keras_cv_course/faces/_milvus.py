"""What pymilvus and milvus-lite must provide before a gallery is opened."""

import logging.config
from pathlib import Path
from typing import Any

from keras_cv_course.faces._extras import need
from keras_cv_course.faces._gallery_folder import check_undamaged, keep_private


def import_pymilvus() -> Any:
    """Returns pymilvus, without what it does to the process's logging.

    At its import it reconfigures logging, which closes the log files of other modules, and it
    prints each error that it raises.
    """
    configure = logging.config.dictConfig
    logging.config.dictConfig = lambda config: None
    try:
        pymilvus = need("pymilvus")
    finally:
        logging.config.dictConfig = configure
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)
    return pymilvus


def checked_folder(path: Path) -> Path:
    """Returns the whole path of a folder that is a gallery or can become one.

    Raises:
        FileNotFoundError: If its parent is not there.
        ValueError: If it is something else.
    """
    if path.suffix != ".db":
        raise ValueError(
            '`uri` must be a folder whose name ends with ".db", or a server\'s address such as '
            f'"http://localhost:19530". Received: {str(path)!r}.'
        )
    path = path.expanduser().absolute()
    if path.is_file():
        raise ValueError(f"{path} is a file, and no gallery: a gallery is a folder of its own.")
    if path.is_dir() and any(path.iterdir()) and not (path / "LOCK").is_file():
        raise ValueError(f"{path} holds something else than a gallery. Give a new folder.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"There is no folder {path.parent}.")
    return path


def check_free(path: Path) -> None:
    """Raises if a folder is open elsewhere or damaged; makes it if it is not there.

    Raises:
        BlockingIOError: If it is open elsewhere.
        ValueError: If it is damaged.
    """
    milvus_lite = need("milvus_lite")
    path.mkdir(mode=0o700, exist_ok=True)
    try:
        holding = milvus_lite.MilvusLite(str(path))
    except milvus_lite.DataDirLockedError as error:
        raise open_elsewhere(path) from error
    with holding:  # No other process changes the folder meanwhile.
        keep_private(path)
        check_undamaged(path)


def open_elsewhere(path: Path) -> BlockingIOError:
    """Returns the error for a folder that another object has open."""
    return BlockingIOError(
        f"The gallery {path} is open elsewhere, in this process or another. Close it there, or "
        "share a server's address."
    )
