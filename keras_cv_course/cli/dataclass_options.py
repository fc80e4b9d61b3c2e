"""Makes the fields of dataclasses options of a command, so that they are written down once."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any

import typer


def with_options(arguments: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Returns a decorator that replaces a command's parameter `args` by options.

    Args:
        arguments: A dataclass whose fields have defaults and a `help` in their metadata. The
            command gets an instance of it.
    """
    fields = {field.name: field for field in dataclasses.fields(arguments)}

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapper(**values: Any) -> None:
            picked = {name: values.pop(name) for name in fields}
            command(args=arguments(**picked), **values)

        own = inspect.signature(command).parameters
        options = [
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=Annotated[field.type, typer.Option(help=field.metadata["help"])],
            )
            for name, field in fields.items()
        ]
        rest = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for name, parameter in own.items()
            if name != "args"
        ]
        signature = inspect.Signature([rest[0], *options, *rest[1:]])
        wrapper.__signature__ = signature  # type: ignore[attr-defined]
        wrapper.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return wrapper

    return decorate


def any_of(name: str, kinds: Mapping[str, type]) -> type:
    """Returns a dataclass with the fields of several, each of which may be left out as None.

    Args:
        name: Of the dataclass.
        kinds: Dataclasses by what the help calls them. Where they differ in the help of a field or
            in its default, the help lists those of each.
    """
    texts: dict[str, dict[str, str]] = {}
    types: dict[str, Any] = {}
    for owner, kind in kinds.items():
        for field in dataclasses.fields(kind):
            if "help" in field.metadata:
                texts.setdefault(field.name, {})[owner] = _help(field)
                types.setdefault(field.name, field.type)
    fields = [
        (
            key,
            types[key] | None,
            dataclasses.field(default=None, metadata={"help": _joined(by_owner)}),
        )
        for key, by_owner in texts.items()
    ]
    return dataclasses.make_dataclass(name, fields, frozen=True)


def chosen(values: Any, kind: type, what: str, allowed: Iterable[str] = ()) -> dict[str, Any]:
    """Returns those options that were passed, by the names of a dataclass's fields.

    Args:
        values: An instance of what `any_of` made; None is what was left out.
        kind: The dataclass that is to be made.
        what: What it is of, for the message, e.g. "--task detect".
        allowed: Options that are not its fields, and are left out.

    Raises:
        ValueError: If an option was passed that the dataclass does not have.
    """
    passed = {name: value for name, value in vars(values).items() if value is not None}
    known = {field.name for field in dataclasses.fields(kind)}
    foreign = sorted(set(passed) - known - set(allowed))
    if foreign:
        raise ValueError(f"{what} has no {as_typed(foreign)}: leave it out.")
    return {name: value for name, value in passed.items() if name in known}


def as_typed(options: Iterable[str]) -> str:
    """Returns names of options as they are typed."""
    return ", ".join(f"--{name.replace('_', '-')}" for name in options)


def given(context: typer.Context) -> set[str]:
    """Returns the names of the options that were typed, and do not have their default."""
    sources = ((name, context.get_parameter_source(name)) for name in context.params)
    return {name for name, source in sources if source is not None and source.name == "COMMANDLINE"}


def _help(field: "dataclasses.Field[Any]") -> str:
    text = str(field.metadata["help"]).removesuffix(".")
    has_default = field.default not in (None, False, "", dataclasses.MISSING)
    return f"{text} (default: {field.default})" if has_default else text


def _joined(by_owner: dict[str, str]) -> str:
    if len(set(by_owner.values())) == 1:
        return f"{next(iter(by_owner.values()))}."
    return "; ".join(f"{owner}: {text}" for owner, text in by_owner.items()) + "."
