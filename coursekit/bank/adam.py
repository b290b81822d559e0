"""Chapter 08: Adam in three steps (its running means, their correction, the rule) and the chapter's predictions."""

from __future__ import annotations

import math

import torch

from coursekit.bank.slips.adam import SLIPS
from coursekit.bank.slips.moments import BIAS_CORRECTION, UPDATE_MOMENTS
from coursekit.exercise import Chapter, Convention, Exercise, Function, Quiz, Trajectory, settings
from coursekit.probe.cases import Call
from coursekit.reference import adam as reference

TORCHS_OWN = frozenset({"Adam", "AdamW", "NAdam", "RAdam", "_fused_adam", "_fused_adam_", "_fused_adamw_"})


# ---- the running means


def _moment_cases(generator: torch.Generator) -> list[Call]:
    def case(shape: tuple[int, ...], beta1: float, beta2: float, dtype: torch.dtype = torch.float64) -> Call:
        m, v, grad = (torch.randn(shape, generator=generator, dtype=torch.float64) for _ in range(3))
        if len(shape) == 1:  # from 1e-8 to 1e2, as gradients come
            grad = grad * 10.0 ** torch.linspace(2, -8, shape[0], dtype=torch.float64)
        hyper = {"beta1": beta1, "beta2": beta2}
        label = f"update_moments(m, v, grad, {settings(hyper)})"
        return Call((m.to(dtype), v.abs().to(dtype), grad.to(dtype)), hyper, label=label)

    return [case((5,), 0.7, 0.96), case((2, 3), 0.85, 0.6), case((), 0.0, 0.5), case((4,), 0.7, 0.96, torch.float32)]


def _moments_by_lerp(m, v, grad, *, beta1, beta2):
    return torch.lerp(m, grad, 1 - beta1), v + (1 - beta2) * (grad * grad - v)


def _moments_by_torch(m, v, grad, *, beta1, beta2):
    return [m.mul(beta1).add(grad, alpha=1 - beta1), (beta2 * v).addcmul(grad, grad, value=1 - beta2)]


update_moments = Exercise(
    answer=reference.update_moments,
    probe=Function(_moment_cases),
    points=1,
    hints=(
        "Both are the same running mean: a share of what was there, and the rest from what is new. What is new for "
        "`m` is the gradient, for `v` its square.",
        "The two shares add up to 1: `beta1` of the old `m` and `1 - beta1` of the gradient; likewise `beta2` for `v`.",
        "`m = beta1 * m + (1 - beta1) * grad`; the line for `v` has `beta2` and `grad**2`; return `m, v`.",
    ),
    slips=UPDATE_MOMENTS,
    also_right=(_moments_by_lerp, _moments_by_torch),
    refuse=TORCHS_OWN,
)


# ---- their correction


def _correction_cases(generator: torch.Generator) -> list[Call]:
    def case(shape: tuple[int, ...], t: int, beta: float, dtype: torch.dtype = torch.float64) -> Call:
        average = torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        return Call((average, t), {"beta": beta}, label=f"bias_correction(average, {t}, beta={beta:g})")

    cases = [case((4,), 3, 0.7), case((2, 3), 1, 0.96), case((), 40, 0.96), case((2,), 700, 0.999)]
    return [*cases, case((3,), 9, 0.85, torch.float32)]


def _correction_by_weights(average, t, *, beta):
    return average / sum((1 - beta) * beta**k for k in range(t))


def _correction_by_log(average, t, *, beta):
    return average / -math.expm1(t * math.log(beta))


FEED = """\
moments, corrected = yours(update_moments), yours(bias_correction)
m = v = torch.zeros(())
for t in range(1, 6):
    m, v = moments(m, v, torch.tensor(4.0), beta1=0.9, beta2=0.999)
    m_hat, v_hat = corrected(m, t, beta=0.9), corrected(v, t, beta=0.999)
    print(f"t={t}: m {m:.3f}, corrected {m_hat:.3f}; root of v {v.sqrt():.3f}, corrected {v_hat.sqrt():.3f}")"""

bias_correction = Exercise(
    answer=reference.bias_correction,
    probe=Function(_correction_cases),
    points=1,
    hints=(
        "Feed a mean that starts at 0 with the gradient 1 and look at it after one step, after two: by what would you "
        "have to divide to read 1?",
        "After one step it holds `1 - beta`, after two `1 - beta**2`: after t steps the share of the start that is "
        "left is `beta**t`.",
        "`return average / (...)`, with one minus the power of beta in the parentheses.",
    ),
    slips=BIAS_CORRECTION,
    also_right=(_correction_by_weights, _correction_by_log),
    refuse=TORCHS_OWN,
    use=(
        "# %% [markdown]\n**Your two functions at work.** The gradient is 4 in every step. `m` and the root of `v` "
        "start far below it; corrected, both read 4 from the first step on.",
        FEED,
    ),
)


# ---- the rule


