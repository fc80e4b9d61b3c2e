"""What a multitask network of faces can be asked: a frozen configuration for each task."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from keras_cv_course._validation import check_choice, check_positive, check_whole

FORKS = ("early", "late")


@dataclass(frozen=True)
class Output:
    """One output of the network, and what its values mean.

    Attributes:
        name: Key in the dict of outputs and of labels.
        size: Number of values for an image.
        activation: "sigmoid" for probabilities; None for values in the unit of the task, and for
            logits.
        scale: The meaning of a value of 1 before scaling, in the unit of the task.
        offset: The meaning of a value of 0 before scaling.
        label_size: Number of values of a label; `size` where it is None.
        loss_weight: Factor of the output's loss.
    """

    name: str
    size: int
    activation: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    label_size: int | None = None
    loss_weight: float = 1.0


@dataclass(frozen=True)
class FaceTask:
    """What all tasks have in common; see the tasks themselves.

    Attributes:
        name: Name of the task, which is that of its first output.
        fork: "early" where the head forks off several feature maps of the backbone, which still
            know where things are; "late" where it forks off the pooled last one.
        hidden_units: Size of the head's own layer before its outputs.
        loss_weight: Factor of the task's loss.
    """

    name: ClassVar[str]
    fork: str = "late"
    hidden_units: int = 64
    loss_weight: float = 1.0

    def __post_init__(self) -> None:
        check_choice("fork", self.fork, FORKS)
        check_whole("hidden_units", self.hidden_units)
        check_positive("loss_weight", self.loss_weight)

    def outputs(self) -> tuple[Output, ...]:
        """Returns the outputs of the task's head."""
        return (Output(self.name, 1, "sigmoid", loss_weight=self.loss_weight),)


@dataclass(frozen=True)
class Detection(FaceTask):
    """Whether the image shows a face: the probability; label 1 for a face, else 0."""

    name: ClassVar[str] = "detection"
    fork: str = "early"


@dataclass(frozen=True)
class Landmarks(FaceTask):
    """Where the points of the face are, and with `visibility` which of them can be seen.

    Output and label "landmarks" are x0, y0, x1, y1, … from the image's centre, over its width
    and height: -0.5 is the left or upper border, 0.5 the right or lower. Hidden points have NaN
    for a label. "visibility" is a probability for each point; label 1 for seen, else 0.

    Attributes:
        points: Number of points. All-in-One has the 21 of AFLW; 68 are those of iBUG.
        visibility: Whether there is an output for it.
        visibility_weight: Factor of its loss.
    """

    name: ClassVar[str] = "landmarks"
    fork: str = "early"
    hidden_units: int = 128
    loss_weight: float = 200.0
    points: int = 68
    visibility: bool = False
    visibility_weight: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("points", self.points)
        check_positive("visibility_weight", self.visibility_weight)

    def outputs(self) -> tuple[Output, ...]:
        """Returns the points, and their visibility where it is requested."""
        # A face fills about half of an image: so the head's own values are about 1.
        points = Output(self.name, 2 * self.points, scale=0.25, loss_weight=self.loss_weight)
        seen = Output("visibility", self.points, "sigmoid", loss_weight=self.visibility_weight)
        return (points, seen) if self.visibility else (points,)


@dataclass(frozen=True)
class Pose(FaceTask):
    """How the head is turned: yaw, pitch and roll in degrees, see `faces.head_pose`."""

    name: ClassVar[str] = "pose"
    fork: str = "early"
    loss_weight: float = 0.003

    def outputs(self) -> tuple[Output, ...]:
        """Returns the three angles."""
        return (Output(self.name, 3, scale=20.0, loss_weight=self.loss_weight),)


@dataclass(frozen=True)
class Smile(FaceTask):
    """Whether the face smiles: the probability; label 1 for a smile, else 0."""

    name: ClassVar[str] = "smile"
    fork: str = "early"


@dataclass(frozen=True)
class Gender(FaceTask):
    """Which of two genders the image was labelled with: the probability of label 1.

    UTKFace has 0 for male and 1 for female.
    """

    name: ClassVar[str] = "gender"


@dataclass(frozen=True)
class Age(FaceTask):
    """How old the person looks, in years; labels as `losses.age.AgeLoss` takes them.

    Attributes:
        sigma: Standard deviation of the annotated ages in years, where labels carry none.
        gaussian_share: Lambda of the loss at the start of training, in [0, 1].
        label_size: 1 for labels of ages, 2 for ages with a standard deviation each.
    """

    name: ClassVar[str] = "age"
    loss_weight: float = 0.005
    sigma: float = 3.0
    gaussian_share: float = 0.0
    label_size: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive("sigma", self.sigma)
        check_choice("label_size", self.label_size, (1, 2))

    def outputs(self) -> tuple[Output, ...]:
        """Returns the age."""
        return (Output(self.name, 1, None, 20.0, 40.0, self.label_size, self.loss_weight),)


@dataclass(frozen=True)
class Identity(FaceTask):
    """Who of the people in training it is: logits, because an int8 softmax of thousands is flat.

    Labels are numbers of people, from 0. To recognise people who were not in training takes an
    encoder, and not this head.

    Attributes:
        people: Number of people. All-in-One has 10,548.
    """

    name: ClassVar[str] = "identity"
    hidden_units: int = 128
    people: int = 10_548

    def __post_init__(self) -> None:
        super().__post_init__()
        check_whole("people", self.people)

    def outputs(self) -> tuple[Output, ...]:
        """Returns the logits."""
        return (Output(self.name, self.people, label_size=1, loss_weight=self.loss_weight),)


def checked_tasks(tasks: Sequence[FaceTask]) -> tuple[FaceTask, ...]:
    """Returns tasks as a tuple.

    Raises:
        TypeError: If one of them is not a task, e.g. the class instead of an instance.
        ValueError: If there is none, or two of one kind.
    """
    tasks = tuple(tasks)
    for task in tasks:
        if not isinstance(task, FaceTask):
            raise TypeError(
                f"`tasks` must hold instances, e.g. Age() or Smile(). Received: {task!r}."
            )
    names = [task.name for task in tasks]
    if not names or len(set(names)) < len(names):
        raise ValueError(f"`tasks` must name at least one task, each once. Received: {names}.")
    return tasks


def label_sizes(tasks: Sequence[FaceTask]) -> dict[str, int]:
    """Returns how many values the label of each output has, by its name.

    Example:
        >>> label_sizes((Smile(), Landmarks(points=5), Identity(people=40)))
        {'smile': 1, 'landmarks': 10, 'identity': 1}
    """
    outputs = [output for task in checked_tasks(tasks) for output in task.outputs()]
    return {output.name: output.label_size or output.size for output in outputs}


@dataclass(frozen=True)
class LabelledSource:
    """A set of images, and the tasks that it has labels for.

    Attributes:
        name: What the set is called.
        tasks: Names of tasks.
        images: How many images of it were trained with.
    """

    name: str
    tasks: tuple[str, ...]
    images: int


# What All-in-One was trained with, as the table on the course's slide has it; 993,153 images.
ALL_IN_ONE_SOURCES = (
    LabelledSource("CASIA", ("identity", "gender"), 490_356),
    LabelledSource("MORPH", ("age", "gender"), 55_608),
    LabelledSource("IMDB+WIKI", ("age", "gender"), 224_840),
    LabelledSource("Adience", ("age",), 19_370),
    LabelledSource("CelebA", ("smile", "gender"), 182_637),
    LabelledSource("AFLW", ("detection", "pose", "landmarks"), 20_342),
)
