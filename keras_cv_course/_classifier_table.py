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
_CENTRED = Traits(preprocessing=True, explicit_padding=True)
_REGNETS = (2, 4, 6, 8, 16, 32, 40, 64, 80, 120, 160, 320)
_LENET = Traits(head="flatten", classifier_layers=3, min_size_px=16)
_CIFAR = Traits(min_size_px=8, preprocessing=True)

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
    Family("lenet", SIGNED, (Member("lenet5", "LeNet5"),), _LENET, size_px=32),
    Family(
        "alexnet",
        PIXELS,
        (Member("alexnet", "AlexNet"), Member("alexnet_single_tower", "AlexNetSingleTower")),
        Traits(head="flatten", classifier_layers=3, min_size_px=67, preprocessing=True),
        size_px=227,
    ),
    Family(
        "vgg",
        PIXELS,
        tuple(Member(f"vgg{n}", f"VGG{n}") for n in (11, 13, 16, 19)),
        Traits(head="flatten", classifier_layers=3, preprocessing=True),
        generic=("VGG",),
    ),
    Family("googlenet", SIGNED, (Member("googlenet", "GoogLeNet"),)),
    Family(
        "inception",
        SIGNED,
        (Member("inception_v3", "InceptionV3"), Member("inception_v4", "InceptionV4")),
        Traits(min_size_px=75),
        size_px=299,
    ),
    Family("xception", SIGNED, (Member("xception", "Xception"),), size_px=299),
    Family(
        "resnet",
        PIXELS,
        (
            *(Member(f"resnet{n}", f"ResNet{n}") for n in (18, 34, 50, 101, 152, 200)),
            Member("resnet50d", "ResNet50D"),
        ),
        _CENTRED,
        generic=("ResNet",),
    ),
    Family(
        "resnet_v2",
        SIGNED,
        tuple(Member(f"resnet{n}_v2", f"ResNet{n}V2") for n in (50, 101, 152)),
        Traits(explicit_padding=True),
        generic=("ResNetV2",),
    ),
    Family(
        "wide_resnet",
        PIXELS,
        (
            Member("wide_resnet50_2", "WideResNet50x2"),
            Member("wide_resnet101_2", "WideResNet101x2"),
        ),
        _CENTRED,
    ),
    Family(
        "resnext",
        PIXELS,
        (
            Member("resnext50_32x4d", "ResNeXt50x32x4d"),
            *(
                Member(f"resnext101_{form}", f"ResNeXt101x{form}")
                for form in ("32x4d", "32x8d", "64x4d", "2x64d")
            ),
        ),
        _CENTRED,
    ),
    Family(
        "senet",
        PIXELS,
        (
            *(Member(f"se_resnet{n}", f"SEResNet{n}") for n in (18, 50, 101, 152)),
            *(Member(f"se_resnext{n}_32x4d", f"SEResNeXt{n}x32x4d") for n in (50, 101)),
            Member("senet154", "SENet154"),
        ),
        _CENTRED,
    ),
    Family(
        "densenet",
        PIXELS,
        tuple(Member(f"densenet{n}", f"DenseNet{n}") for n in (121, 169, 201, 264)),
        _CENTRED,
        generic=("DenseNet",),
    ),
    Family("densenet", PIXELS, (Member("densenet_bc", "DenseNetBC"),), _CIFAR, size_px=32),
    Family(
        "cifar_resnet",
        PIXELS,
        (
            *(Member(f"resnet{n}", f"ResNet{n}") for n in (8, 20, 32, 44, 56, 110)),
            Member("wide_resnet28_10", "WideResNet"),
        ),
        _CIFAR,
        size_px=32,
        generic=("CifarResNet",),
    ),
    Family(
        "regnet",
        PIXELS,
        tuple(
            Member(f"regnet{family.lower()}_{n:03}", f"RegNet{family}{n:03}")
            for family in "XY"
            for n in _REGNETS
        ),
        _CENTRED,
        generic=("RegNet",),
    ),
    Family(
        "mnasnet",
        PIXELS,
        (Member("mnasnet_b1", "MnasNetB1"), Member("mnasnet_a1", "MnasNetA1")),
        _PREPROCESSED,
        generic=("MnasNet",),
    ),
    Family(
        "bit",
        SIGNED,
        tuple(
            Member(f"bit_r{form}", f"BiTR{form}")
            for form in ("50x1", "50x3", "101x1", "101x3", "152x2", "152x4")
        ),
        Traits(explicit_padding=True),
        generic=("BiT",),
    ),
    Family(
        "fractalnet",
        PIXELS,
        (Member("fractalnet", "FractalNet"),),
        Traits(min_size_px=16, preprocessing=True),
        size_px=32,
    ),
)
