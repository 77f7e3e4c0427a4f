"""The errors of an import."""

from schemas.toml_file import TomlFileError


class MappingError(TomlFileError):
    """The mapping file says something that cannot be carried out; the message names the key. Correct the file."""


class LogError(ValueError):
    """The log cannot be read, or lacks a column the mapping names. Raised before the first event is made."""


class BadValueError(ValueError):
    """One value of one row cannot be used. `reason` holds no value of the row and is what the report counts by."""

    def __init__(self, reason: str, value: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.value = value
