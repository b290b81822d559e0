"""Chapter 14: Lion, Newton-Schulz steps, Muon, schedule-free descent, and the chapter's predictions."""

from __future__ import annotations

import torch

from coursekit.bank.quizzes.modern import QUIZZES
from coursekit.bank.slips.modern import AFTER, LION
from coursekit.bank.slips.muon import FORMS, MUON
from coursekit.bank.slips.newton_schulz import ADDED, NEWTON_SCHULZ
from coursekit.bank.slips.schedule_free import COUNTED, SCHEDULE_FREE
from coursekit.exercise import Chapter, Exercise, Function, Trajectory
from coursekit.probe.cases import Call
from coursekit.reference import modern as reference

DOUBLE = torch.float64


# ---- Lion


def _lion_by_torch(param, grad, state, *, lr, beta1, beta2, weight_decay):
    (m,) = state
    direction = torch.sign(torch.lerp(grad, m, beta1))
    return param.mul(1 - lr * weight_decay).sub(direction, alpha=lr), (torch.lerp(grad, m, beta2),)


def _lion_by_cases(param, grad, state, *, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.01):
    m = state.m
    c = m + (1 - beta1) * (grad - m)
    zero = torch.zeros_like(c)
    step = torch.where(c > 0, zero + 1, torch.where(c < 0, zero - 1, zero))
    return [param - lr * (step + weight_decay * param), [m + (1 - beta2) * (grad - m)]]


TRAIN = """\
digits, loss, curves = engine.digits(), torch.nn.functional.cross_entropy, {}
for rule, lr in ((reference.RULES["adamw"], 0.01), (yours(lion), 0.003)):
    model = engine.mlp([64, 32, 10])
    optimizer = engine.Optimizer(model.parameters(), rule, lr=lr)
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    curves["your lion" if rule.__name__ == "lion" else "adamw"] = run.step_loss
show.loss_curves(curves)"""

lion = Exercise(
    answer=reference.lion,
    probe=Trajectory(
        hyper=(
            {"lr": 0.1, "beta1": 0.6, "beta2": 0.85, "weight_decay": 0.35},
            {"lr": 0.4, "beta1": 0.8, "beta2": 0.55, "weight_decay": 0.25},
        ),
        picture={"lr": 0.3, "weight_decay": 0.1},
        shapes=((24,), (4, 6), (4,), ()),  # many elements: a mistake shows only where a sign turns
        still=True,
    ),
    points=2,
    hints=(
        "Two means are made of the old `m` and this gradient: one for the step, one to keep. Which beta belongs to "
        "which?",
        "The mean with beta1 is not kept: its sign, times lr, is the step. The parameter is first shrunk by the share "
        "`lr * weight_decay`, as in AdamW. Last, `m` is renewed with beta2.",
        "`c = beta1 * m + (1 - beta1) * grad`, then `(1 - lr * weight_decay) * param - lr * c.sign()`, then `m = beta2 "
        "* m + (1 - beta2) * grad`.",
    ),
    slips=LION,
    conventions=(AFTER,),
    also_right=(_lion_by_torch, _lion_by_cases),
    use=(
        "# %% [markdown]\n**Your rule at work** on digits, next to AdamW. Its rate is a third of AdamW's: every one of "
        "its steps is lr long. With half the memory, how far behind is it?",
        TRAIN,
    ),
)


# ---- Newton-Schulz


def _matrices(generator: torch.Generator) -> list[Call]:
    def call(shape: tuple[int, int], size: float, *steps: int, dtype: torch.dtype = DOUBLE) -> Call:
        matrix = size * torch.randn(shape, generator=generator, dtype=DOUBLE)
        said = f", steps={steps[0]}" if steps else ""
        return Call((matrix.to(dtype), *steps), label=f"newton_schulz of a {shape[0]} x {shape[1]} matrix{said}")

    return [
        call((5, 3), 3.0, 2),
        call((2, 6), 1.0),
        call((6, 2), 100.0),
        call((4, 4), 0.5, 1),
        call((3, 5), 0.001, 3),
        call((1, 3), 2.0, 4),
        call((4, 2), 2.0, 0),
        call((2, 5), 1.0, 2, dtype=torch.float32),
        Call((torch.zeros(3, 2, dtype=DOUBLE),), label="newton_schulz of a matrix of zeros"),
    ]


