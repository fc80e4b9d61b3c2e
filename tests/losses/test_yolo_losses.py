import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_cv_course.detectors.joined_heads import join_heads
from keras_cv_course.losses.yolo import YOLOv2Loss, YOLOv3Loss
from keras_cv_course.losses.yolo_v1 import YOLOv1Loss
from keras_cv_course.ops.anchors import AnchorMap, anchor_boxes, anchor_strides
from keras_cv_course.ops.boxes import ciou
from keras_cv_course.ops.target_encoding import encode_yolo_targets

F32 = np.float32
SIZE = 32.0
CLASSES = 3


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, float)))


def numpy_iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


def from_middle(x, y, width, height):
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2]


@pytest.fixture
def scene(rng):
    """Two images, one without boxes, on two maps; and heads that happen to hit a box."""
    maps = [
        AnchorMap(4, 4, (8, 8), ((6, 6), (10, 5))),
        AnchorMap(2, 2, (16, 16), ((16, 16), (12, 24))),
    ]
    anchors, strides = anchor_boxes(maps), anchor_strides(maps)
    boxes = np.zeros((2, 3, 4), F32)
    boxes[0, 0] = from_middle(13, 9, 11, 5)  # cell (1, 1), the wide anchor: number 11
    boxes[0, 1] = from_middle(20, 22, 17, 15)  # the coarse map, cell (1, 1): number 38
    labels = np.array([[2, 0, -1], [-1, -1, -1]])
    weights = np.array([[0.5, 1, 1], [1, 1, 1]], F32)
    heads = rng.normal(0, 0.5, (2, 40, 5 + CLASSES)).astype(F32)
    # The neighbour of the first box's anchor predicts that box.
    heads[0, 10, :4] = [np.log(0.625 / 0.375), np.log(0.125 / 0.875), np.log(11 / 6), np.log(5 / 6)]
    targets = encode_yolo_targets(boxes, labels, weights, anchors=anchors, strides_px=strides)
    return {
        "anchors": anchors,
        "strides": strides,
        "boxes": boxes,
        "real": labels >= 0,
        "matches": {(0, 11): (0, 2, 0.5), (0, 38): (1, 0, 1.0)},
        "targets": np.asarray(targets),
        "heads": heads,
    }


def predicted(scene, image, i):
    x, y, width, height = scene["heads"][image, i, :4].astype(float)
    anchor, stride = scene["anchors"][i].astype(float), scene["strides"][i]
    middle = (anchor[:2] + anchor[2:]) / 2 + (sigmoid([x, y]) - 0.5) * stride
    return from_middle(*middle, *((anchor[2:] - anchor[:2]) * np.exp([width, height])))


def squared_codes(scene, image, i, box):
    codes = scene["heads"][image, i, :4].astype(float)
    anchor, stride = scene["anchors"][i].astype(float), scene["strides"][i]
    middle, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
    corner = (anchor[:2] + anchor[2:]) / 2 - stride / 2
    off = np.concatenate(
        [
            sigmoid(codes[:2]) - (middle - corner) / stride,
            codes[2:] - np.log(sides / (anchor[2:] - anchor[:2])),
        ]
    )
    return (off**2).sum() / 2


def numpy_loss(scene, positive, negative, ignore):
    """Sums over anchors one by one; `positive(image, i, box, label)`, `negative(objectness)`."""
    total, ignored = 0.0, []
    for image in range(2):
        for i in range(40):
            if (image, i) in scene["matches"]:
                index, label, weight = scene["matches"][image, i]
                total += weight * positive(image, i, scene["boxes"][image, index], label)
                continue
            box = predicted(scene, image, i)
            real = scene["boxes"][image][scene["real"][image]]
            if max((numpy_iou(box, other) for other in real), default=0) > ignore:
                ignored.append((image, i))
            else:
                total += negative(scene["heads"][image, i, 4])
    return total / 2, ignored


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_v3_as_in_numpy(scene, smoothing):
    def positive(image, i, box, label):
        _, objectness, *logits = np.split(scene["heads"][image, i], [4, 5, 6, 7])
        share = np.prod(box[2:] - box[:2]) / SIZE**2
        error = (2 - share) * squared_codes(scene, image, i, box)
        error -= np.log(sigmoid(objectness[0]))
        for c, logit in enumerate(logits):
            t = 1 - smoothing if c == label else smoothing / (CLASSES - 1)
            p = sigmoid(logit[0])
            error -= t * np.log(p) + (1 - t) * np.log(1 - p)
        return error

    expected, ignored = numpy_loss(scene, positive, lambda o: -np.log(1 - sigmoid(o)), 0.5)
    assert (0, 10) in ignored
    loss = YOLOv3Loss(label_smoothing=smoothing)
    np.testing.assert_allclose(loss(scene["targets"], scene["heads"]), expected, rtol=1e-5)


