"""The experiments of 1986: what hidden units learn to stand for when errors are propagated back.

    python examples/learning_representations.py              all three, with a picture of the weights
    python examples/learning_representations.py --seed 3     from other random weights

Rumelhart, Hinton and Williams asked whether hidden units would come to represent something useful though nobody says
what. Three networks of sigmoid units, trained as there, on all patterns at once, with momentum:

    encoder       eight patterns through three units and back: the units invent a binary code (from the longer report)
    symmetry      is a row of six bits its own mirror image? Two units do, with weights of opposite signs and ratios
                  1 : 2 : 4, so that no row that is not symmetrical can cancel
    family trees  104 facts such as (Colin, aunt) -> Jennifer and Margaret of two families of the same shape; six units
                  that see only a name learn nationality, generation and branch

Reference: D. Rumelhart, G. Hinton, R. Williams, Learning representations by back-propagating errors, Nature 323, 1986.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import funcgrad as fg
from funcgrad import lax, nn, optim


def layer(rng: np.random.Generator, inputs: int, outputs: int, size: float = 0.3) -> dict[str, np.ndarray]:
    """Small random weights, so that no two units are alike."""
    return {"w": rng.uniform(-size, size, (inputs, outputs)), "b": rng.uniform(-size, size, outputs)}


def units(params: Any, x: Any) -> Any:
    """What a layer of sigmoid units answers."""
    return nn.sigmoid(x @ params["w"] + params["b"])


def train(
    predict: Any, params: Any, data: tuple, sweeps: int, rates: Any, decay: float = 0.0, margin: float = 0.0
) -> tuple[Any, Any]:
    """The paper's rule: change = -rate * gradient + momentum * last change; (rate, momentum) early and late.

    The first 20 sweeps are gentle, to find a good direction. An answer within the margin of its goal is no error.
    Returned are the parameters and the error of every sweep.
    """

    def loss(params: Any) -> Any:
        distance = np.abs(predict(params, *data[:-1]) - data[-1])
        return np.sum(np.maximum(distance - margin, 0.0) ** 2) / 2

    def phase(carry: Any, rate: float, momentum: float, count: int) -> tuple[Any, Any]:
        rule = optim.chain(optim.trace(momentum), optim.scale(-rate))

        def sweep(carry: Any, _: Any) -> tuple[Any, Any]:
            params, state = carry
            value, gradient = fg.value_and_grad(loss)(params)
            change, state = rule.update(gradient, state, params)
            params = fg.tree.map(lambda p, c: (1 - decay) * p + c, params, change)
            return (params, state), value

        return lax.scan(sweep, (carry, rule.init(carry)), length=count)

    @fg.jit
    def run(params: Any) -> tuple[Any, Any]:
        (params, _), early = phase(params, *rates[0], 20)
        (params, _), late = phase(params, *rates[1], sweeps - 20)
        return params, np.concatenate([early, late])

    return run(params)


# --- the encoder ------------------------------------------------------------------------------------------------------


def encoder(seed: int, sweeps: int) -> tuple[np.ndarray, np.ndarray]:
    """The code of each of eight patterns, (8, 3), and the errors."""
    rng, patterns = np.random.default_rng(seed), np.eye(8)
    params = {"in": layer(rng, 8, 3), "out": layer(rng, 3, 8)}

    def predict(params: Any, x: Any) -> Any:
        return units(params["out"], units(params["in"], x))

    params, errors = train(predict, params, (patterns, patterns), sweeps, ((0.25, 0.5), (0.25, 0.9)))
    return units(params["in"], patterns), errors


# --- symmetry ---------------------------------------------------------------------------------------------------------


def symmetry(seed: int, sweeps: int) -> tuple[dict[str, np.ndarray], np.ndarray, float]:
    """Weights into the two hidden units, the errors, and the share of the 64 rows that is answered rightly."""
    rng = np.random.default_rng(seed)
    rows = np.array(list(product([0.0, 1.0], repeat=6)))
    mirrored = np.all(rows == rows[:, ::-1], axis=1).astype(float)[:, None]
    params = {"in": layer(rng, 6, 2), "out": layer(rng, 2, 1)}

    def predict(params: Any, x: Any) -> Any:
        return units(params["out"], units(params["in"], x))

    params, errors = train(predict, params, (rows, mirrored), sweeps, ((0.1, 0.9), (0.1, 0.9)))
    right = float(np.mean((predict(params, rows) > 0.5) == mirrored))
    return params["in"], errors, right


# --- family trees -----------------------------------------------------------------------------------------------------

# Couples (he, she) and their children; the second family has the same shape, in the same order.
FAMILIES = (
    ("Christopher Andrew Arthur James Charles Colin", "Penelope Christine Margaret Victoria Jennifer Charlotte"),
    ("Roberto Pierro Emilio Marco Tomaso Alfonso", "Maria Francesca Gina Lucia Angela Sophia"),
)
COUPLES = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4))  # numbers of men and women
CHILDREN = {0: ((2,), (3,)), 1: ((3,), (4,)), 3: ((5,), (5,))}  # of a couple: sons, daughters
RELATIONS = (
    "father", "mother", "husband", "wife", "son", "daughter", "uncle", "aunt", "brother", "sister", "nephew", "niece",
)  # fmt: skip


def kin() -> tuple[list[str], list[tuple[int, int, list[int]]]]:
    """Names of all persons, and facts (person, relation, those whom it means)."""
    names, facts = [], []
    for men, women in FAMILIES:
        first = len(names)
        names += [*men.split(), *women.split()]
        for person in range(12):
            for number, found in enumerate(_relatives(person)):
                if found:
                    facts.append((first + person, number, [first + other for other in sorted(found)]))
    return names, facts


def _relatives(person: int) -> list[set[int]]:
    """For each relation the persons of one family that it leads to; men are 0 to 5, women 6 to 11."""
    parents = {
        child: couple for couple, (sons, girls) in CHILDREN.items() for child in (*sons, *(6 + g for g in girls))
    }

    def spouse(p: int) -> set[int]:
        return {(p + 6) % 12} if p % 6 < 5 else set()

    def children(p: int) -> set[int]:
        return {child for child, couple in parents.items() if couple == p % 6}

    def siblings(p: int) -> set[int]:
        return {child for child, couple in parents.items() if couple == parents.get(p, -1)} - {p}

    couple = {parents[person], parents[person] + 6} if person in parents else set()
    beside = set().union(*(siblings(p) for p in couple), set())
    beside |= set().union(*(spouse(p) for p in beside), set())  # uncles and aunts by marriage
    below = set().union(*(children(p) for p in siblings(person)), set())
    below |= set().union(*(children(q) for p in spouse(person) for q in siblings(p)), set())
    groups = (couple, spouse(person), children(person), beside, siblings(person), below)
    return [{p for p in group if (p < 6) == male} for group in groups for male in (True, False)]


def family_parameters(rng: np.random.Generator) -> dict[str, dict[str, np.ndarray]]:
    """24 persons and 12 relations through six units each, 12 units that join them, 6 more, and 24 persons again."""
    sizes = {"person": (24, 6), "relation": (12, 6), "joined": (12, 12), "before": (12, 6), "answer": (6, 24)}
    return {name: layer(rng, *size) for name, size in sizes.items()}


def relative(params: Any, person: Any, relation: Any) -> Any:
    """How strongly each of the 24 persons is meant."""
    seen = np.concatenate([units(params["person"], person), units(params["relation"], relation)], axis=1)
    return units(params["answer"], units(params["before"], units(params["joined"], seen)))


def trees(seed: int, sweeps: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    """Weights from the names to their six units, the errors, and how many facts are right, of how many: learnt, new."""
    rng = np.random.default_rng(seed)
    _, facts = kin()
    order = rng.permutation(len(facts))
    person, relation, answer = (np.zeros((len(facts), n)) for n in (24, 12, 24))
    for row, (who, what, whom) in enumerate(facts):
        person[row, who] = relation[row, what] = answer[row, whom] = 1
    known, new = order[4:], order[:4]
    data, rates = (person[known], relation[known], answer[known]), ((0.01, 0.5), (0.05, 0.95))
    # As 0.8 is as good as 1, weights need not grow without end; a small decay makes them readable.
    params, errors = train(relative, family_parameters(rng), data, sweeps, rates, decay=1e-4, margin=0.2)
    right = np.all((relative(params, person, relation) > 0.5) == (answer > 0.5), axis=1)
    return params["person"]["w"], errors, (int(right[known].sum()), len(known), int(right[new].sum()), len(new))


# --- picture ----------------------------------------------------------------------------------------------------------


def draw(codes: np.ndarray, mirror: dict[str, np.ndarray], persons: np.ndarray, errors: Any, path: Path) -> None:
    """Codes, weights of the symmetry network, weights of the person units as in the paper's figure, and errors."""
    from matplotlib.figure import Figure  # only drawing needs it

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    grid = figure.add_gridspec(2, 3, height_ratios=(1, 1.25))
    axes = figure.add_subplot(grid[0, 0])
    axes.imshow(codes, cmap="gray_r", vmin=0, vmax=1, aspect="auto")
    axes.set(title="Encoder: the code of each pattern", ylabel="pattern", xlabel="hidden unit", xticks=range(3))
    axes = figure.add_subplot(grid[0, 1])
    for k in range(2):
        axes.bar(np.arange(1, 7) + 0.35 * k - 0.18, mirror["w"][:, k], width=0.35, label=f"hidden unit {k + 1}")
    axes.axhline(0, color="black", lw=0.5)
    axes.set(title="Symmetry: weights from the six bits", xlabel="bit")
    axes.legend(fontsize=8)
    axes = figure.add_subplot(grid[0, 2])
    for name, values in errors.items():
        axes.semilogy(values, label=name)
    axes.set(title="Error", xlabel="sweep")
    axes.legend(fontsize=8)
    names, _ = kin()
    below = grid[1, :].subgridspec(2, 3)
    limit = np.abs(persons).max()
    for unit in range(6):
        axes = figure.add_subplot(below[unit // 3, unit % 3])
        axes.imshow(persons[:, unit].reshape(2, 12), cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
        axes.set_yticks(range(2), ["English", "Italian"], fontsize=7)
        axes.set_xticks(range(12), [name[:7] for name in names[:12]], rotation=50, fontsize=6, ha="right")
        axes.set_title(f"Family trees: weights of person unit {unit + 1}", fontsize=8)
    figure.savefig(path, dpi=60)


def main(argv: list[str] | None = None) -> dict[str, Any]:
    """Run and draw the three experiments; what they found is returned."""
    parser = argparse.ArgumentParser(description="the experiments of Rumelhart, Hinton and Williams")
    parser.add_argument("--sweeps", type=int, default=6000, help="through all patterns")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("representations.png"), help="where to draw")
    options = parser.parse_args(argv)

    start = time.perf_counter()
    codes, encoder_errors = encoder(options.seed, options.sweeps)
    different = len({tuple(row) for row in np.round(codes).astype(int)})
    print(f"encoder: error {encoder_errors[-1]:.4f}; {different} of 8 patterns have a binary code of their own")
    mirror, mirror_errors, share = symmetry(options.seed, options.sweeps)
    print(f"symmetry: error {mirror_errors[-1]:.4f}, {share:.1%} of 64 rows right; weights from the six bits:")
    for k in range(2):
        print("  " + " ".join(f"{w:+7.2f}" for w in mirror["w"][:, k]))
    persons, tree_errors, (right, known, new_right, new) = trees(options.seed, options.sweeps)
    print(f"family trees: error {tree_errors[-1]:.4f}; right: {right} of {known} facts shown, {new_right} of {new} new")
    print(f"three networks in {time.perf_counter() - start:.1f} s")
    errors = {"encoder": encoder_errors, "symmetry": mirror_errors, "family trees": tree_errors}
    draw(codes, mirror, persons, errors, options.out)
    print(f"picture: {options.out}")
    return {"codes": codes, "symmetry": mirror, "share": share, "right": right, "known": known, "new": new_right}


if __name__ == "__main__":
    main()
