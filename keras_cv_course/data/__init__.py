"""Pictures for training, evaluation and calibration, in the range that a model takes."""

from keras_cv_course.data.annotations import AnnotatedPicture, Annotations
from keras_cv_course.data.augmentation import augmented
from keras_cv_course.data.box_augmentation import augmented_boxes, random_shapes
from keras_cv_course.data.box_table import table_annotations
from keras_cv_course.data.calibration import calibration_array
from keras_cv_course.data.coco import coco_annotations
from keras_cv_course.data.dataset import ImageDataset, as_arrays
from keras_cv_course.data.detection import detection_batches, with_targets
from keras_cv_course.data.digits import digits
from keras_cv_course.data.images import image_folder, labelled_folder, load_pictures
from keras_cv_course.data.shapes import DrawnScenes
from keras_cv_course.data.voc import voc_annotations

__all__ = [
    "AnnotatedPicture",
    "Annotations",
    "DrawnScenes",
    "ImageDataset",
    "as_arrays",
    "augmented",
    "augmented_boxes",
    "calibration_array",
    "coco_annotations",
    "detection_batches",
    "digits",
    "image_folder",
    "labelled_folder",
    "load_pictures",
    "random_shapes",
    "table_annotations",
    "voc_annotations",
    "with_targets",
]
