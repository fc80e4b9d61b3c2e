"""Preprocessing inside a network: pixel values to what its weights were trained on."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import KerasTensor

from keras_cv_course.names import STEM

# Mean and standard deviation of ImageNet's pixels, red, green, blue, in [0, 255], which torchvision
# and keras.applications' DenseNet take; and Caffe's mean, which its VGG and ResNet subtract.
IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_DEVIATION = (58.395, 57.12, 57.375)
CAFFE_MEAN = (123.68, 116.779, 103.939)
# Of CIFAR-10's training images, as Wide ResNet's authors have them.
CIFAR_MEAN = (125.3, 123.0, 113.9)
CIFAR_DEVIATION = (63.0, 62.1, 66.7)


def stem_normalization(
    x: KerasTensor, mean: Sequence[float], deviation: Sequence[float] | float = 1.0
) -> KerasTensor:
    """Returns `(x - mean) / deviation`, channel by channel: the layer `stem_normalization`.

    It has no weights. In an int8 file the division is part of the first convolution, and so is the
    subtraction if that convolution has no padding. Padding puts zeros, which are mean pixels,
    around the normalized image: with it the subtraction stays one ADD.

    Weights for BGR take RGB once the input channels of the first kernel are reversed, as loading
    does where `ImageNet.bgr` is set.

    Args:
        x: float tensor (batch, height, width, channels) of pixel values in [0, 255], RGB.
        mean: What is subtracted, for each channel of RGB. Images with another number of channels
            get the mean of these in each.
        deviation: Divisor, one number for all channels or one for each of RGB; above 0.
    """
    means, deviations = np.asarray(mean, np.float64), np.asarray(deviation, np.float64)
    if x.shape[-1] != len(means):
        means, deviations = np.full(x.shape[-1], means.mean()), deviations.mean()
    scale, offset = 1 / deviations, -means / deviations
    return keras.layers.Rescaling(scale.tolist(), offset.tolist(), name=f"{STEM}_normalization")(x)
