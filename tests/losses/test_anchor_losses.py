import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.losses.anchor_boxes import AnchorBoxLoss
from keras_cv_course.losses.focal import FocalClassLoss
from keras_cv_course.losses.multibox import MultiboxClassLoss

F32 = np.float32


def softmax_entropy(logits, label):
    shifted = np.exp(logits - logits.max())
    return -np.log(shifted[label] / shifted.sum())


def test_smooth_l1_by_hand():
    targets = np.zeros((2, 3, 5), F32)
    targets[0, 0] = [0.5, 2, -3, 0, 1]
    targets[1, 2] = [1, 1, 1, 1, 0.5]
    targets[1, 1, :4] = 100  # Nothing to find, whatever the code.
    codes = np.zeros((2, 3, 4), F32)
    # (1/8 + 3/2 + 5/2) + 0.5 * 4 * 1/2, over two matches.
    np.testing.assert_allclose(AnchorBoxLoss()(targets, codes), (4.125 + 1.0) / 2)
    # With the turn at 1/2: a square's d² and a line's |d| - 1/4.
    np.testing.assert_allclose(
        AnchorBoxLoss(0.5)(targets, codes), (0.25 + 1.75 + 2.75 + 0.5 * 3) / 2
    )
    assert AnchorBoxLoss()(targets * 0, codes + 7) == 0


def numpy_multibox(labels, weights, logits, ratio):
    total, matches = 0.0, 0
    for image in range(len(labels)):
        negatives = []
        positives = 0
        for label, weight, row in zip(labels[image], weights[image], logits[image], strict=True):
            if label >= 0:
                total += weight * softmax_entropy(row, label + 1)
                positives += 1
            elif weight > 0:
                negatives.append(softmax_entropy(row, 0))
        total += sum(sorted(negatives, reverse=True)[: ratio * positives])
        matches += positives
    return total / max(matches, 1)


def class_targets(rng, shape=(3, 40), classes=4):
    labels = np.where(rng.uniform(size=shape) < 0.1, rng.integers(0, classes, shape), -1)
    weights = np.where(rng.uniform(size=shape) < 0.1, 0.0, 1.0)
    weights = np.where(labels >= 0, rng.uniform(0.3, 1, shape), weights)
    return labels, weights, np.stack([labels, weights], -1).astype(F32)


@pytest.mark.parametrize("ratio", [1, 3])
def test_multibox_as_in_numpy(ratio, rng):
    labels, weights, targets = class_targets(rng)
    logits = rng.normal(0, 2, (3, 40, 5)).astype(F32)
    losses = MultiboxClassLoss(ratio)(targets, logits)
    np.testing.assert_allclose(losses, numpy_multibox(labels, weights, logits, ratio), rtol=1e-5)


def test_only_the_hardest_negatives_have_a_gradient():
    targets = np.array([[[1, 1]] + [[-1, 1]] * 6 + [[-1, 0]]], F32)
    logits = np.zeros((1, 8, 3), F32)
    logits[0, :, 1] = [0, 5, 1, 4, 2, 3, 0, 9]  # how sure each is of class 0; the last is ignored
    logits = tf.constant(logits)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = MultiboxClassLoss()(targets, logits)
    moved = np.abs(tape.gradient(loss, logits)[0]).max(-1) > 0
    assert moved.tolist() == [True, True, False, True, False, True, False, False]


def test_a_image_without_boxes_counts_only_if_asked():
    targets = np.tile(np.array([-1, 1], F32), (1, 10, 1))
    logits = np.zeros((1, 10, 3), F32)
    assert MultiboxClassLoss()(targets, logits) == 0
    losses = MultiboxClassLoss(least_negatives=4)(targets, logits)
    np.testing.assert_allclose(losses, 4 * np.log(3), rtol=1e-6)


def test_multibox_smoothing():
    targets = np.array([[[0, 1]]], F32)
    logits = np.array([[[0, 2, 0, 0]]], F32)
    logs = np.log(np.exp(logits[0, 0]) / np.exp(logits[0, 0]).sum())
    wanted = np.array([0.1 / 3, 0.9, 0.1 / 3, 0.1 / 3])
    losses = MultiboxClassLoss(label_smoothing=0.1)(targets, logits)
    np.testing.assert_allclose(losses, -(wanted * logs).sum(), rtol=1e-5)


def numpy_focal(labels, weights, logits, alpha, gamma):
    total, matches = 0.0, 0
    for label, weight, row in zip(labels.ravel(), weights.ravel(), logits, strict=True):
        matches += label >= 0 and weight > 0
        for c, logit in enumerate(row):
            p = 1 / (1 + np.exp(-float(logit)))
            p, a = (p, alpha) if c == label else (1 - p, 1 - alpha)
            total += weight * -a * (1 - p) ** gamma * np.log(p)
    return total / max(matches, 1)


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (0.6, 0.0), (0.5, 1.5)])
def test_focal_as_in_numpy(alpha, gamma, rng):
    labels, weights, targets = class_targets(rng)
    logits = rng.normal(0, 2, (3, 40, 4)).astype(F32)
    expected = numpy_focal(labels, weights, logits.reshape(-1, 4), alpha, gamma)
    np.testing.assert_allclose(FocalClassLoss(alpha, gamma)(targets, logits), expected, rtol=1e-5)


