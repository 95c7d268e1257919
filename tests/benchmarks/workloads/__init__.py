"""The workloads, one file for each; every file has a list `CASES` and writes its functions once for all libraries."""
