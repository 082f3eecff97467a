"""Books and documents, read as records: one a file or a chapter (`--from files`)."""