def test_focal_is_that_of_keras_where_keras_has_it(rng):
    labels = rng.integers(0, 4, (1, 6))
    targets = np.stack([labels, np.ones_like(labels)], -1).astype(F32)
    logits = rng.normal(size=(1, 6, 4)).astype(F32)
    mean = keras.losses.BinaryFocalCrossentropy(True, 0.25, 2.0, from_logits=True)(
        keras.ops.one_hot(labels, 4), logits
    )
    # Keras' mean over 6 anchors and 4 classes, ours over 6 matches.
    np.testing.assert_allclose(FocalClassLoss()(targets, logits), mean * 4, rtol=1e-5)


def test_focal_moves_what_is_wrong_beyond_doubt():
    """Where Keras' clipped probabilities have no gradient."""
    targets, logits = np.array([[[0, 1]]], F32), tf.constant([[[-40.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = FocalClassLoss()(targets, logits)
    np.testing.assert_allclose(loss, 0.25 * 40, rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(loss, logits), [[[-0.25]]], rtol=1e-5)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0])
def test_focal_has_a_gradient_however_sure_a_logit_is(gamma):
    targets = np.array([[[0, 1], [-1, 1]]], F32)
    logits = tf.constant([[[150.0, -150.0], [150.0, -150.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = FocalClassLoss(0.25, gamma)(targets, logits)
    # Wrong beyond doubt is only what stands in the second row and first column.
    np.testing.assert_allclose(loss, 0.75 * 150, rtol=1e-6)
    expected = [[[0, 0], [0.75, 0]]]
    np.testing.assert_allclose(tape.gradient(loss, logits), expected, rtol=1e-5, atol=1e-6)


def test_focal_at_the_prior():
    """With a prior of 0.01 all background costs next to nothing: 0.75 * 0.01² * -log 0.99 each."""
    logit = -np.log(0.99 / 0.01)
    targets = np.tile(np.array([-1, 1], F32), (1, 1000, 1))
    loss = FocalClassLoss()(targets, np.full((1, 1000, 1), logit, F32))
    np.testing.assert_allclose(loss, 1000 * 0.75 * 0.01**2 * -np.log(0.99), rtol=1e-4)


@pytest.mark.parametrize(
    ("loss", "config"),
    [
        (AnchorBoxLoss(0.3, name="a"), {"delta": 0.3}),
        (
            MultiboxClassLoss(2, 5, 0.1),
            {"negative_ratio": 2, "least_negatives": 5, "label_smoothing": 0.1},
        ),
        (FocalClassLoss(0.3, 1.0, 0.1), {"alpha": 0.3, "gamma": 1.0, "label_smoothing": 0.1}),
    ],
)
def test_saved_with_their_arguments(loss, config):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert config.items() <= again.get_config().items()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: AnchorBoxLoss(0), "`delta`"),
        (lambda: MultiboxClassLoss(0), "`negative_ratio`"),
        (lambda: MultiboxClassLoss(least_negatives=-1), "`least_negatives` must be 0 or more"),
        (lambda: MultiboxClassLoss(label_smoothing=1), "`label_smoothing`"),
        (lambda: FocalClassLoss(alpha=1.0), "`alpha`"),
        (lambda: FocalClassLoss(gamma=-1), "`gamma`"),
        (lambda: FocalClassLoss(label_smoothing=-0.1), "`label_smoothing`"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_plain_compile_and_fit_on_a_dict_of_heads(rng):
    """One image is learned by heart, and the losses are reported by head."""
    from keras_cv_course.ops.target_encoding import encode_anchor_targets

    anchors = np.array([[x, 0, x + 10, 10] for x in range(0, 40, 10)], F32)
    image = keras.Input((6,))
    heads = {
        "boxes": keras.layers.Reshape((4, 4), name="boxes")(keras.layers.Dense(16)(image)),
        "classes": keras.layers.Reshape((4, 3), name="classes")(keras.layers.Dense(12)(image)),
    }
    model = keras.Model(image, heads)
    model.compile(
        keras.optimizers.Adam(0.05), {"boxes": AnchorBoxLoss(), "classes": MultiboxClassLoss()}
    )
    boxes = np.array([[[1, 0, 9, 11], [21, 2, 33, 9]], [[0, 0, 0, 0], [0, 0, 0, 0]]], F32)
    targets = encode_anchor_targets(boxes, np.array([[1, 0], [-1, -1]]), anchors=anchors)
    data = tf.data.Dataset.from_tensors((np.eye(2, 6), targets)).repeat()
    history = model.fit(data, steps_per_epoch=40, epochs=3, verbose=0, shuffle=False).history
    assert set(history) == {"loss", "boxes_loss", "classes_loss"}
    assert history["loss"][-1] < 0.05 * history["loss"][0]
