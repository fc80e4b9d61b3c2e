import keras
import numpy as np
import pytest
from contracts.tiny_body import tiny_body

from keras_cv_course import LRASPP, FCN8s, FCN16s, FCN32s, MobileNetV2, SegNet, UNet, build_model
from keras_cv_course.networks.specs import spec_of
from keras_cv_course.registry import MODELS

# The smallest network of each kind, of 32x64 pixels and three classes.
SHAPE = (32, 64, 3)


def body(shape=SHAPE):
    return tiny_body(shape)


SMALL = {
    "unet": lambda shape: UNet(None, 3, shape, 4, 2, "same", batch_norm=True),
    "unet_bilinear": lambda shape: UNet(None, 3, shape, 4, 2, "same", upsampling="bilinear"),
    "unet_backbone": lambda shape: UNet(body(shape), 3, decoder_filters=(16, 8)),
    "fcn32s": lambda shape: FCN32s(body(shape), 3),
    "fcn16s": lambda shape: FCN16s(body(shape), 3),
    "fcn8s": lambda shape: FCN8s(body(shape), 3),
    "segnet": lambda shape: SegNet(3, shape, alpha=0.05),
    "lraspp": lambda shape: LRASPP(body(shape), 3, filters=16),
}


def trainable(model):
    return sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)


@pytest.mark.usefixtures("weightless")
def test_published_numbers_of_parameters():
    assert UNet().count_params() == 31_030_658
    assert UNet(input_shape=(572, 572, 3)).count_params() == 31_031_810
    fcn = [[f(classes=c).count_params() for f in (FCN32s, FCN16s, FCN8s)] for c in (21, 11)]
    assert fcn == [[136_152_917, 134_815_994, 134_489_759], [134_801_227, 134_437_094, 134_348_929]]
    assert [trainable(SegNet(classes)) for classes in (12, 11)] == [29_449_932, 29_449_355]
    assert trainable(LRASPP()) == 3_221_538  # torchvision's


@pytest.mark.usefixtures("weightless")
def test_sizes_of_the_paper_s_u_net():
    model = UNet()
    names = [f"encoder{i}_2_activation" for i in (1, 2, 3, 4)]
    assert [model.get_layer(name).output.shape[1] for name in names] == [568, 280, 136, 64]
    assert model.get_layer("bottom_2_activation").output.shape[1:] == (28, 28, 1024)
    ups = [model.get_layer(f"decoder{i}_2_activation").output.shape[1] for i in (4, 3, 2, 1)]
    assert ups == [52, 100, 196, 388]
    assert model.output_shape == (None, 388, 388, 2)


SLOW = ("segnet",)


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in SMALL]
)
def test_it_learns_saves_and_gives_scores_for_each_pixel(name, rng, tmp_path):
    from keras_cv_course import load_model
    from keras_cv_course.losses import SegmentationLoss

    model = SMALL[name](SHAPE)
    assert model.output_shape == (None, 32, 64, 3)
    assert model.layers[-1].name == "logits"
    images = rng.uniform(0, 1, (2, *SHAPE)).astype("float32")
    masks = (images[..., 0] > 0.5).astype("uint8")
    masks[:, :4] = 255
    model.compile(keras.optimizers.Adam(1e-3), SegmentationLoss())
    history = model.fit(images, masks, batch_size=2, epochs=8, verbose=0).history["loss"]
    assert min(history[4:]) < history[0]
    model.save(tmp_path / "model.keras")
    again = load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(again(images), model(images), atol=1e-6)


@pytest.mark.parametrize("name", [name for name in SMALL if name != "segnet"])
def test_any_larger_size_is_taken(name, rng):
    model = SMALL[name]((None, None, 3))
    assert model(np.zeros((1, 64, 96, 3), np.float32)).shape == (1, 64, 96, 3)


def test_probabilities_sum_up_to_one(rng):
    model = UNet(None, 4, (16, 16, 3), 4, 2, "same", classifier_activation="softmax")
    scores = np.asarray(model(rng.uniform(0, 1, (2, 16, 16, 3))))
    np.testing.assert_allclose(scores.sum(-1), 1, atol=1e-5)


def test_scores_of_finer_maps_begin_as_nothing(rng):
    """So an FCN-8s begins as the FCN-32s of the same weights enlarged in three steps."""
    model = FCN8s(body(), 3, dropout_rate=0.0)
    image = rng.uniform(-1, 1, (1, *SHAPE)).astype("float32")
    coarse = keras.Model(model.input, model.get_layer("score_P5_conv").output)(image)
    for name in ("score_P4_up", "score_P3_up", "logits"):
        coarse = model.get_layer(name)(coarse)
    np.testing.assert_allclose(model(image), coarse, atol=1e-6)
    strides = [FCN32s, FCN16s, FCN8s]
    kernels = [f(body(), 3).get_layer("logits").kernel_size for f in strides]
    assert kernels == [(64, 64), (32, 32), (16, 16)]


def test_builders_are_found_by_name():
    assert build_model("SegNet", classes=2, input_shape=(32, 32, 3), alpha=0.05).name == "segnet"
    kinds = {name for name, entry in MODELS.items() if entry.kind == "segmenter"}
    ranges = [spec_of(SMALL[name](SHAPE)).input_range for name in ("unet", "segnet")]
    assert ranges == [(0.0, 1.0)] * 2
    assert spec_of(LRASPP("mobilenet_v3_small", 3, SHAPE)).input_range == (0.0, 255.0)
    assert kinds == {"unet", "fcn32s", "fcn16s", "fcn8s", "segnet", "lraspp"}


def test_what_does_not_fit_is_refused():
    with pytest.raises(
        ValueError, match=r"multiples of 32.*\(33, 64, 3\)\. Nearest: \(32, 64, 3\)"
    ):
        UNet("mobilenet_v2", 3, (33, 64, 3))
    with pytest.raises(ValueError, match=r"multiples of 4.*Nearest: \(32, 32, 3\)"):
        UNet(None, 3, (32, 30, 3), 4, 2, "same")
    with pytest.raises(ValueError, match=r"too small for convolutions without padding"):
        UNet(None, 3, (32, 32, 3), 4, 4)
    with pytest.raises(ValueError, match=r"must be known where `padding` is 'valid'"):
        UNet(None, 3, (None, None, 3))
    with pytest.raises(
        ValueError, match=r"`filters` is of a U-Net without backbone\. Received: 32"
    ):
        UNet(body(), 3, filters=32)
    with pytest.raises(ValueError, match=r"`decoder_filters` must be one to four"):
        UNet(body(), 3, decoder_filters=())
    with pytest.raises(ValueError, match=r"`classes` must be at most 255"):
        SegNet(300)
    with pytest.raises(
        ValueError, match=r"`backbone` must be one of .* Did you mean 'mobilenet_v2"
    ):
        FCN8s("mobilenet_v22", 3)
    with pytest.raises(TypeError, match=r"`backbone` must be a classifier's name"):
        LRASPP(7, 3)
    with pytest.raises(ValueError, match=r"must make of one image a feature map"):
        LRASPP(MobileNetV2((32, 32, 3), alpha=0.35, classes=2), 3)
    with pytest.raises(TypeError, match=r"UNet\(\) has no argument `num_classes`\. Use `classes`"):
        UNet(num_classes=3)
