"""What can go wrong, named by what the run does next.

ReasonmillError
|-- ConfigError          a recipe or option is refused before any data is read
|   `-- InfeasibleError  the mixture asks for tokens that the corpus does not hold
|-- SchemaError          a table lacks a column, or holds one of another type
|-- ExtractionError      one input could not be read: it becomes a failed row
|-- StorageError         a file or a file system did not answer: worth another try
|-- DuplicateRatioError  a source holds more duplicates than the recipe allows: the run stops
`-- InvariantError       counts do not add up or a digest differs: the run stops
"""

import traceback


class ReasonmillError(Exception):
    """Base of every error this project raises on purpose."""


class ConfigError(ReasonmillError):
    """A recipe, option or model file was refused before any data was read.

    The message names the field's path, the value and what is allowed.
    """


class InfeasibleError(ConfigError):
    """A mixture cannot be met; the message says which constraint and by how many tokens."""


class SchemaError(ReasonmillError):
    """A table does not have the columns or types that its reader was promised."""


class ExtractionError(ReasonmillError):
    """One input could not be turned into text; the caller turns it into a failed row."""


class StorageError(ReasonmillError):
    """Storage did not do what was asked; a retry may help."""


class DuplicateRatioError(ReasonmillError):
    """More of a source's documents are duplicates than the recipe allows.

    What was marked stays, so that a person can look at it; the message says where.
    """


class InvariantError(ReasonmillError):
    """A law of the run is broken (row conservation, a digest): always fatal."""


def trace(error: BaseException) -> str:
    """Where ``error`` came from, a line a frame, outermost first: ``module.function:line``.

    Without file names: a failed row would otherwise hold the path under which this machine
    keeps the code, and differ from the same row on another one.
    """
    frames = [
        f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}:{line}"
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]
    return "\n".join(frames)
