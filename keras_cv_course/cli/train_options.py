"""Makes the fields of a dataclass options of a command, so that they are written down once."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
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


def given(context: typer.Context) -> set[str]:
    """Returns the names of the options that were typed, and do not have their default."""
    sources = ((name, context.get_parameter_source(name)) for name in context.params)
    return {name for name, source in sources if source is not None and source.name == "COMMANDLINE"}
