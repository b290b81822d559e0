"""Chapter 10: weight decay under Adam, through the gradient and beside it, and the chapter's predictions."""

from __future__ import annotations

import torch

from coursekit.bank.adam import CONVENTIONS, TORCHS_OWN
from coursekit.bank.slips.adamw import ADAM_L2, ADAMW, AFTER, TWICE
from coursekit.exercise import Chapter, Exercise, Quiz, Trajectory
from coursekit.reference import adamw as reference

# no product or difference of two values is another value, so that each mistake has numbers of its own
HOSTILE = Trajectory(
    hyper=(
        {"lr": 0.1, "beta1": 0.7, "beta2": 0.96, "eps": 0.03, "weight_decay": 0.35},
        {"lr": 0.4, "beta1": 0.85, "beta2": 0.6, "eps": 0.2, "weight_decay": 0.25},
    ),
    picture={"lr": 0.3, "weight_decay": 0.1},
)


# ---- the decay in the gradient


def _adam_l2_by_torch(param, grad, state, *, lr, beta1, beta2, eps, weight_decay):
    t, grad = state.t + 1, grad.add(param, alpha=weight_decay)
    m = torch.lerp(state.m, grad, 1 - beta1)
    v = (beta2 * state.v).addcmul(grad, grad, value=1 - beta2)
    root = (v / (1 - beta2**t)).sqrt().add(eps)
    return param.addcdiv(m, root, value=-lr / (1 - beta1**t)), state._replace(m=m, v=v, t=t)


def _adam_l2_in_parts(param, grad, state, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m, v, t = state[0], state[1], state[2] + 1
    total = weight_decay * param + grad
    m = m + (1 - beta1) * (total - m)
    v = v + (1 - beta2) * (total.square() - v)
    step = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + eps)
    return [param - lr * step, [m, v, t]]


LOUD = """\
from coursekit import engine, show, yours

def sizes(rule):
    "Two weights of 1 under gradients without a direction: -10 and 10 in turn, and -0.1 and 0.1."
    param, state, path = torch.ones(2), AdamState(torch.zeros(2), torch.zeros(2), 0), []
    hyper = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1}
    for step in range(400):
        grad = (-1) ** step * torch.tensor([10.0, 0.1])
        param, state = rule(param, grad, state, **hyper)
        state = AdamState(*state)
        path.append(param)
    return dict(zip(("gradients of 10", "gradients of 0.1"), torch.stack(path).T))

show.lines(range(1, 401), sizes(yours(adam_l2)), "step", "size of the weight under adam_l2")"""

adam_l2 = Exercise(
    answer=reference.adam_l2,
    probe=HOSTILE,
    points=2,
    hints=(
        "The penalty has a gradient of its own: how steep is half of `weight_decay * param**2`? The rest is Adam on "
        "the sum of both gradients.",
        "Before anything else make the gradient that of loss and penalty together; then both means, their correction "
        "and the step are as in `adam`. The new gradient is used in both means.",
        "`grad = grad + weight_decay * param`, and below it the lines of `adam`.",
    ),
    slips=ADAM_L2,
    conventions=(*TWICE, *CONVENTIONS),
    also_right=(_adam_l2_by_torch, _adam_l2_in_parts),
    refuse=TORCHS_OWN,
    task="You may copy your `update_moments`, `bias_correction` or `adam` into this notebook, and call them.",
    use=(
        "# %% [markdown]\n**Your rule at work.** Two weights start at 1, and the loss pulls neither of them anywhere. "
        "Which of the two does the decay hardly reach?",
        LOUD,
    ),
)


# ---- the decay beside it


def _adamw_by_torch(param, grad, state, *, lr, beta1, beta2, eps, weight_decay):
    t = state.t + 1
    m = torch.lerp(state.m, grad, 1 - beta1)
    v = (beta2 * state.v).addcmul(grad, grad, value=1 - beta2)
    root = (v / (1 - beta2**t)).sqrt().add(eps)
    return param.mul(1 - lr * weight_decay).addcdiv(m, root, value=-lr / (1 - beta1**t)), (m, v, t)


def _adamw_by_one_step(param, grad, state, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.01):
    m, v, t = state[0], state[1], state[2] + 1
    m = m + (1 - beta1) * (grad - m)
    v = v + (1 - beta2) * (grad.square() - v)
    step = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + eps) + weight_decay * param
    return [param - lr * step, [m, v, t]]


SAME = """\
mine = yours(adamw)
show.lines(range(1, 401), sizes(mine), "step", "size of the weight under adamw")"""

TRAIN = """\
digits, curves = engine.digits(), {}
for name in ("torch.optim.AdamW", "yours"):
    model = engine.mlp([64, 32, 10])
    hyper = {"lr": 0.01, "weight_decay": 0.1}
    if name == "yours":
        optimizer = engine.Optimizer(model.parameters(), mine, **hyper)
    else:
        optimizer = torch.optim.AdamW(model.parameters(), **hyper)
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves)"""

