"""Pictures for training, evaluation and calibration, in the range that a model takes."""

from keras_cv_course.data.annotations import AnnotatedPicture, Annotations
from keras_cv_course.data.augmentation import augmented
from keras_cv_course.data.box_augmentation import augmented_boxes, random_shapes
from keras_cv_course.data.box_table import table_annotations
from keras_cv_course.data.calibration import calibration_array
from keras_cv_course.data.coco import coco_annotations
from keras_cv_course.data.dataset import ImageDataset, as_arrays
from keras_cv_course.data.detection import detection_batches, detection_epochs, with_targets
from keras_cv_course.data.digits import digits
from keras_cv_course.data.epochs import Epochs, as_epochs
from keras_cv_course.data.face_augmentation import FaceDistortion, distorted_faces, face_distortion
from keras_cv_course.data.images import image_folder, labelled_folder, load_pictures
from keras_cv_course.data.labelled import (
    LabelledPictures,
    labelled_batches,
    labelled_epochs,
    split_pictures,
)
from keras_cv_course.data.largest_box import with_largest_box
from keras_cv_course.data.lfw import PicturePairs, lfw_pairs
from keras_cv_course.data.pairs import (
    all_pairs,
    balanced_batches,
    balanced_epochs,
    image_pairs,
    image_triplets,
)
from keras_cv_course.data.people import (
    People,
    digit_people,
    join_people,
    people_folder,
    split_people,
)
from keras_cv_course.data.shapes import DrawnScenes
from keras_cv_course.data.shard_reader import sharded
from keras_cv_course.data.shards import write_shards
from keras_cv_course.data.voc import voc_annotations

__all__ = [
    "AnnotatedPicture",
    "Annotations",
    "DrawnScenes",
    "Epochs",
    "FaceDistortion",
    "ImageDataset",
    "LabelledPictures",
    "People",
    "PicturePairs",
    "all_pairs",
    "as_arrays",
    "as_epochs",
    "augmented",
    "augmented_boxes",
    "balanced_batches",
    "balanced_epochs",
    "calibration_array",
    "coco_annotations",
    "detection_batches",
    "detection_epochs",
    "digit_people",
    "digits",
    "distorted_faces",
    "face_distortion",
    "image_folder",
    "image_pairs",
    "image_triplets",
    "join_people",
    "labelled_batches",
    "labelled_epochs",
    "labelled_folder",
    "lfw_pairs",
    "load_pictures",
    "people_folder",
    "random_shapes",
    "sharded",
    "split_people",
    "split_pictures",
    "table_annotations",
    "voc_annotations",
    "with_largest_box",
    "with_targets",
    "write_shards",
]
