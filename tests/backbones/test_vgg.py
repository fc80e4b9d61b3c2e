import keras
import numpy as np

from keras_cv_course.backbones.vgg import vgg16_features


def test_computes_what_keras_applications_computes(rng):
    image = keras.Input((32, 32, 3))
    ours = keras.Model(image, vgg16_features(image)["stage5"])
    reference = keras.applications.VGG16(weights=None, include_top=False, input_shape=(32, 32, 3))
    ours.set_weights(reference.get_weights())
    images = rng.uniform(-1, 1, (2, 32, 32, 3)).astype(np.float32)
    before_pooling = keras.Model(reference.input, reference.get_layer("block5_conv3").output)
    expected = np.asarray(before_pooling(images))
    assert expected.max() > 1e-4
    np.testing.assert_allclose(ours(images), expected, atol=1e-6)