def _not_transposed(matrix, steps=5):
    X = matrix / max(float(torch.linalg.norm(matrix)), 1e-7)
    for _ in range(steps):
        X = 3.4445 * X - 4.7750 * (X @ X.T) @ X + 2.0315 * (X @ X.T) @ (X @ X.T) @ X
    return X


def _from_the_right(matrix, steps=5):
    a, b, c = 3.4445, -4.7750, 2.0315
    size = matrix.square().sum().sqrt()
    if size == 0:
        return matrix.clone()
    X, one = matrix / size, torch.eye(matrix.shape[1], dtype=matrix.dtype, device=matrix.device)
    for _ in range(steps):
        B = X.mT @ X
        X = X @ (a * one + b * B + c * torch.linalg.matrix_power(B, 2))
    return X


def _by_singular_values(matrix, steps=5):
    U, S, Vh = torch.linalg.svd(matrix, full_matrices=False)
    S = S / S.norm().clamp(min=1e-7)
    for _ in range(steps):
        S = 3.4445 * S - 4.7750 * S**3 + 2.0315 * S**5
    return (U * S) @ Vh


SPREAD = """\
matrix, mine = torch.randn(64, 32, generator=torch.Generator().manual_seed(0)), yours(newton_schulz)
matrix = matrix @ torch.diag(torch.logspace(0, -2, 32))  # some directions a hundred times as strong as others
values = {f"after {k}": torch.linalg.svdvals(mine(matrix, k)) for k in (0, 1, 3, 5)}
show.lines(range(1, 33), values, "which singular value", "its size")"""

newton_schulz = Exercise(
    answer=reference.newton_schulz,
    probe=Function(_matrices),
    points=2,
    hints=(
        "The polynomial acts on each singular value as on a number, if it is made of matrix products alone. Before it "
        "can, all singular values must be at most 1.",
        "Divide by the Frobenius norm, at least 1e-7. In each step make `A = X @ X.T`, then the new `X` from `X`, `A` "
        "and `A @ A`. Transposing a tall matrix first spares work, and must be undone at the end.",
        "`X = matrix / matrix.norm().clamp(min=1e-7)`; `steps` times: `A = X @ X.T`, `X = 3.4445 * X + (-4.7750 * A + "
        "2.0315 * A @ A) @ X`.",
    ),
    slips=NEWTON_SCHULZ,
    conventions=(ADDED,),
    also_right=(_not_transposed, _from_the_right, _by_singular_values),
    refuse=frozenset({"Muon", "_zeropower_via_newtonschulz"}),
    task="For a tall matrix it is cheaper to transpose it first, and back at the end. That changes the cost, not the "
    "numbers: it is yours to do or to leave.",
    use=(
        "# %% [markdown]\n**Your steps at work**: the singular values of a matrix whose directions are unequally "
        "strong. How many steps does it take until they stand nearly level?",
        SPREAD,
    ),
)


# ---- Muon


def _muon_by_torch(param, grad, state, *, lr, beta, weight_decay):
    m = torch.lerp(grad, state.m, beta)
    return param.mul(1 - lr * weight_decay).sub(_not_transposed(m), alpha=lr), (m,)


def _muon_by_singular_values(param, grad, state, *, lr=0.02, beta=0.95, weight_decay=0.01):
    m = state[0] + (1 - beta) * (grad - state[0])
    U, S, Vh = torch.linalg.svd(m, full_matrices=False)
    S = S / S.norm().clamp(min=1e-7)
    for _ in range(5):
        S = 3.4445 * S - 4.7750 * S**3 + 2.0315 * S**5
    return [param - lr * (U * S @ Vh + weight_decay * param), [m]]


GROUPS = """\
curves = {}
for name in ("adamw alone", "your muon, and adamw"):
    model = engine.mlp([64, 32, 10])
    matrices = [p for p in model.parameters() if p.dim() == 2]
    rest = [p for p in model.parameters() if p.dim() != 2]
    own = {"rule": yours(muon), "lr": 0.02} if name.startswith("your") else {}
    groups = [{"params": matrices, **own}, {"params": rest}]
    optimizer = engine.Optimizer(groups, reference.RULES["adamw"], lr=0.01)
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    curves[name] = run.step_loss
show.loss_curves(curves)"""

