"""Which benchmarks a recipe keeps its documents clear of, and how much likeness counts."""

from pydantic import BaseModel, ConfigDict, Field


class BenchmarkFields(BaseModel):
    """Names of the fields of a row; a row without ``question`` is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str = Field(
        default="id", description="The item's name; rows may lack it, and are numbered then"
    )
    benchmark: str = Field(default="benchmark", description="The benchmark's name")
    split: str = Field(default="split", description="Its split; rows may lack it")
    question: str = Field(default="question", description="What is asked, with its choices or code")
    answer: str = Field(default="answer", description="The answer or solution; rows may lack it")


class BenchmarkSet(BaseModel):
    """Files of benchmark items."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    paths: list[str] = Field(
        min_length=1, description="JSONL files, plain or gzip; * and ? stand for names"
    )
    fields: BenchmarkFields = Field(
        default=BenchmarkFields(), description="What the rows call their fields"
    )
    benchmark: str | None = Field(
        default=None, min_length=1, description="Name for rows that state none"
    )
    split: str | None = Field(
        default=None, min_length=1, description="Split for rows that state none"
    )
    is_code: bool = Field(
        default=False,
        description="Questions are signatures with their comments and answers canonical solutions, "
        "in which single letters and signs count like words",
    )


class DecontaminationConfig(BaseModel):
    """Settings of the decontamination annotator. What is looked for stands in no default."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    benchmarks: list[BenchmarkSet] = Field(
        default_factory=list, description="Sets of items in clear"
    )
    indexes: list[str] = Field(
        default_factory=list,
        description="Indexes that `python -m filters.decontamination.write_index` wrote: hashes "
        "and names, no text",
    )
    ngram_words: int = Field(
        default=13,
        ge=8,
        le=100,
        description="A document that shares so many words in a row with a question holds it "
        "(13: GPT-3, arXiv 2005.14165, appendix C)",
    )
    min_coverage: float = Field(
        default=0.6,
        gt=0,
        le=1,
        description="Share of a question or solution, by the weight of its words, that makes a hit "
        "where it has long_words or more; shorter ones need more",
    )
    long_words: int = Field(
        default=13, ge=5, le=1000, description="Words from which min_coverage is enough"
    )
    whole_words: int = Field(
        default=5,
        ge=5,
        le=1000,
        description="Words up to which a question must be there whole; between the two the share "
        "that is needed falls in a line",
    )
