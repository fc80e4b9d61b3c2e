"""What is wrong with data: left out and told, or refused."""

import logging

from keras_cv_course._validation import check_choice

_LOG = logging.getLogger(__name__)
BROKEN = ("skip", "raise")
_MOST_LOGGED = 5
_LONGEST = 1000  # of what is said of one; names of files come from files, and may be of any length


class Problems:
    """Gathers what is wrong with data.

    Args:
        broken: "skip" leaves it out and says so; "raise" raises ValueError.

    Raises:
        ValueError: If `broken` is neither.
    """

    def __init__(self, broken: str) -> None:
        check_choice("broken", broken, BROKEN)
        self._broken = broken
        self._found: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Adds what is wrong at a place.

        Raises:
            ValueError: If nothing may be wrong.
        """
        text = f"{where}: {what}"
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        if self._broken == "raise":
            raise ValueError(
                f'{text} Fix it, or read with broken="skip", which skips and reports it.'
            )
        self._found.append(text)

    def logged(self, what: str, holder: str) -> tuple[str, ...]:
        """Returns all that is wrong, and logs the first few.

        Args:
            what: What was left out, e.g. "annotations".
            holder: Name of the class whose `skipped` holds all of it.
        """
        if self._found:
            count, shown = len(self._found), self._found[:_MOST_LOGGED]
            if count > len(shown):
                shown = [*shown, f"And {count - len(shown)} more, see `{holder}.skipped`."]
            _LOG.warning("Left out %d broken %s: %s", count, what, " ".join(shown))
        return tuple(self._found)
