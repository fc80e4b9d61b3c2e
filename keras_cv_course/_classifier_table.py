"""The table of classifiers, a family a row."""

from keras_cv_course._model_entry import Family, Member, Traits

SIGNED = (-1.0, 1.0)
PIXELS = (0.0, 255.0)
UNIT = (0.0, 1.0)

_EFFICIENTNET_SIZES = (224, 240, 260, 300, 380, 456, 528, 600)
_EFFICIENTNET_LITE_SIZES = (224, 240, 260, 280, 300)

_CONV_HEAD = Traits(head="conv")
_MOBILENET_V3 = Traits(head="conv", classifier_layers=2, preprocessing=True)
_PREPROCESSED = Traits(preprocessing=True)

FAMILIES = (
    Family("mobilenet", SIGNED, (Member("mobilenet", "MobileNet"),), _CONV_HEAD),
    Family("mobilenet_v2", SIGNED, (Member("mobilenet_v2", "MobileNetV2"),)),
    Family(
        "mobilenet_v3",
        PIXELS,
        (
            Member("mobilenet_v3_small", "MobileNetV3Small"),
            Member("mobilenet_v3_large", "MobileNetV3Large"),
        ),
        _MOBILENET_V3,
    ),
    Family(
        "efficientnet",
        PIXELS,
        (
            *(
                Member(f"efficientnet_b{i}", f"EfficientNetB{i}", size)
                for i, size in enumerate(_EFFICIENTNET_SIZES)
            ),
            Member("efficientnet_l2", "EfficientNetL2", 800),
        ),
        _PREPROCESSED,
        generic=("EfficientNet",),
    ),
    Family(
        "efficientnet_lite",
        SIGNED,
        tuple(
            Member(f"efficientnet_lite{i}", f"EfficientNetLite{i}", size)
            for i, size in enumerate(_EFFICIENTNET_LITE_SIZES)
        ),
        generic=("EfficientNetLite",),
    ),
    Family("darknet", UNIT, (Member("darknet19", "Darknet19"), Member("darknet53", "Darknet53"))),
)
