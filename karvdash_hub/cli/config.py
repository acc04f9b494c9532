"""The Hub's settings, for commands that run beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from traitlets import TraitError
from traitlets.config import Config, Configurable
from traitlets.config.loader import PyFileConfigLoader

from karvdash_hub.errors import KarvdashError

_T = TypeVar("_T", bound=Configurable)


class Settings:
    """The settings in a configuration file of the Hub; without one, their defaults.

    Raises: KarvdashError if the file or a setting is wrong.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        try:
            self._config = (
                PyFileConfigLoader(file.name, path=str(file.absolute().parent)).load_config()
                if file
                else Config()
            )
        except (SyntaxError, NameError, OSError) as error:
            raise KarvdashError(f"{file}: {error}", "settings") from error

    def of(self, kind: type[_T]) -> _T:
        """Return the settings of one class. Raises: KarvdashError."""
        try:
            return kind(config=self._config)
        except TraitError as error:
            raise KarvdashError(f"{self._file or 'settings'}: {error}", "settings") from error
