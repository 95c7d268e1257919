"""Training loops in a few lines: state, compiled steps, whole epochs, metrics, histories, plots.

With this package one can hold all that a run is in one pytree (`TrainState`), build the compiled step from a loss and
an optimizer (`make_step`, `make_epoch`), measure (`accuracy`, `roc_auc`, ...), keep and draw what happened (`History`,
`plot_history`), read gradients (`gradient_flow`, `sensitivity`), stop in time (`EarlyStopping`) and look for a learning
rate (`learning_rate_finder`).

    state = train.TrainState.create(params, optimizer, key=random.key(0))
    step = train.make_step(loss, optimizer)
    for batch in data.epochs(examples, 100, 10, key=random.key(1)):
        state, metrics = step(state, batch)

There is no trainer object: the loop is the user's, and everything in it is a function of pytrees.
"""

from .finding import RateTrial, learning_rate_finder
from .flow import GradientFlow, LeafFlow, LeafSensitivity, Sensitivity, gradient_flow, sensitivity
from .history import CSVLogger, EarlyStopping, History, JSONLLogger
from .metrics import (
    accuracy,
    confusion_matrix,
    f1,
    mean_absolute_error,
    mean_squared_error,
    perplexity,
    precision,
    r2,
    recall,
    roc_auc,
    top_k_accuracy,
)
from .plots import plot_gradient_norms, plot_history, plot_learning_rates
from .steps import TrainState, make_epoch, make_step
from .tensorboard import TensorBoardWriter

__all__ = [
    "CSVLogger",
    "EarlyStopping",
    "GradientFlow",
    "History",
    "JSONLLogger",
    "LeafFlow",
    "LeafSensitivity",
    "RateTrial",
    "Sensitivity",
    "TensorBoardWriter",
    "TrainState",
    "accuracy",
    "confusion_matrix",
    "f1",
    "gradient_flow",
    "learning_rate_finder",
    "make_epoch",
    "make_step",
    "mean_absolute_error",
    "mean_squared_error",
    "perplexity",
    "plot_gradient_norms",
    "plot_history",
    "plot_learning_rates",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "sensitivity",
    "top_k_accuracy",
]
