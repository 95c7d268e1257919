"""3 and 3f: price and sensitivities of a million European call options, in float64 and float32."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from case import Case

COUNT, HAND = 1_000_000, "black_scholes.sensitivities"


def sensitivities(lib: Any) -> Callable[..., Any]:
    """Price, its derivatives in spot, expiry, rate and volatility (reverse), and gamma (forward over reverse)."""
    xp, erf = lib.np, lib.erf

    def normal_cdf(x: Any) -> Any:
        return 0.5 * (1.0 + erf(x * 0.7071067811865476))

    def price(spot: Any, expiry: Any, rate: Any, volatility: Any, strike: Any) -> Any:
        spread = volatility * xp.sqrt(expiry)
        d1 = (xp.log(spot / strike) + (rate + 0.5 * volatility * volatility) * expiry) / spread
        return spot * normal_cdf(d1) - strike * xp.exp(-rate * expiry) * normal_cdf(d1 - spread)

    def everything(spot: Any, expiry: Any, rate: Any, volatility: Any, strike: Any) -> dict[str, Any]:
        def of_market(*market: Any) -> Any:
            return price(*market, strike)

        def delta(s: Any) -> Any:
            value, pullback = lib.vjp(lambda s: price(s, expiry, rate, volatility, strike), s)
            return pullback(xp.ones_like(value))[0]

        value, pullback = lib.vjp(of_market, spot, expiry, rate, volatility)
        first, theta, rho, vega = pullback(xp.ones_like(value))
        _, gamma = lib.jvp(delta, (spot,), (xp.ones_like(spot),))
        return {"price": value, "delta": first, "theta": theta, "rho": rho, "vega": vega, "gamma": gamma}

    return lib.jit(everything)


def market(seed: int, dtype: Any, count: int = COUNT) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    bounds = [(80, 120), (0.2, 2.0), (0.0, 0.1), (0.1, 0.5), (80, 120)]  # spot, expiry, rate, volatility, strike
    return tuple(random.uniform(low, high, count).astype(dtype) for low, high in bounds)


def _case(name: str, dtype: Any, **options: Any) -> Case:
    title = f"Black-Scholes, five sensitivities, 1e6 options, {np.dtype(dtype).name}"
    return Case(name, title, build=sensitivities, inputs=functools.partial(market, dtype=dtype), **options, hand=HAND)


CASES = [
    _case("3", np.float64, target=0.17, stretch=0.12),
    _case("3f", np.float32, target=0.25, stretch=0.17, tolerance=2e-4),
]
