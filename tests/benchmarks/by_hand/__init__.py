"""Workloads as an expert would write them by hand for Numba, derivatives included: the practical bound of a row."""
