"""Images for training, evaluation and calibration, in the range that a model takes."""

from typing import TYPE_CHECKING

from keras_cv_course._lazy import lazy_names

if TYPE_CHECKING:
    from keras_cv_course.data.annotations import AnnotatedImage as AnnotatedImage
    from keras_cv_course.data.annotations import Annotations as Annotations
    from keras_cv_course.data.augmentation import augmented as augmented
    from keras_cv_course.data.box_augmentation import augmented_boxes as augmented_boxes
    from keras_cv_course.data.box_augmentation import random_shapes as random_shapes
    from keras_cv_course.data.box_table import table_annotations as table_annotations
    from keras_cv_course.data.calibration import calibration_array as calibration_array
    from keras_cv_course.data.coco import coco_annotations as coco_annotations
    from keras_cv_course.data.coco_masks import coco_masks as coco_masks
    from keras_cv_course.data.dataset import ImageDataset as ImageDataset
    from keras_cv_course.data.dataset import as_arrays as as_arrays
    from keras_cv_course.data.detection import detection_batches as detection_batches
    from keras_cv_course.data.detection import detection_epochs as detection_epochs
    from keras_cv_course.data.detection import with_targets as with_targets
    from keras_cv_course.data.digits import digits as digits
    from keras_cv_course.data.epochs import Epochs as Epochs
    from keras_cv_course.data.epochs import as_epochs as as_epochs
    from keras_cv_course.data.face_augmentation import FaceDistortion as FaceDistortion
    from keras_cv_course.data.face_augmentation import distorted_faces as distorted_faces
    from keras_cv_course.data.face_augmentation import face_distortion as face_distortion
    from keras_cv_course.data.images import image_folder as image_folder
    from keras_cv_course.data.images import labelled_folder as labelled_folder
    from keras_cv_course.data.images import load_images as load_images
    from keras_cv_course.data.labelled import LabelledImages as LabelledImages
    from keras_cv_course.data.labelled import labelled_batches as labelled_batches
    from keras_cv_course.data.labelled import labelled_epochs as labelled_epochs
    from keras_cv_course.data.labelled import split_images as split_images
    from keras_cv_course.data.largest_box import with_largest_box as with_largest_box
    from keras_cv_course.data.lfw import ImagePairs as ImagePairs
    from keras_cv_course.data.lfw import lfw_pairs as lfw_pairs
    from keras_cv_course.data.mask_folders import folder_masks as folder_masks
    from keras_cv_course.data.mask_folders import voc_masks as voc_masks
    from keras_cv_course.data.masks import SegmentationImage as SegmentationImage
    from keras_cv_course.data.masks import SegmentationImages as SegmentationImages
    from keras_cv_course.data.masks import read_mask as read_mask
    from keras_cv_course.data.pairs import all_pairs as all_pairs
    from keras_cv_course.data.pairs import balanced_batches as balanced_batches
    from keras_cv_course.data.pairs import balanced_epochs as balanced_epochs
    from keras_cv_course.data.pairs import image_pairs as image_pairs
    from keras_cv_course.data.pairs import image_triplets as image_triplets
    from keras_cv_course.data.people import People as People
    from keras_cv_course.data.people import digit_people as digit_people
    from keras_cv_course.data.people import join_people as join_people
    from keras_cv_course.data.people import people_folder as people_folder
    from keras_cv_course.data.people import split_people as split_people
    from keras_cv_course.data.photographs import read_photograph as read_photograph
    from keras_cv_course.data.segmentation import segmentation_epochs as segmentation_epochs
    from keras_cv_course.data.shapes import DrawnMasks as DrawnMasks
    from keras_cv_course.data.shapes import DrawnScenes as DrawnScenes
    from keras_cv_course.data.shard_reader import sharded as sharded
    from keras_cv_course.data.shards import write_shards as write_shards
    from keras_cv_course.data.voc import voc_annotations as voc_annotations
else:
    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "annotations": ("AnnotatedImage", "Annotations"),
            "augmentation": ("augmented",),
            "box_augmentation": ("augmented_boxes", "random_shapes"),
            "box_table": ("table_annotations",),
            "calibration": ("calibration_array",),
            "coco": ("coco_annotations",),
            "coco_masks": ("coco_masks",),
            "dataset": ("ImageDataset", "as_arrays"),
            "detection": ("detection_batches", "detection_epochs", "with_targets"),
            "digits": ("digits",),
            "epochs": ("Epochs", "as_epochs"),
            "face_augmentation": ("FaceDistortion", "distorted_faces", "face_distortion"),
            "images": ("image_folder", "labelled_folder", "load_images"),
            "labelled": (
                "LabelledImages",
                "labelled_batches",
                "labelled_epochs",
                "split_images",
            ),
            "largest_box": ("with_largest_box",),
            "lfw": ("ImagePairs", "lfw_pairs"),
            "mask_folders": ("folder_masks", "voc_masks"),
            "masks": ("SegmentationImage", "SegmentationImages", "read_mask"),
            "pairs": (
                "all_pairs",
                "balanced_batches",
                "balanced_epochs",
                "image_pairs",
                "image_triplets",
            ),
            "people": ("People", "digit_people", "join_people", "people_folder", "split_people"),
            "photographs": ("read_photograph",),
            "segmentation": ("segmentation_epochs",),
            "shapes": ("DrawnMasks", "DrawnScenes"),
            "shard_reader": ("sharded",),
            "shards": ("write_shards",),
            "voc": ("voc_annotations",),
        },
    )
