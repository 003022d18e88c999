"""The rejection: a document that was judged and not kept, with every rule it broke."""

import pyarrow as pa

BROKEN_RULE_TYPE = pa.struct(
    [
        pa.field("rule", pa.string()),  # reason, e.g. "prose.words.too_few"
        pa.field("column", pa.string()),  # the measure that was judged; null outside rules
        pa.field("value", pa.string()),  # what it was, as text; null for a null
    ]
)

REJECTION_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),
        pa.field("url", pa.string()),
        pa.field("archive", pa.string(), nullable=False),
        pa.field("member", pa.string()),
        pa.field("offset", pa.int64()),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),  # the first rule broken
        pa.field("broken_rules", pa.list_(BROKEN_RULE_TYPE), nullable=False),
    ]
)
