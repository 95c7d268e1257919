"""The scripts here record reference numbers with other libraries, which the tests do not need."""

collect_ignore_glob = ["make_*.py"]