muon = Exercise(
    answer=reference.muon,
    probe=Trajectory(
        hyper=(
            {"lr": 0.1, "beta": 0.7, "weight_decay": 0.35},
            {"lr": 0.4, "beta": 0.85, "weight_decay": 0.25},
        ),
        steps=10,
        picture={"lr": 0.3, "weight_decay": 0.1},
        shapes=((3, 2), (2, 3), (4, 2), (1, 4), (3, 3)),
        exponents=(0.0, -0.5, 0.8, 0.3, -0.2),
    ),
    points=2,
    hints=(
        "It is momentum with a running mean, whose step goes through `newton_schulz` on its way to the parameter.",
        "Renew the mean `m` with beta, make it orthogonal with `newton_schulz(m)`, and take the step from a parameter "
        "that has been shrunk by `1 - lr * weight_decay`. What is kept is `m` as it was before it was made orthogonal.",
        "`m = beta * m + (1 - beta) * grad`, then `(1 - lr * weight_decay) * param - lr * newton_schulz(m)`.",
    ),
    slips=MUON,
    conventions=FORMS,
    also_right=(_muon_by_torch, _muon_by_singular_values),
    refuse=frozenset({"Muon", "_zeropower_via_newtonschulz"}),
    task="Call your `newton_schulz` from above. The parameter is a matrix.",
    needs=(reference.newton_schulz,),
    use=(
        "# %% [markdown]\n**Your rule at work** on digits. It takes matrices only, so a parameter group of its own "
        "gets them, and AdamW keeps the biases.",
        GROUPS,
    ),
)


# ---- schedule-free


def _schedule_free_by_lerp(param, grad, state, *, lr, beta):
    z, x, t = state
    z = torch.sub(z, grad, alpha=lr)
    x = x + (z - x) / (t + 1)
    return z + beta * (x - z), (z, x, t + 1)


def _schedule_free_by_sum(param, grad, state, *, lr=0.001, beta=0.9):
    z = state.z - lr * grad
    x = (state.t * state.x + z) / (state.t + 1)
    return [beta * x + (1 - beta) * z, [z, x, state.t + 1]]


NOISY = """\
mine, generator = yours(schedule_free), torch.Generator().manual_seed(0)
y = torch.full((200,), 3.0)  # 200 runs on x**2 / 2, with noise in every gradient
state, errors = (y.clone(), y.clone(), 0), {"where plain steps lead, z": [], "their mean, x": []}
for _ in range(300):
    y, state = mine(y, y + torch.randn(200, generator=generator), state, lr=0.3, beta=0.9)
    for name, point in zip(errors, state):
        errors[name].append(float(point.square().mean()))
show.loss_curves(errors)"""

schedule_free = Exercise(
    answer=reference.schedule_free,
    probe=Trajectory(
        hyper=({"lr": 0.3, "beta": 0.7}, {"lr": 0.45, "beta": 0.85}),
        picture={"lr": 0.6},
        follows=lambda state, hyper: (1 - hyper["beta"]) * state["z"] + hyper["beta"] * state["x"],
    ),
    points=2,
    hints=(
        "Three points: one makes plain steps, one is the mean of all the places it has been to, and the parameter lies "
        "between the two.",
        "`z` steps along the gradient. `x` is a running mean whose newest point has the weight 1/t, t counted with "
        "this step. The parameter is `z` moved towards `x` by the share beta.",
        "`t = t + 1`, `z = z - lr * grad`, `x = (1 - 1 / t) * x + 1 / t * z`, `param = (1 - beta) * z + beta * x`.",
    ),
    slips=SCHEDULE_FREE,
    conventions=(COUNTED,),
    also_right=(_schedule_free_by_lerp, _schedule_free_by_sum),
    task="At the start `z` and `x` are at the parameter, and `t` is 0. The parameter that comes in always lies between "
    "`z` and `x`, where your last step has put it.",
    use=(
        "# %% [markdown]\n**Your rule at work** where gradients are noisy and the rate never falls. Which of the two "
        "points goes on getting nearer to the minimum?",
        NOISY,
    ),
)

chapter = Chapter(
    number=14,
    topic="modern",
    title="Lion, Muon and no schedule",
    exercises=(lion, newton_schulz, muon, schedule_free),
    quizzes=QUIZZES,
    intro="Write three newer rules, and the matrix steps that one of them needs. The lesson is "
    "`notebooks/14_modern.ipynb`.",
    setup="from coursekit import engine, reference, show",
)
