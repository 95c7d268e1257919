"""Optimizers and problems that the tests and the recording of reference numbers have in common.

A case is (factory, kind): the factory makes the optimizer from a namespace with optax's names; the kind says what else
`update` is given: "" nothing, "value" the value, "search" what line searches need, "hessian" the function; "fast"
means parameters in two copies.
"""

from __future__ import annotations

from typing import Any

import numpy as np

STEPS = (1, 2, 10, 50, 100)


def _ascent(o: Any) -> Any:
    return o.chain(o.normalize(), o.sgd(0.05))


CASES: dict[str, tuple[Any, str]] = {
    "sgd": (lambda o: o.sgd(0.01), ""),
    "sgd momentum": (lambda o: o.sgd(0.002, momentum=0.9), ""),
    "sgd nesterov": (lambda o: o.sgd(0.002, momentum=0.8, nesterov=True), ""),
    "adam": (lambda o: o.adam(0.05), ""),
    "adam eps_root": (lambda o: o.adam(0.05, b1=0.8, b2=0.95, eps=1e-4, eps_root=1e-3), ""),
    "adamw": (lambda o: o.adamw(0.05, weight_decay=0.1), ""),
    "nadam": (lambda o: o.nadam(0.05), ""),
    "nadamw": (lambda o: o.nadamw(0.05, weight_decay=0.1), ""),
    "adamax": (lambda o: o.adamax(0.05), ""),
    "adamaxw": (lambda o: o.adamaxw(0.05, b1=0.8, weight_decay=0.1), ""),
    "amsgrad": (lambda o: o.amsgrad(0.05), ""),
    "amsgrad biased": (lambda o: o.amsgrad(0.01, bias_correction_mu=False, bias_correction_nu=False), ""),
    "adabelief": (lambda o: o.adabelief(0.05), ""),
    "adabelief nesterov": (lambda o: o.adabelief(0.02, eps=1e-8, nesterov=True), ""),
    "adadelta": (lambda o: o.adadelta(1.0, rho=0.95, eps=1e-5), ""),
    "adadelta decay": (lambda o: o.adadelta(1.0, weight_decay=0.1), ""),
    "adafactor": (lambda o: o.adafactor(0.05), ""),
    "adafactor factored": (
        lambda o: o.adafactor(
            0.05, min_dim_size_to_factor=2, momentum=0.9, dtype_momentum=None, weight_decay_rate=1e-3
        ),
        "",
    ),
    "adagrad": (lambda o: o.adagrad(0.3), ""),
    "adan": (lambda o: o.adan(0.05, weight_decay=0.1), ""),
    "ademamix": (lambda o: o.ademamix(0.02, b3=0.99, alpha=2.0, weight_decay=0.01), ""),
    "adopt": (lambda o: o.adopt(0.05), ""),
    "adopt nesterov": (lambda o: o.adopt(0.05, nesterov=True, use_clipping=False), ""),
    "fromage": (lambda o: o.fromage(0.02), ""),
    "fromage schedule": (lambda o: o.fromage(o.exponential_decay(0.05, 10, 0.8)), ""),
    "lamb": (lambda o: o.lamb(0.02, weight_decay=0.1), ""),
    "lars": (lambda o: o.lars(0.5, weight_decay=0.01, trust_coefficient=0.02), ""),
    "lion": (lambda o: o.lion(0.01, weight_decay=0.1), ""),
    "lion smooth": (lambda o: o.chain(o.scale_by_lion(mode="smooth", smooth_beta=2.0), o.scale(-0.02)), ""),
    "lion refined": (lambda o: o.chain(o.scale_by_lion(mode="refined"), o.scale(-0.02)), ""),
    "madgrad": (lambda o: o.madgrad(0.02, weight_decay=0.01), ""),
    "novograd": (lambda o: o.novograd(0.01, weight_decay=0.01), ""),
    "optimistic": (lambda o: o.optimistic_gradient_descent(0.003, alpha=1.0, beta=0.5), ""),
    "optimistic adam": (lambda o: o.optimistic_adam_v2(0.02), ""),
    "radam": (lambda o: o.radam(0.01), ""),
    "radam nesterov": (lambda o: o.radam(0.01, b2=0.9, nesterov=True), ""),
    "rmsprop": (lambda o: o.rmsprop(0.02), ""),
    "rmsprop centered": (lambda o: o.rmsprop(0.01, 0.8, eps=1e-3, centered=True, momentum=0.5, nesterov=True), ""),
    "rmsprop corrected": (lambda o: o.rmsprop(0.02, eps_in_sqrt=False, initial_scale=0.1, bias_correction=True), ""),
    "sign_sgd": (lambda o: o.sign_sgd(0.01), ""),
    "signum": (lambda o: o.signum(0.01), ""),
    "sm3": (lambda o: o.sm3(0.2), ""),
    "yogi": (lambda o: o.yogi(0.05), ""),
    "dog": (lambda o: o.dog(init_step=("heuristic", 1e-2)), ""),
    "dog rate": (lambda o: o.dog(0.5, init_step=("learning_rate", 0.01), weight_decay=0.01), ""),
    "dowg": (lambda o: o.dowg(init_estim_sq_dist=1e-2), ""),
    "prodigy": (lambda o: o.prodigy(weight_decay=0.01, estim_lr0=1e-3), ""),
    "prodigy safe": (lambda o: o.prodigy(0.5, safeguard_warmup=True), ""),
    "dadapt_adamw": (lambda o: o.dadapt_adamw(estim_lr0=1e-3, weight_decay=0.01), ""),
    "mechanize": (lambda o: o.mechanize(o.sgd(0.1), s_init=1e-3), ""),
    "muon": (lambda o: o.muon(0.02, weight_decay=0.1), ""),
    "muon dion": (lambda o: o.muon(0.02, ns_coeffs="dion", consistent_rms=0.2, adaptive=True), ""),
    "muon schatten": (lambda o: o.muon(0.02, preconditioning="schatten", nesterov=False), ""),
    "muon aol": (lambda o: o.muon(0.02, preconditioning="aol"), ""),
    "schedule_free_sgd": (lambda o: o.schedule_free_sgd(0.005, warmup_steps=5, weight_decay=0.01), ""),
    "schedule_free_adamw": (lambda o: o.schedule_free_adamw(0.05, weight_decay=0.01), ""),
    "sam": (lambda o: o.sam(o.sgd(0.005, 0.5), _ascent(o)), ""),
    "sam keeps": (lambda o: o.sam(o.adam(0.02), o.sgd(0.001, 0.5), sync_period=3, reset_state=False), ""),
    "cocob": (lambda o: o.cocob(), ""),
    "cocob decay": (lambda o: o.cocob(0.5, alpha=10.0, weight_decay=0.01), ""),
    "acprop": (lambda o: o.acprop(0.01, weight_decay=0.01), ""),
    "simplified_ademamix": (lambda o: o.simplified_ademamix(1e-3, alpha=2.0, weight_decay=0.1), ""),
    "simplified_ademamix schedule": (
        lambda o: o.simplified_ademamix(1e-3, b1=0.9, alpha=o.linear_schedule(0.0, 5.0, 40), eps_root=1e-6),
        "",
    ),
    "momo": (lambda o: o.momo(0.1, weight_decay=0.01), "value"),
    "momo bound": (lambda o: o.momo(0.01, beta=0.5, lower_bound=-1.0, adapt_lower_bound=True), "value"),
    "momo_adam": (lambda o: o.momo_adam(0.1, weight_decay=0.01), "value"),
    "momo_adam bound": (lambda o: o.momo_adam(0.1, b1=0.8, lower_bound=-0.5, adapt_lower_bound=True), "value"),
    "sophia": (lambda o: o.sophia(0.05, gamma=0.5), "hessian"),
    "sophia often": (
        lambda o: o.sophia(0.05, b1=0.5, b2=0.9, gamma=1.0, clip_threshold=None, eps=0.1, update_interval=3),
        "hessian",
    ),
    "galore": (lambda o: o.galore(0.05, rank=1, update_proj_gap=7, weight_decay=0.01), ""),
    "galore wide": (
        lambda o: o.galore(
            0.05,
            rank=1,
            update_proj_gap=5,
            scale=0.5,
            base_optimizer=o.trace(0.5),
            weight_dimension_numbers=o.GaLoreDimensionNumbers(1, 0),
        ),
        "",
    ),
    "lookahead": (lambda o: o.lookahead(o.adam(0.05), 5, 0.5), "fast"),
    "polyak_sgd": (lambda o: o.polyak_sgd(0.1), "value"),
    "polyak_sgd plus": (lambda o: o.polyak_sgd(0.1, scaling=0.5, f_min=0.1, eps=1e-3, variant="sps+"), "value"),
    "plateau": (
        lambda o: o.chain(
            o.adam(0.3),
            o.reduce_on_plateau(0.7, patience=2, cooldown=3, accumulation_size=2, rtol=1e-3, min_scale=0.05),
        ),
        "value",
    ),
    "backtracking": (
        lambda o: o.chain(o.sgd(1.0), o.scale_by_backtracking_linesearch(30, decrease_factor=0.6)),
        "search",
    ),
    "backtracking stored": (
        lambda o: o.chain(
            o.sgd(0.5), o.scale_by_backtracking_linesearch(30, slope_rtol=0.1, increase_factor=2.0, store_grad=True)
        ),
        "search",
    ),
    "zoom": (lambda o: o.chain(o.sgd(1.0), o.scale_by_zoom_linesearch(20)), "search"),
    "zoom bounded": (
        lambda o: o.chain(o.sgd(1.0), o.scale_by_zoom_linesearch(20, 0.02, curv_rtol=0.1, approx_dec_rtol=None)),
        "search",
    ),
    "lbfgs": (lambda o: o.lbfgs(), "search"),
    "lbfgs memory": (lambda o: o.lbfgs(memory_size=3, scale_init_precond=False), "search"),
    "lbfgs alone": (lambda o: o.lbfgs(0.1, memory_size=4, linesearch=None), ""),
    # Links and wrappers.
    "clip chain": (
        lambda o: o.chain(o.clip_by_global_norm(2.0), o.clip(1.0), o.add_decayed_weights(0.1), o.scale(-0.02)),
        "",
    ),
    "block rms": (lambda o: o.chain(o.clip_by_block_rms(0.5), o.sgd(0.05)), ""),
    "adaptive clip": (lambda o: o.chain(o.adaptive_grad_clip(0.05), o.sgd(0.2)), ""),
    "param norm": (lambda o: o.chain(o.scale_by_param_block_norm(), o.sgd(0.002)), ""),
    "normalized": (lambda o: o.chain(o.centralize(), o.normalize_by_update_norm(2.0), o.sgd(0.02)), ""),
    "ema": (lambda o: o.chain(o.ema(0.9), o.sgd(0.01)), ""),
    "nonnegative": (lambda o: o.chain(o.sgd(0.01), o.keep_params_nonnegative()), ""),
    "flatten": (lambda o: o.flatten(o.chain(o.clip_by_block_rms(0.5), o.adam(0.05))), ""),
    "apply_every": (lambda o: o.chain(o.sgd(0.003), o.apply_every(4)), ""),
    "multi steps": (lambda o: o.MultiSteps(o.adam(0.05), 3, accumulator_dtype=None).gradient_transformation(), ""),
    "conditional": (lambda o: o.conditionally_mask(o.adam(0.05), lambda step: step % 3 != 0), ""),
    "transform": (lambda o: o.chain(o.sgd(0.01), o.conditionally_transform(o.scale(0.5), lambda s: s > 5)), ""),
    "injected": (
        lambda o: o.inject_hyperparams(o.adamw)(o.cosine_decay_schedule(0.1, 80), b1=0.8, weight_decay=0.01),
        "",
    ),
    "partition": (
        lambda o: o.partition(
            {"one": o.adam(0.05), "two": o.sgd(0.01, 0.5)}, lambda p: {k: "one" if k == "b" else "two" for k in p}
        ),
        "",
    ),
}


