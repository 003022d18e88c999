"""What a recipe may set of the PDF extractor."""

from pydantic import BaseModel, ConfigDict, Field


class PdfConfig(BaseModel):
    """Limits of one PDF; time and memory are the sandbox's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_pages: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="A document of more pages is rejected as pdf.too_many_pages.",
    )
