"""`funcgrad.nn.stax` under a shorter name."""

from .nn.stax import *  # noqa: F403