def test_v2_as_in_numpy(scene):
    def positive(image, i, box, label):
        row = scene["heads"][image, i].astype(float)
        overlap = numpy_iou(predicted(scene, image, i), box)
        softmax = np.exp(row[5:]) / np.exp(row[5:]).sum()
        return (
            squared_codes(scene, image, i, box)
            + 5 * (overlap - sigmoid(row[4])) ** 2 / 2
            - np.log(softmax[label])
        )

    expected, ignored = numpy_loss(scene, positive, lambda o: sigmoid(o) ** 2 / 2, 0.6)
    assert (0, 10) in ignored
    np.testing.assert_allclose(YOLOv2Loss()(scene["targets"], scene["heads"]), expected, rtol=1e-5)


@pytest.mark.parametrize("kind", [YOLOv2Loss, YOLOv3Loss])
def test_ciou_in_place_of_squares(scene, kind):
    heads, targets = scene["heads"], scene["targets"]
    without = kind(box_weight=0.0)(targets, heads)
    loss = kind(box_loss="ciou", box_weight=3.0)(targets, heads) - without
    expected = sum(
        weight * (1 - ciou(np.array(predicted(scene, *at), F32), scene["boxes"][at[0], index]))
        for at, (index, _, weight) in scene["matches"].items()
    )
    np.testing.assert_allclose(loss, 3 * expected / 2, rtol=1e-4)


def test_an_ignored_anchor_has_no_gradient(scene):
    heads = tf.constant(scene["heads"])
    with tf.GradientTape() as tape:
        tape.watch(heads)
        loss = YOLOv3Loss()(scene["targets"], heads)
    gradient = np.abs(tape.gradient(loss, heads))
    assert gradient[0, 10].max() == 0
    assert (gradient[0, 11] > 0).all()
    assert gradient[0, 0, 4] > 0
    assert gradient[0, 0, [0, 1, 2, 3, 5, 6, 7]].max() == 0


