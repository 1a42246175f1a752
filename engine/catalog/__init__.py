"""The pipelines as data: rows, the controls they share, the networks' sizes, the files."""
