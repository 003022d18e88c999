"""The tables that flow through a run: schemas and row constructors, pyarrow and stdlib only."""
