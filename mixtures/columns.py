"""Columns by name or by path into a struct, as a mixture's specification names them."""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.errors import SchemaError


def column_at(columns: pa.RecordBatch | pa.Table, path: str) -> pa.Array | pa.ChunkedArray:
    """The column called ``path``, or the field of a struct column at that path.

    A column whose name holds the dots itself, as annotators' columns do, wins over a path. A null
    struct has null fields; a dictionary is decoded. Raises SchemaError when there is none.
    """
    parts = path.split(".")
    for used in range(len(parts), 0, -1):
        name = ".".join(parts[:used])
        if name not in columns.schema.names:
            continue
        values = columns.column(name)
        for part in parts[used:]:
            if not pa.types.is_struct(values.type) or values.type.get_field_index(part) < 0:
                raise SchemaError(
                    f"column {path!r}: {name!r} is {values.type}, without field {part!r}"
                )
            values = pc.struct_field(values, part)
        if pa.types.is_dictionary(values.type):
            return values.cast(values.type.value_type)
        return values
    raise SchemaError(f"no column {path!r}; there are {', '.join(columns.schema.names)}")
