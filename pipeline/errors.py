"""What can go wrong, named by what the run does next.

ReasonmillError
|-- ConfigError          a recipe or option is refused before any data is read
|   `-- InfeasibleError  the mixture asks for tokens that the corpus does not hold
|-- SchemaError          a table lacks a column, or holds one of another type
|-- ExtractionError      one input could not be read: it becomes a failed row
|-- StorageError         a file or a file system did not answer: worth another try
`-- InvariantError       counts do not add up or a digest differs: the run stops
"""


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


class InvariantError(ReasonmillError):
    """A law of the run is broken (row conservation, a digest): always fatal."""