def problems(xp: Any) -> dict[str, tuple[Any, Any]]:
    """(function, first parameters) by name; `xp` is a namespace with NumPy's names."""
    centre = np.array([[1.0, -2.0], [0.5, 3.0], [-1.5, 0.25]])
    weights = np.array([[1.0, 3.0], [0.2, 5.0], [2.0, 0.7]])
    inputs = np.sin(np.arange(24.0)).reshape(8, 3) * np.array([1.0, 2.0, 0.5])
    labels = np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0, 1.0, -1.0])

    def quadratic(p: Any) -> Any:
        square = (weights * (p["w"] - centre) ** 2).sum()
        return square + 2.0 * ((p["b"] + p["w"][0] - 1.0) ** 2).sum()

    def rosenbrock(p: Any) -> Any:
        x = p["b"]
        return ((1 - x[:-1]) ** 2 + 10.0 * (x[1:] - x[:-1] ** 2) ** 2).sum()

    def logistic(p: Any) -> Any:
        margins = labels * (inputs @ p["w"] + p["b"])
        return xp.logaddexp(0.0, -margins).mean() + 0.01 * (p["w"] ** 2).sum()

    return {
        "quadratic": (
            quadratic,
            {"w": np.array([[0.5, -0.3], [1.2, 0.4], [0.1, -0.8]]), "b": np.array([0.3, -0.6])},
        ),
        "rosenbrock": (rosenbrock, {"b": np.array([-0.7, 1.2, 0.4])}),
        "logistic": (logistic, {"w": np.array([0.2, -0.4, 0.6]), "b": np.array([0.1])}),
    }


def step(o: Any, optimizer: Any, kind: str, value_and_grad: Any, f: Any, params: Any, state: Any) -> tuple[Any, Any]:
    """One step in either library."""
    value, grads = value_and_grad(f)(params.fast if kind == "fast" else params)
    extra = {"value": value} if kind in ("value", "search") else {}
    extra |= {"grad": grads, "value_fn": f} if kind == "search" else {}
    extra |= {"obj_fn": f} if kind == "hessian" else {}
    updates, state = optimizer.update(grads, state, params, **extra)
    return o.apply_updates(params, updates), state


def flat(params: Any, kind: str, ravel: Any) -> Any:
    """The numbers that are recorded."""
    params = params.slow if kind == "fast" else params
    return ravel([params[name] for name in sorted(params)])
