"""What a recipe may set of the PDF extractor."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from extractors.pdf.ocr import OcrConfig


class PdfConfig(BaseModel):
    """Limits and choices of one PDF; time and memory are the sandbox's."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    max_pages: int = Field(
        default=2000,
        ge=1,
        le=100_000,
        description="A document of more pages is rejected as pdf.too_many_pages.",
    )
    references: Literal["keep", "cut"] = Field(
        default="keep", description="Whether the list of references stays in the text."
    )
    ocr: OcrConfig | None = Field(
        default=None,
        description="A vision model for pages without a usable text layer; null: such pages are "
        "left out and counted, and a document of nothing else is rejected.",
    )
