"""Building blocks of neural networks: activations, initializers, and layers as functions of explicit parameters.

A layer is a plain function: `dense(params, x)`. Its parameters are a dict of arrays made by `init_dense(key, inputs,
outputs)`; what it remembers from step to step is an explicit state; what it draws comes from an explicit key. See
docs/neural_networks.md. `nn.stax` combines layers as pairs (init, apply), by the names of JAX's stax.
"""

from . import initializers, stax
from .activations import (
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_swish,
    hard_tanh,
    identity,
    leaky_relu,
    log_sigmoid,
    mish,
    relu,
    relu6,
    selu,
    sigmoid,
    silu,
    soft_sign,
    softplus,
    sparse_plus,
    sparse_sigmoid,
    squareplus,
    swish,
    tanh,
)
from .attention import (
    decode_attention,
    dot_product_attention,
    init_attention_cache,
    init_multi_head_attention,
    multi_head_attention,
)
from .convolution import conv, conv_transpose, init_conv
from .dropout import dropout
from .functions import log1mexp, log_softmax, logmeanexp, logsumexp, one_hot, softmax, standardize
from .linear import dense, embedding, init_dense, init_embedding, init_mlp, mlp, residual
from .normalization import (
    batch_norm,
    group_norm,
    init_batch_norm,
    init_group_norm,
    init_instance_norm,
    init_layer_norm,
    init_rms_norm,
    init_spectral_norm,
    init_weight_norm,
    instance_norm,
    layer_norm,
    rms_norm,
    spectral_norm,
    weight_norm,
)
from .pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    global_avg_pool,
    global_max_pool,
    max_pool,
    min_pool,
    sum_pool,
)
from .positions import init_learned_positions, learned_positions, rotary, sinusoidal_positions
from .recurrent import (
    bidirectional,
    gru,
    gru_step,
    init_gru,
    init_lstm,
    init_rnn,
    lstm,
    lstm_step,
    rnn,
    rnn_step,
    run_cell,
)

__all__ = [
    "adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "batch_norm", "bidirectional", "celu", "conv",
    "conv_transpose", "decode_attention", "dense", "dot_product_attention", "dropout", "elu", "embedding", "gelu",
    "global_avg_pool", "global_max_pool", "glu", "group_norm", "gru", "gru_step", "hard_sigmoid", "hard_silu",
    "hard_swish", "hard_tanh", "identity", "init_attention_cache", "init_batch_norm", "init_conv", "init_dense",
    "init_embedding", "init_group_norm", "init_gru", "init_instance_norm", "init_layer_norm",
    "init_learned_positions", "init_lstm", "init_mlp", "init_multi_head_attention", "init_rms_norm", "init_rnn",
    "init_spectral_norm", "init_weight_norm", "initializers", "instance_norm", "layer_norm", "leaky_relu",
    "learned_positions", "log1mexp", "log_sigmoid", "log_softmax", "logmeanexp", "logsumexp", "lstm", "lstm_step",
    "max_pool", "min_pool", "mish", "mlp", "multi_head_attention", "one_hot", "relu", "relu6", "residual", "rms_norm",
    "rnn", "rnn_step", "rotary", "run_cell", "selu", "sigmoid", "silu", "sinusoidal_positions", "soft_sign",
    "softmax", "softplus", "sparse_plus", "sparse_sigmoid", "spectral_norm", "squareplus", "standardize", "stax",
    "sum_pool", "swish", "tanh", "weight_norm",
]  # fmt: skip
