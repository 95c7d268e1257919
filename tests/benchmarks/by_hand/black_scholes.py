"""3 and 3f: the closed formulas of the sensitivities in one loop over the options."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, prange

NAMES = ("price", "delta", "theta", "rho", "vega", "gamma")


@njit(cache=True, fastmath=True, parallel=True)
def _fill(spots: Any, expiries: Any, rates: Any, volatilities: Any, strikes: Any, out: Any) -> None:
    half, one, two = spots.dtype.type(0.5), spots.dtype.type(1), spots.dtype.type(2)
    sqrt_half, density = spots.dtype.type(0.7071067811865476), spots.dtype.type(0.3989422804014327)
    for k in prange(spots.size):
        spot, expiry, rate, volatility, strike = spots[k], expiries[k], rates[k], volatilities[k], strikes[k]
        root = math.sqrt(expiry)
        spread = volatility * root
        d1 = (math.log(spot / strike) + (rate + half * volatility * volatility) * expiry) / spread
        d2 = d1 - spread
        above, below = half * (one + math.erf(d1 * sqrt_half)), half * (one + math.erf(d2 * sqrt_half))
        owed = strike * math.exp(-rate * expiry) * below
        bell = density * math.exp(-half * d1 * d1)
        vega = spot * bell * root
        out[0, k] = spot * above - owed
        out[1, k] = above
        out[2, k] = rate * owed + vega * volatility / (two * expiry)
        out[3, k] = expiry * owed
        out[4, k] = vega
        out[5, k] = bell / (spot * spread)


def sensitivities(spot: Any, expiry: Any, rate: Any, volatility: Any, strike: Any) -> dict[str, Any]:
    """Price, its derivatives in spot, expiry, rate and volatility, and the second derivative in spot."""
    out = np.empty((len(NAMES), spot.size), spot.dtype)
    _fill(spot, expiry, rate, volatility, strike, out)
    return dict(zip(NAMES, out))
