"""What the source-code extractor can be told."""

from pydantic import BaseModel, ConfigDict, Field


class CodeConfig(BaseModel):
    """Limits on source files, judged before a file is decoded."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_bytes: int = Field(
        default=3_000_000,
        ge=1,
        le=1_000_000_000,
        description=(
            "A larger source or prose file is rejected as code.too_large. The default is "
            "OpenCoder's limit for every language (opc_data_filtering, code_filter_config.py)."
        ),
    )