@pytest.mark.parametrize("kind", [YOLOv1Loss, YOLOv2Loss, YOLOv3Loss])
@pytest.mark.parametrize("boxes", [0, 3])
def test_without_any_box_the_loss_is_finite(kind, boxes, rng):
    maps = [AnchorMap(2, 2, (16, 16), ((32, 32), (32, 32)))]
    targets = encode_yolo_targets(
        np.zeros((4, boxes, 4), F32),
        np.full((4, boxes), -1),
        anchors=anchor_boxes(maps),
        strides_px=anchor_strides(maps),
        version=1,
    )
    heads = tf.constant(rng.normal(size=(4, 8, 6)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(heads)
        loss = kind()(targets, heads)
    gradient = np.asarray(tape.gradient(loss, heads))
    assert 0 < loss < np.inf
    assert np.isfinite(gradient).all()
    assert (gradient[..., 4] != 0).all()
    assert np.abs(gradient[..., [0, 1, 2, 3, 5]]).max() == 0


@pytest.fixture
def v1():
    """2 x 2 cells of 16 pixels with two boxes each, and one object in the cell (0, 1)."""
    maps = [AnchorMap(2, 2, (16, 16), ((32, 32), (32, 32)))]
    boxes = np.array([[from_middle(20, 12, 8, 18)]], F32)
    return np.asarray(
        encode_yolo_targets(
            boxes,
            np.array([[1]]),
            anchors=anchor_boxes(maps),
            strides_px=anchor_strides(maps),
            version=1,
        )
    )


def test_v1_by_hand(v1):
    heads = np.zeros((1, 8, 5 + 2), F32)
    # The second box of the cell overlaps: the same middle (a quarter, three quarters), half as wide.
    heads[0, 3] = [0.25, 0.75, np.sqrt(4 / 32), np.sqrt(18 / 32), 0.4, 0, 0]
    heads[0, 2] = [0.9, 0.1, 0.1, 0.1, 0.3, 0, 0]
    heads[0, 2:4, 5:] = [0.2, 0.7]
    heads[0, 5, 4] = -0.6  # an empty cell
    width_off = np.sqrt(8 / 32) - np.sqrt(4 / 32)
    expected = (
        5 * width_off**2
        + (0.4 - 0.5) ** 2  # The overlap is a half.
        + 0.5 * (0.3**2 + 0.6**2)
        + 0.2**2
        + 0.3**2
    )
    np.testing.assert_allclose(YOLOv1Loss()(v1, heads), expected, rtol=1e-5)
    np.testing.assert_allclose(
        YOLOv1Loss(coordinate_weight=10.0, empty_weight=1.0)(v1, heads),
        expected + 5 * width_off**2 + 0.5 * (0.3**2 + 0.6**2),
        rtol=1e-5,
    )
    p = np.exp([0.2, 0.7]) / np.exp([0.2, 0.7]).sum()
    np.testing.assert_allclose(
        YOLOv1Loss(class_softmax=True)(v1, heads),
        expected - 0.2**2 - 0.3**2 + p[0] ** 2 + (1 - p[1]) ** 2,
        rtol=1e-5,
    )


def test_v1_takes_the_nearest_box_if_none_overlaps(v1):
    heads = np.zeros((1, 8, 7), F32)
    heads[0, 2] = [-0.8, 0.75, 0.1, 0.1, 0, 0, 1]
    heads[0, 3] = [-3.0, 0.75, 0.1, 0.1, 0, 0, 1]
    heads = tf.constant(heads)
    with tf.GradientTape() as tape:
        tape.watch(heads)
        loss = YOLOv1Loss()(v1, heads)
    moved = np.abs(tape.gradient(loss, heads)[0, :, :4]).max(-1) > 0
    assert moved.tolist() == [False, False, True, False, False, False, False, False]


def test_heads_are_joined_and_trained_with_plain_fit():
    """One loss for three heads learns two images by heart, and the heads' model has learned."""
    maps = [AnchorMap(2, 2, (16, 16), ((8, 8), (24, 24)))]
    places = {"anchors": anchor_boxes(maps), "strides_px": anchor_strides(maps)}
    image = keras.Input((6,))

    def head(name, values):
        flat = keras.layers.Dense(8 * values)(image)
        return keras.layers.Reshape((8, values), name=name)(flat)

    heads = {"boxes": head("boxes", 4), "classes": head("classes", 3)}
    model = keras.Model(image, heads | {"objectness": head("objectness", 1)})
    training = join_heads(model)
    assert training.output_shape == (None, 8, 8)
    images = np.eye(2, 6)
    outputs = model(images)
    np.testing.assert_array_equal(
        training(images),
        np.concatenate([outputs[name] for name in ("boxes", "objectness", "classes")], -1),
    )
    training.compile(keras.optimizers.Adam(0.1), YOLOv3Loss(box_loss="ciou"))
    boxes = np.array([[from_middle(10, 6, 9, 7)], [from_middle(20, 20, 20, 22)]], F32)
    targets = encode_yolo_targets(boxes, np.array([[2], [0]]), **places)
    data = tf.data.Dataset.from_tensors((images, targets)).repeat()
    history = training.fit(data, steps_per_epoch=40, epochs=3, verbose=0, shuffle=False).history
    assert history["loss"][-1] < 0.2 * history["loss"][0]
    joined = model(images)
    np.testing.assert_array_equal(
        np.argmax(joined["objectness"][..., 0], -1), np.argmax(targets[:, :8, 4], -1)
    )


def test_models_without_objectness_are_not_joined():
    image = keras.Input((6,))
    model = keras.Model(image, {"boxes": keras.layers.Dense(4, name="boxes")(image)}, name="ssd")
    with pytest.raises(ValueError, match=r"must be a YOLO .*Received: 'ssd' with \['boxes'\]"):
        join_heads(model)


@pytest.mark.parametrize(
    "loss",
    [
        YOLOv1Loss(3, 4.0, 0.4, True),
        YOLOv2Loss("ciou", 2.0, 4.0, 0.7),
        YOLOv3Loss("ciou", 2.0, 0.7, 0.1),
    ],
)
def test_saved_with_their_arguments(loss):
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert type(again) is type(loss)
    assert again.get_config() == loss.get_config()
    assert again.get_config() != type(loss)().get_config()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: YOLOv1Loss(0), "`boxes_per_cell`"),
        (lambda: YOLOv1Loss(coordinate_weight=-1), "`coordinate_weight`"),
        (lambda: YOLOv1Loss(empty_weight=0), "`empty_weight`"),
        (lambda: YOLOv2Loss("giou"), "`box_loss` must be one of 'mse', 'ciou'"),
        (lambda: YOLOv2Loss(objectness_weight=-1), "`objectness_weight`"),
        (lambda: YOLOv3Loss(ignore_iou=0), "`ignore_iou`"),
        (lambda: YOLOv3Loss(box_weight=-1), "`box_weight`"),
        (lambda: YOLOv3Loss(label_smoothing=1), "`label_smoothing`"),
    ],
)
def test_bad_arguments_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
