"""Opens a gallery that is there, so that a mistyped name makes no new one."""

from pathlib import Path

from keras_cv_course.faces.gallery import FaceGallery


def existing_gallery(uri: str, token: str | None) -> FaceGallery:
    """Returns an open gallery.

    Args:
        uri: Its folder, or the address of a server.
        token: For a server that asks for it.

    Raises:
        FileNotFoundError: If there is no such folder.
    """
    if "://" not in uri and not Path(uri).expanduser().exists():
        raise FileNotFoundError(f"There is no gallery {uri}. Make one with `faces enroll`.")
    return FaceGallery(uri, token)