adamw = Exercise(
    answer=reference.adamw,
    probe=HOSTILE,
    points=2,
    hints=(
        "Take the decay out of the gradient again: both means are Adam's own. Where can it stand so that every weight "
        "loses the same share?",
        "Only the last line differs from `adam`: the old parameter is first shrunk, then Adam's step is taken from "
        "it. One step takes away the share `lr * weight_decay`.",
        "The last line begins with `(1 - lr * weight_decay) * param`, and goes on as in `adam`.",
    ),
    slips=ADAMW,
    conventions=(*AFTER, *CONVENTIONS),
    also_right=(_adamw_by_torch, _adamw_by_one_step),
    refuse=TORCHS_OWN,
    use=(
        "# %% [markdown]\nThe same two weights under your AdamW. What became of the difference?",
        SAME,
        "# %% [markdown]\nAnd on digits, next to `torch.optim.AdamW`: the two curves should lie on top of each other.",
        TRAIN,
    ),
)


# ---- the predictions


def _alone(rule, steps: int, **hyper: float) -> float:
    """What becomes of a weight of 1 under a gradient of zero."""
    param = torch.ones((), dtype=torch.float64)
    state = rule.init(param)
    for _ in range(steps):
        param, state = rule(param, 0 * param, state, **hyper)
    return float(param)


QUIZZES = (
    Quiz(
        "first_step_of_decay_through_adam",
        "Adam with the penalty in the gradient (`adam_l2`), lr = 0.1, weight_decay = 0.01. A weight is 1, and the "
        "loss has no slope there. What is the weight after the first step?",
        lambda: _alone(reference.adam_l2, 1, lr=0.1, weight_decay=0.01),
        "0.9. The gradient is the penalty's alone, 0.01, and Adam divides it by its own size: the step is lr long, "
        "however small the decay is. AdamW would give 0.999.",
        beliefs=(
            (0.999, "the share lr * weight_decay: that is AdamW; here the penalty goes through Adam's division."),
            (0.99, "weight_decay itself: the step of Adam is about lr long, whatever its gradient."),
            (1.0, "no gradient, no step: the penalty has a gradient of its own, 0.01."),
            (0.0, "all gone: the step is lr long, 0.1."),
        ),
        tolerance=0.0004,
    ),
    Quiz(
        "left_after_a_thousand_steps",
        "AdamW with lr = 0.01 and weight_decay = 0.1. A weight is 1, and its gradient is 0 at every step. How much of "
        "it is left after 1000 steps?",
        lambda: _alone(reference.adamw, 1000, lr=0.01, weight_decay=0.1),
        "0.368, that is 0.999**1000, about 1/e. A step takes the share lr * weight_decay = 0.001, so 1 / (lr * "
        "weight_decay) steps are its time.",
        beliefs=(
            (1.0, "nothing moves without a gradient: the decay needs none, it stands beside the step."),
            (0.0, "all of it: a thousandth of what is left is taken each time; without lr it would be 0.9**1000."),
            (0.9, "weight_decay taken once: it is the rate of decay, not its sum."),
            (0.1, "weight_decay is what stays: it is what goes, times lr, at every step."),
        ),
    ),
    Quiz(
        "which_weight_decays_under_adam_l2",
        "Two weights are 1. The gradients of one are -10 and 10 in turn, those of the other -0.1 and 0.1. Which of "
        "them shrinks faster under `adam_l2`?",
        lambda: "b",
        "The one with small gradients. The decay is divided by the size of the gradients along with them, a hundred "
        "times more for the first weight. Under AdamW both shrink alike.",
        choices={
            "a": "the one with large gradients",
            "b": "the one with small gradients",
            "c": "both alike",
            "d": "neither: the gradients cancel",
        },
        beliefs=(
            ("a", "more movement, more decay: Adam divides by that movement, and the decay with it."),
            ("c", "every weight by the same share: that is AdamW, where the decay is not divided."),
            ("d", "cancelling: the gradients of the loss do, that of the penalty always points away from 0."),
        ),
    ),
    Quiz(
        "torchs_number_for_lam",
        "Lecture notes write the penalty as lam times the sum of squares, with lam = 0.01. Which `weight_decay` gives "
        "`adam_l2`, or torch's Adam, the same penalty?",
        lambda: 2 * 0.01,
        "0.02. The derivative of lam * w**2 is 2 * lam * w, and torch adds weight_decay * w.",
        beliefs=(
            (0.01, "the same number: torch's penalty has a half in front, the notes' has not."),
            (0.005, "the half on the wrong side: the notes' penalty is the larger one, so torch's number is larger."),
            (0.0001, "squared: the 2 comes down from the exponent, lam is not squared."),
        ),
    ),
    Quiz(
        "decay_without_the_rate",
        "Someone writes AdamW with `(1 - weight_decay) * param` in place of `(1 - lr * weight_decay) * param`, and "
        "keeps lr = 0.001 and weight_decay = 0.01. How many times too strong is the decay?",
        lambda: 1 / 0.001,
        "1000 times: 1/lr. A weight without a gradient would be halved every 69 steps, not every 69,000. To say the "
        "same in torch, weight_decay would have to be 10.",
        beliefs=(
            (1.0, "the rate is only for gradients: torch multiplies the decay by it too."),
            (0.001, "too weak: lr is below 1, so leaving it out makes the product larger."),
            (100.0, "1/weight_decay: it is lr that is missing."),
            (
                10.0,
                "weight_decay over lr: that is torch's number for the same decay, not how many times it is stronger.",
            ),
        ),
    ),
)

chapter = Chapter(
    number=10,
    topic="adamw",
    title="AdamW",
    exercises=(adam_l2, adamw),
    quizzes=QUIZZES,
    intro="Add weight decay to Adam, first through the gradient and then beside it. The lesson is "
    "`notebooks/10_adamw.ipynb`.",
)
