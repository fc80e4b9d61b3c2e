"""Pictures for training, evaluation and calibration, in the range that a model takes."""

from keras_cv_course.data.augmentation import augmented
from keras_cv_course.data.calibration import calibration_array
from keras_cv_course.data.dataset import ImageDataset, as_arrays
from keras_cv_course.data.digits import digits
from keras_cv_course.data.epochs import Epochs, as_epochs
from keras_cv_course.data.images import image_folder, labelled_folder, load_pictures
from keras_cv_course.data.shard_reader import sharded
from keras_cv_course.data.shards import write_shards

__all__ = [
    "Epochs",
    "ImageDataset",
    "as_arrays",
    "as_epochs",
    "augmented",
    "calibration_array",
    "digits",
    "image_folder",
    "labelled_folder",
    "load_pictures",
    "sharded",
    "write_shards",
]
