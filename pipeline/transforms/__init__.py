"""PTransforms: thin wiring around pure functions. With run.py the only code that imports Beam."""
