"""A network in a second, whose layers are named and grouped like those of the package."""

import keras

from keras_cv_course.backbones._build import Head, finish, make_input
from keras_cv_course.backbones._options import BuildOptions
from keras_cv_course.backbones._weights import ImageNet
from keras_cv_course.blocks.convolution import ConvStyle, conv_bn_activation
from keras_cv_course.registry import Traits

SHAPE = (32, 32, 3)


def tiny_network(classes=5, convolutional=False, classifier_activation="softmax", stages=3):
    """Returns a stem, blocks of 4, 6, 8, … filters, a top of 16 features and a classifier."""
    keras.utils.set_random_seed(0)
    options = BuildOptions(
        32,
        SHAPE,
        classes=classes,
        classifier_activation=classifier_activation,
        name="tiny",
        traits=Traits(head="conv" if convolutional else "dense"),
    )
    style = ConvStyle("relu", 0.5)
    image = make_input(options)
    x = conv_bn_activation(image, 4, 3, style, "stem", strides=2)
    for stage in range(1, stages + 1):
        filters = 2 + 2 * stage
        x = conv_bn_activation(x, filters, 3, style, f"stage{stage}_block1_project", strides=2)
    x = conv_bn_activation(x, 16, 1, style, "top")
    return finish(x, image, options, Head(0.0), ImageNet())