def _adam_by_torch(param, grad, state, *, lr, beta1, beta2, eps):
    t = state.t + 1
    m = torch.lerp(state.m, grad, 1 - beta1)
    v = (beta2 * state.v).addcmul(grad, grad, value=1 - beta2)
    root = (v / (1 - beta2**t)).sqrt().add(eps)
    return param.addcdiv(m, root, value=-lr / (1 - beta1**t)), state._replace(m=m, v=v, t=t)


def _adam_scaled_eps(param, grad, state, *, lr, beta1, beta2, eps):
    m, v, t = state[0], state[1], torch.tensor(state[2] + 1, dtype=torch.float64)
    m, v = update_moments.answer(m, v, grad, beta1=beta1, beta2=beta2)
    root = math.sqrt(1 - beta2**t)
    rate = lr * root / (1 - beta1 ** int(t))
    return param - rate * m / (torch.sqrt(v) + eps * root), (m, v, t)


def _adam_in_one(param, grad, state, *, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    m = state.m + (1 - beta1) * (grad - state.m)
    v = state.v + (1 - beta2) * (grad.square() - state.v)
    t = state.t + 1
    step = lr * (m / (1 - pow(beta1, t))) / (torch.pow(v / (1 - pow(beta2, t)), 0.5) + eps)
    return [param - step, [m, v, t]]


CONVENTIONS = (
    Convention(
        "eps inside the root",
        ("v_hat.sqrt() + eps", "(v_hat + eps).sqrt()"),
        "This is Adam with eps under the root, `sqrt(v_hat + eps)`; the paper and torch add it to the root, "
        "`sqrt(v_hat) + eps`. No constant turns the one into the other: where the gradient is 0, yours divides by "
        "`sqrt(eps)` and theirs by eps, so take `eps**2` inside for eps outside; then the two agree where either "
        "term is alone, and differ most where both count, by a factor of sqrt(2).",
    ),
    Convention(
        "eps hat",
        (" + eps)", " + eps / (1 - beta2**t) ** 0.5)"),
        "This is the short form at the end of the paper's section 2: the rate `lr * sqrt(1 - beta2**t) / "
        "(1 - beta1**t)` and `sqrt(v) + eps_hat`, as TensorFlow has it. It equals Algorithm 1 with "
        "`eps = eps_hat / sqrt(1 - beta2**t)` at step t: at first yours is `1 / sqrt(1 - beta2)` times larger, later "
        "the same. Multiply your eps by `sqrt(1 - beta2**t)`, and the two agree exactly.",
    ),
)

TRAIN = """\
digits, curves, mine = engine.digits(), {}, yours(adam)
for name in ("torch.optim.Adam", "your adam"):
    model = engine.mlp([64, 32, 10])
    if name == "your adam":
        optimizer = engine.Optimizer(model.parameters(), mine, lr=0.01)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss = torch.nn.functional.cross_entropy
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves)"""

PLAY = """\
show.playground("ravine", rules=("momentum", "rmsprop", mine), lr=(0.01, 1.0))"""

adam = Exercise(
    answer=reference.adam,
    probe=Trajectory(
        hyper=(
            {"lr": 0.1, "beta1": 0.7, "beta2": 0.96, "eps": 0.03},
            {"lr": 0.4, "beta1": 0.85, "beta2": 0.6, "eps": 0.2},
        )
    ),
    points=3,
    hints=(
        "Follow the equations from top to bottom. The first two lines are your `update_moments`; you may call it. "
        "The step comes last, and uses the new means.",
        "t comes in as the number of steps taken before: add 1 first. Correct `m` and `v` into new names, `m_hat` and "
        "`v_hat`, each with its own beta to the power t; into the state go `m` and `v` as they were before that.",
        "`param - lr * m_hat / (v_hat.sqrt() + eps)`, with the parentheses; return it with `AdamState(m, v, t)`.",
    ),
    slips=SLIPS,
    conventions=CONVENTIONS,
    also_right=(_adam_by_torch, _adam_scaled_eps, _adam_in_one),
    refuse=TORCHS_OWN,
    task="You may call the two functions that you wrote above.",
    use=(
        "# %% [markdown]\n**Your rule at work.** It trains a network on digits, next to `torch.optim.Adam`: the two "
        "curves should lie on top of each other.",
        TRAIN,
        "# %% [markdown]\nAnd in the playground, dashed over the reference. Which of the rules swings through the "
        "minimum at the largest rate, and which do not?",
        PLAY,
    ),
)


# ---- the predictions


def _uncorrected() -> float:
    """The first step without correction over the first step with it, at the usual betas."""
    zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
    m, v = reference.update_moments(zero, zero, one)
    m_hat, v_hat = reference.bias_correction(m, 1, beta=0.9), reference.bias_correction(v, 1, beta=0.999)
    return float((m / v.sqrt()) / (m_hat / v_hat.sqrt()))


def _first_step(grad: float, lr: float) -> float:
    param = torch.zeros((), dtype=torch.float64)
    moved, _ = reference.adam(param, param + grad, reference.adam.init(param), lr=lr)
    return abs(float(moved))


QUIZZES = (
    Quiz(
        "first_step_length",
        "The learning rate is 0.01, and the first gradient of a weight is 1000. How far does Adam's first step move "
        "this weight?",
        lambda: _first_step(1000.0, 0.01),
        "0.01, the learning rate. In the first step m_hat is the gradient and sqrt(v_hat) its size: what is left of "
        "the gradient is its sign. A gradient of 0.001 gives the same step.",
        beliefs=(
            (10.0, "gradient descent: lr times the gradient is its step. Adam divides by the gradient's size first."),
            (1e-5, "a large gradient makes a small step: no, it is divided by itself, not by its square."),
            (0.001, "a tenth, as m holds only 1 - beta1 of the gradient: the correction restores the rest."),
            (0.0316, "without the correction: that would be 3.162 times too long; Adam corrects both means."),
        ),
    ),
    Quiz(
        "first_step_without_correction",
        "Leave out the bias correction, with beta1 = 0.9 and beta2 = 0.999. How many times as long as the right one is "
        "the first step? (Above 1: longer; below 1: shorter.)",
        _uncorrected,
        "3.162 times too long. m is 10 times too small, but it is divided by sqrt(v), which is 31.6 times too small.",
        beliefs=(
            (0.1, "too short, since m is too small: m is 10 times too small, yes, but so is what it is divided by."),
            (0.3162, "the right number upside down: sqrt(v), below the line, is the one that is too small by more."),
            (31.62, "only v: its root is 31.6 times too small; m above the line is 10 times too small as well."),
            (100.0, "v without its root: v is 1000 times too small, and its root 31.6 times."),
            (1.0, "the two cancel: they would if 1 - beta1 were sqrt(1 - beta2)."),
            (10.0, "m alone, upside down: m is 10 times too small, and below it sqrt(v) is 31.6 times too small."),
        ),
    ),
    Quiz(
        "loss_times_1000",
        "Someone multiplies the loss by 1000, and so every gradient. What becomes of Adam's path at the same lr?",
        lambda: "a",
        "It stays where it was: m_hat grows 1000 times and so does sqrt(v_hat). Only eps, which does not grow, can "
        "tell. Gradient descent would need a rate 1000 times smaller.",
        choices={
            "a": "it stays the same",
            "b": "every step is 1000 times longer",
            "c": "every step is 1000 times shorter",
            "d": "every step is sqrt(1000) = 31.6 times longer",
        },
        beliefs=(
            ("b", "gradient descent: there the step is lr times the gradient. Adam's is a ratio of two gradients."),
            ("c", "divided twice: the step is divided by the size once, and it is multiplied once as well."),
            ("d", "the root of v grows by 31.6: v holds squares, so v grows 1000**2 times and its root 1000 times."),
        ),
    ),
    Quiz(
        "eps_as_large_as_the_gradient",
        "The gradient of a weight is 1e-8 in every step, eps is 1e-8 and lr is 0.01. How long are Adam's steps?",
        lambda: _first_step(1e-8, 0.01),
        "0.005, half the rate: 1e-8 / (1e-8 + 1e-8). Far below eps Adam turns into momentum with the rate lr/eps.",
        beliefs=(
            (0.01, "eps never matters: it does where the gradient's size is not far above it."),
            (1e-10, "gradient descent: lr times the gradient. Adam divides by about 2e-8 here."),
            (0.0, "a gradient of 1e-8 is nothing: for Adam only its size beside eps counts."),
        ),
    ),
    Quiz(
        "after_a_spike",
        "The gradient of a weight is 1 in every step, but once it is 100. For about how long are Adam's steps shorter "
        "than half their usual length afterwards (beta2 = 0.999)?",
        lambda: "c",
        "About a thousand steps. m forgets the spike in some 10 steps, v in some 1000: 1 / (1 - beta2) is its memory.",
        choices={"a": "not at all", "b": "about ten steps", "c": "about a thousand steps", "d": "for ever"},
        beliefs=(
            ("a", "one gradient among many: its square is 10,000, and a thousandth of that is still ten times v."),
            ("b", "the memory of m: 1 / (1 - beta1) is 10 steps. The length is set by v, which remembers longer."),
            ("d", "AdaGrad: it sums the squares and never forgets; Adam's v is a running mean."),
        ),
    ),
)

chapter = Chapter(
    number=8,
    topic="adam",
    title="Adam",
    exercises=(update_moments, bias_correction, adam),
    quizzes=QUIZZES,
    intro="Write Adam in three steps: the two running means, their correction, and the rule that uses both.",
    setup="from coursekit import engine, show\n\n"
    "torch.set_num_threads(1)  # these networks are too small to be shared between cores",
)
