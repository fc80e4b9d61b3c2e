"""The published weights of face networks: where they are, whose they are, and how they come here.

None of them is part of this package. Each was trained on photographs that have terms of their own,
many of them for research only: whoever uses the weights must know these.
"""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from keras_cv_course._validation import check_choice
from keras_cv_course.faces.weights_manifest import read_manifest

_LOG = logging.getLogger(__name__)

_COMMIT = "ad61f77ea2962809bed52b5b18966fea80ab1273"
BASE_URL = f"https://raw.githubusercontent.com/vladmandic/face-api/{_COMMIT}/model"
_CACHE = f"models/face_api_{_COMMIT[:8]}"
LICENCE = "MIT, copyright (c) Vladimir Mandic"


@dataclass(frozen=True)
class Published:
    """The weights of one network.

    Attributes:
        file: What the names of its files begin with.
        manifest_sha256: SHA-256 of the manifest.
        numbers_sha256: SHA-256 of the file of numbers.
        trained_on: The photographs, as the authors name them.
    """

    file: str
    manifest_sha256: str
    numbers_sha256: str
    trained_on: str

    @property
    def manifest(self) -> str:
        """Name of the manifest."""
        return f"{self.file}-weights_manifest.json"

    @property
    def sha256(self) -> dict[str, str]:
        """SHA-256 by file name; the manifest first."""
        return {self.manifest: self.manifest_sha256, f"{self.file}.bin": self.numbers_sha256}


PUBLISHED = {
    "recognition": Published(
        "face_recognition_model",
        "cbaffa501b0b9275a12b63357a6843e7e30c054e1c9151e1a5f879b26e32986b",
        "b413e420d6840b2775fba32008db6f3cddb07d485967fb42cfcf379c16a8c589",
        "about 3 million faces, among them FaceScrub and VGG (dlib, Davis King)",
    ),
    "ssd_detector": Published(
        "ssd_mobilenetv1_model",
        "888f744dffbc84f5f060d1f8427d9742341943a2dfaaf9205d10029b7e7a2955",
        "2835640602d53718aa6ae9a42896327eaa21beefed056c218d32ca7d79e1e2f8",
        "WIDER FACE",
    ),
    "tiny_detector": Published(
        "tiny_face_detector_model",
        "5d1af4849ac48d5b985f4a9b16010c512353ddd6fcc63d50fd0bc9e9e64296e5",
        "b7503ce7df31039b1c43316a9b865cab6a70dd748cc602d3fa28b551503c3871",
        "about 14,000 photographs of its author",
    ),
    "landmarks": Published(
        "face_landmark_68_model",
        "ca4886639f86e99b39fed0c155f81b63317225773bd9616716e887b0153389c9",
        "4611ef65c87d836d03d684b30eec4d195d8b219fa1dd58fc58945831c6b9299b",
        "about 35,000 faces",
    ),
    "tiny_landmarks": Published(
        "face_landmark_68_tiny_model",
        "9a1a5dd19fd814fd5095c3cb58f8e0d3193b8c5b9a6715b30a69d559aea31ad4",
        "b98e9f2f7da76f8a6dda9741a36ed485b224b889d552de2b2c1bb16217f67bfc",
        "about 35,000 faces",
    ),
    "age_gender": Published(
        "age_gender_model",
        "74b60bf3ebf981bf4e661e9cca3a185614e10b25d797118b62e2a68d3ff2569f",
        "49f92bbc0afef2342c4385e4a2b0acb6d7a727c6f0aa539499719a81acf9abaa",
        "UTKFace, FG-NET, ChaLearn, Wiki, IMDB, CACD and MegaAge",
    ),
    "expressions": Published(
        "face_expression_model",
        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
        "public sets and photographs of the web",
    ),
}


def published_arrays(network: str, weights: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Returns the published arrays of a network by their names in the manifest.

    Args:
        network: A key of `PUBLISHED`.
        weights: "pretrained" fetches them once, from one fixed version of the repository
            vladmandic/face-api, and keeps them in Keras' folder. Else the folder that holds the
            two files, or the manifest in it.

    Raises:
        FileNotFoundError: If the folder or a file is missing.
        OSError: If they cannot be fetched.
        ValueError: If a file is not the published one.
    """
    check_choice("network", network, PUBLISHED)
    published = PUBLISHED[network]
    if weights == "pretrained":
        path = _fetched(published)
    else:
        path = Path(weights).expanduser()
        path = path / published.manifest if path.is_dir() else path
        if path.name != published.manifest:
            raise ValueError(
                "`weights` must be None, 'pretrained', a folder with the files "
                f"{' and '.join(published.sha256)}, or the first of them. Received: "
                f"{os.fspath(weights)!r}. Weights that you trained are read by "
                "model.load_weights(path)."
            )
    return read_manifest(path, published.sha256)


def _fetched(published: Published) -> Path:
    """Returns the path of the manifest, whose files were fetched unless they are here."""
    _LOG.warning(
        "%s (%s; trained on %s, whose terms are their own) is read from %s, once.",
        published.file,
        LICENCE,
        published.trained_on,
        BASE_URL,
    )
    paths = []
    for name, sha256 in published.sha256.items():
        try:
            fetched = keras.utils.get_file(
                name,
                f"{BASE_URL}/{name}",
                cache_subdir=_CACHE,
                file_hash=sha256,
                hash_algorithm="sha256",
            )
        except Exception as error:  # Keras raises a bare Exception when a download fails.
            raise OSError(
                f"{BASE_URL}/{name} could not be fetched: {error}. Check the network, or give the "
                "folder of the files as `weights`."
            ) from error
        paths.append(Path(fetched))
    return paths[0]


def fill(model: keras.Model, arrays: Mapping[str, Sequence[np.ndarray]], source: str) -> None:
    """Sets all weights of a network, or none if they do not fit.

    Args:
        model: The network; changed in place.
        arrays: By layer, the values of its weights in Keras' order. Layers whose weights are
            constants of the architecture are not among them.
        source: Where they come from, for the message.

    Raises:
        ValueError: If a layer is missing or has weights of other shapes.
    """
    layers = {layer.name: layer for layer in model.layers if layer.trainable_weights}
    for name, layer in layers.items():
        wanted = [tuple(weight.shape) for weight in layer.weights]
        shapes = [array.shape for array in arrays.get(name, ())]
        if shapes != wanted:
            raise ValueError(
                f"{source} does not fit this network: layer {name!r} has weights of {wanted}, "
                f"and there are {shapes}."
            )
    for name, layer in layers.items():
        layer.set_weights(list(arrays[name]))
