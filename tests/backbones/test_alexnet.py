import keras
import numpy as np
import pytest

from keras_cv_course import AlexNet, AlexNetSingleTower, complexity
from keras_cv_course.layers.grouped_convolution import GroupedConv2D


@pytest.mark.usefixtures("weightless")
@pytest.mark.parametrize(
    ("builder", "parameters"), [(AlexNet, 60_965_224), (AlexNetSingleTower, 61_100_840)]
)
def test_counts(builder, parameters):
    model = builder()
    assert complexity(model).parameters == parameters
    pools = [x.output.shape[1] for x in model.layers if isinstance(x, keras.layers.MaxPooling2D)]
    assert pools == [27, 13, 6]


@pytest.mark.usefixtures("weightless")
def test_kernels_have_the_shapes_of_the_paper():
    """Section 3.5: 96 of 11x11x3, 256 of 5x5x48, 384 of 3x3x256, 384 and 256 of 3x3x192."""
    model = AlexNet()
    kernels = [
        tuple(x.kernel.shape) for x in model.layers if len(getattr(x, "kernel_size", ())) == 2
    ]
    assert kernels == [
        (11, 11, 3, 96),
        (5, 5, 48, 256),
        (3, 3, 256, 384),
        (3, 3, 192, 384),
        (3, 3, 192, 256),
    ]
    grouped = [x.name for x in model.layers if isinstance(x, GroupedConv2D)]
    assert grouped == [f"stage{s}_block1_conv" for s in (2, 4, 5)]


def test_towers_meet_in_the_third_convolution_alone(rng):
    """What the second half of C1's filters sees reaches the second half of C2's alone."""
    model = AlexNet((67, 67, 3), alpha=0.125, include_top=False)
    second = model.get_layer("stage2_block1_activation").output
    third = model.get_layer("stage3_block1_activation").output
    both = keras.Model(model.input, [second, third])
    pixels = rng.uniform(0, 255, (1, 67, 67, 3)).astype("float32")
    before = [np.asarray(x) for x in both(pixels)]
    first = model.get_layer("stage1_block1_conv")
    kernel = first.kernel.numpy()
    kernel[..., kernel.shape[-1] // 2 :] *= -1
    first.kernel.assign(kernel)
    (old, old_third), (new, new_third) = before, [np.asarray(x) for x in both(pixels)]
    half = old.shape[-1] // 2
    np.testing.assert_array_equal(new[..., :half], old[..., :half])
    assert np.abs(new[..., half:] - old[..., half:]).max() > 0.01
    assert (np.abs(new_third - old_third).max((0, 1, 2)) > 0).mean() > 0.5


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: AlexNet(alpha=0), "`alpha`"),
        (lambda: AlexNet((67, 67, 3), alpha=0.1, weights="imagenet"), "has no AlexNet"),
    ],
)
def test_bad_options_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()
