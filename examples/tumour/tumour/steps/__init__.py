"""The steps of the pipeline: each reads files, calls the package, writes files."""
