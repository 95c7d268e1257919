"""The functions of `tree_utils` and `tree_state` without `tree_` in their names, as in `optax.tree`.

optim.tree.add(x, y)    optim.tree.norm(grads)    optim.tree.get(state, "learning_rate")
"""

from __future__ import annotations

from . import tree_utils

add = tree_utils.tree_add
add_scale = tree_utils.tree_add_scale
allclose = tree_utils.tree_allclose
batch_shape = tree_utils.tree_batch_shape
bias_correction = tree_utils.tree_bias_correction
cast = tree_utils.tree_cast
cast_like = tree_utils.tree_cast_like
clip = tree_utils.tree_clip
conj = tree_utils.tree_conj
div = tree_utils.tree_div
dtype = tree_utils.tree_dtype
full_like = tree_utils.tree_full_like
get = tree_utils.tree_get
get_all_with_path = tree_utils.tree_get_all_with_path
map_params = tree_utils.tree_map_params
max = tree_utils.tree_max
min = tree_utils.tree_min
mul = tree_utils.tree_mul
norm = tree_utils.tree_norm
ones_like = tree_utils.tree_ones_like
random_like = tree_utils.tree_random_like
real = tree_utils.tree_real
scale = tree_utils.tree_scale
set = tree_utils.tree_set
size = tree_utils.tree_size
split_key_like = tree_utils.tree_split_key_like
sub = tree_utils.tree_sub
sum = tree_utils.tree_sum
update_infinity_moment = tree_utils.tree_update_infinity_moment
update_moment = tree_utils.tree_update_moment
update_moment_per_elem_norm = tree_utils.tree_update_moment_per_elem_norm
vdot = tree_utils.tree_vdot
where = tree_utils.tree_where
zeros_like = tree_utils.tree_zeros_like

__all__ = [
    "add",
    "add_scale",
    "allclose",
    "batch_shape",
    "bias_correction",
    "cast",
    "cast_like",
    "clip",
    "conj",
    "div",
    "dtype",
    "full_like",
    "get",
    "get_all_with_path",
    "map_params",
    "max",
    "min",
    "mul",
    "norm",
    "ones_like",
    "random_like",
    "real",
    "scale",
    "set",
    "size",
    "split_key_like",
    "sub",
    "sum",
    "update_infinity_moment",
    "update_moment",
    "update_moment_per_elem_norm",
    "vdot",
    "where",
    "zeros_like",
]
