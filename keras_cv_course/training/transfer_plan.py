"""Which way of transfer fits how much data of which kind: the course's table, and BiT's rule."""

from dataclasses import dataclass

from keras_cv_course._validation import check_whole
from keras_cv_course.training.recipe import Recipe
from keras_cv_course.training.transfer_learning import TransferPolicy

FEW = 1000
_LAST = 4
_MANY = 10
_TENTH = 0.1

# By (few images, similar task).
_TABLE = {
    (True, True): TransferPolicy(),
    (True, False): TransferPolicy(depth_features=True),
    (False, True): TransferPolicy(learning_groups=_LAST, rate_scale=_TENTH),
    (False, False): TransferPolicy(learning_groups=_MANY, rate_scale=_TENTH),
}


def plan_transfer(num_images: int, similar: bool, few: int = FEW) -> TransferPolicy:
    """Returns the policy that the course's table has for an amount of data and a kind of task.

    | | similar task | different task |
    |---|---|---|
    | few images | new classifier | linear classifier on features of several depths |
    | many images | the last 4 groups too | the last 10 groups too |

    Where more than the classifier learns, it does so at a tenth of the rate. The table itself
    says neither what few is, nor how many layers a few are: those numbers are ours.

    Args:
        num_images: Training images.
        similar: Whether the task is like the one that the network was trained for: ImageNet's
            photographs of things, for example, and not microscopy or depth maps.
        few: Below so many images, they are few.

    Raises:
        ValueError: If `num_images` or `few` is not above 0.

    Example:
        >>> plan_transfer(5000, similar=True).learning_groups
        4
    """
    check_whole("num_images", num_images)
    check_whole("few", few)
    return _TABLE[num_images < few, bool(similar)]


@dataclass(frozen=True)
class BitRule:
    """How a large pretrained network is fine-tuned, by the size of the data alone.

    Attributes:
        steps: Length of the training in steps.
        warmup_steps: Over which the rate rises.
        decay_steps: Where the rate falls to a tenth.
        resize_px: Height and width that images are resized to.
        crop_px: Height and width of the random crop from them, and of the input.
        mixup: As in `Recipe`.
        learning_rate: Of SGD with momentum 0.9, for batches of 512.
        batch: Images in a batch.

    Reference:
        Big Transfer (BiT): General Visual Representation Learning, arXiv:1912.11370, section 3.3,
        with the schedule of the authors' code.
    """

    steps: int
    warmup_steps: int
    decay_steps: tuple[int, ...]
    resize_px: int
    crop_px: int
    mixup: float
    learning_rate: float = 0.003
    batch: int = 512

    def recipe(self, num_images: int, batch: int | None = None) -> Recipe:
        """Returns the rule as a recipe for so many images.

        With another batch the rate changes in proportion, and the number of steps does not.

        Args:
            num_images: Training images.
            batch: Images in a batch, those of the rule when None.

        Raises:
            ValueError: If an argument is not above 0.
        """
        batch = batch or self.batch
        check_whole("num_images", num_images)
        check_whole("batch", batch)
        steps_per_epoch = max(-(-num_images // batch), 1)
        return Recipe(
            epochs=-(-self.steps // steps_per_epoch),
            optimizer="sgd",
            learning_rate=self.learning_rate * batch / self.batch,
            schedule="step",
            warmup_epochs=self.warmup_steps / steps_per_epoch,
            decay_epochs=tuple(step / steps_per_epoch for step in self.decay_steps),
            flip=True,
            mixup=self.mixup,
        )


# By the number of images below which it holds: warm-up, steps of decay, end, mixup.
_BIT_SCHEDULES = (
    (20_000, 100, (200, 300, 400), 500, 0.0),
    (500_000, 500, (3_000, 6_000, 9_000), 10_000, 0.1),
    (float("inf"), 500, (6_000, 12_000, 18_000), 20_000, 0.1),
)
_BIT_SMALL_AREA = 96 * 96
_BIT_SIZES = {True: (160, 128), False: (512, 480)}  # small images, and others
BIT_POLICY = TransferPolicy(learning_groups=None, train_batch_norm=True, zero_head=True)


def bit_rule(num_images: int, height: int, width: int) -> BitRule:
    """Returns BiT's rule for so many training images of a size.

    All layers learn (`BIT_POLICY`): the classifier starts at zero.

    Args:
        num_images: Training images.
        height: Of an image, in pixels.
        width: Of an image, in pixels.

    Raises:
        ValueError: If an argument is not above 0.

    Example:
        >>> bit_rule(50_000, 32, 32).steps
        10000
    """
    for name, value in (("num_images", num_images), ("height", height), ("width", width)):
        check_whole(name, value)
    row = next(row for row in _BIT_SCHEDULES if num_images < row[0])
    _, warmup, decay, end, mixup = row
    resize, crop = _BIT_SIZES[height * width < _BIT_SMALL_AREA]
    return BitRule(end, warmup, decay, resize, crop, mixup)
