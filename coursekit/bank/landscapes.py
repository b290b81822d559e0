"""Chapter 13: landscapes, from the first weights and the gradients of deep networks to what a flat point is."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from coursekit.bank.quizzes.landscapes import QUIZZES
from coursekit.bank.rights.landscapes import CLIP_RIGHT, CRITICAL_RIGHT, KAIMING_RIGHT, LAYERS_RIGHT, XAVIER_RIGHT
from coursekit.bank.slips.clipping import CLIP, CLIP_CONVENTIONS
from coursekit.bank.slips.curvatures import CRITICAL
from coursekit.bank.slips.gradient_norms import LAYERS
from coursekit.bank.slips.landscapes import KAIMING, KAIMING_CONVENTIONS, XAVIER, XAVIER_CONVENTIONS
from coursekit.exercise import Chapter, Exercise, Function, numbers
from coursekit.probe.cases import Call
from coursekit.probe.values import Bend
from coursekit.reference import landscapes as reference

DOUBLE = torch.float64
NUMBER = "Return a plain number; a 0-d tensor is as good. `math` and `torch` are there."
INITIALIZERS = frozenset(
    {"kaiming_normal_", "kaiming_uniform_", "kaiming_normal", "kaiming_uniform", "calculate_gain"}
    | {"xavier_normal_", "xavier_uniform_", "xavier_normal", "xavier_uniform"}
)
CLIPPERS = frozenset({"clip_grad_norm_", "clip_grad_norm", "clip_grads_with_norm_", "get_total_norm"})


def _whole(generator: torch.Generator, low: int, high: int) -> int:
    return int(torch.randint(low, high, (), generator=generator))


# ---- the first weights


def _kaiming_cases(generator: torch.Generator) -> list[Call]:
    fans = (50, 3, 1, 2, 784, _whole(generator, 4, 50), _whole(generator, 51, 700))
    return [Call((fan,), label=f"kaiming_std({fan})") for fan in fans]


SIGNALS = """\
std, generator, curves = yours(kaiming_std), torch.Generator().manual_seed(0), {}
for factor in (0.5, 1, 2):
    h = torch.randn(200, 256, generator=generator)
    curves[f"{factor} times yours"] = sizes = []
    for layer in range(30):
        W = factor * float(std(256)) * torch.randn(256, 256, generator=generator)
        h = torch.relu(h @ W)
        sizes.append(float(h.square().mean().sqrt()))
show.lines(list(range(1, 31)), curves, "layer", "size of the signal (root of the mean square)", log=True)"""

kaiming_std = Exercise(
    answer=reference.kaiming_std,
    probe=Function(_kaiming_cases),
    points=1,
    hints=(
        "A unit adds up fan_in products of a weight and an input. Variances of independent terms add up: what must one "
        "weight's variance be, if a ReLU then throws half of the mean square away?",
        "fan_in times the variance, times one half, is to be 1. Solve for the variance; the standard deviation is its "
        "root.",
        "`return math.sqrt(... / fan_in)`.",
    ),
    slips=KAIMING,
    conventions=KAIMING_CONVENTIONS,
    also_right=KAIMING_RIGHT,
    refuse=INITIALIZERS,
    task="A sum of `fan_in` products has `fan_in` times the variance of one weight times the mean square of an input; "
    f"a ReLU lets half of that through. {NUMBER}",
    use=(
        "# %% [markdown]\n**Your spread at work.** A signal on its way through 30 layers with a ReLU behind each, with "
        "weights of half your spread, of yours, and of twice yours. Before you run it: what is left of the signal at "
        "half?",
        SIGNALS,
    ),
)


def _xavier_cases(generator: torch.Generator) -> list[Call]:
    fans = [(30, 20), (5, 5), (784, 10), (10, 784), (1, 2)]
    fans += [(_whole(generator, 4, 50), _whole(generator, 51, 700)), (_whole(generator, 51, 700), 64)]
    return [Call(pair, label=f"xavier_std({pair[0]}, {pair[1]})") for pair in fans]


DEEP = """\
digits, std, curves = engine.digits(), yours(xavier_std), {}
loss = torch.nn.functional.cross_entropy
for name in ("0.01", "xavier_std", "1"):
    model = engine.mlp([64, *[50] * 10, 10], activation=torch.nn.Tanh)
    for layer in model[::2]:  # every other one is a tanh
        size = float(std(layer.in_features, layer.out_features)) if name == "xavier_std" else float(name)
        torch.nn.init.normal_(layer.weight, std=size)
        torch.nn.init.zeros_(layer.bias)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    run = engine.train(model, optimizer, digits, loss=loss, epochs=5, batch_size=64, progress=False)
    print(f"first weights of spread {name:>10}: {run.accuracy[-1]:.1%} of the validation images right")
    curves[f"spread {name}"] = run.train_loss
show.loss_curves(curves, xlabel="epoch", ylabel="training loss in nats")"""

xavier_std = Exercise(
    answer=reference.xavier_std,
    probe=Function(_xavier_cases),
    points=1,
    hints=(
        "Signals come from one side and gradients from the other. Each wants the variance of a weight to be 1 over the "
        "number of terms that it adds up. The two cannot both have their way unless the fans are equal.",
        "1 over the *mean* of the two fans is the middle. The mean of two numbers is their sum over 2.",
        "`return math.sqrt(2 / (...))`, with the sum of both in the parentheses.",
    ),
    slips=XAVIER,
    conventions=XAVIER_CONVENTIONS,
    also_right=XAVIER_RIGHT,
    refuse=INITIALIZERS,
    task=NUMBER,
    use=(
        "# %% [markdown]\n**Your spread at work.** Ten hidden layers with tanh learn to read digits, from first "
        "weights of three sizes. Only these differ:",
        DEEP,
    ),
)


# ---- clipping


def _clip_cases(generator: torch.Generator) -> list[Call]:
    def call(what: str, grads: list[Tensor], max_norm: float) -> Call:
        return Call((grads, max_norm), label=f"clip_by_global_norm, {what}, max_norm={max_norm:g}")

    def draw(*shapes: tuple[int, ...]) -> list[Tensor]:
        """None of them short: the sizes of their numbers are between 1 and 2."""
        drawn = [numbers(generator, *shape) for shape in shapes]
        return [(g.sign() + (g == 0)) * (1 + g.abs() / (1 + g.abs())).round(decimals=2) for g in drawn]

    shapes = ((3,), (2, 2), (2,))
    sizes = torch.tensor([0.4, -0.2], dtype=DOUBLE)
    singles = [g.float() for g in draw((4,), (2, 3))]
    return [
        call("three gradients", draw(*shapes), 0.7),
        call("none too long", draw((3,), (2, 2)), 6.0),
        call("each short, together too long", [sizes, sizes.flip(0), -sizes, sizes[:1]], 0.8),
        call("one long among short ones", [0.1 * sizes, 3 * draw((2, 2))[0], 0.2 * sizes], 2.5),
        call("one huge, one tiny", [1e-4 * draw((3,))[0], 1e8 * draw((2,))[0]], 1.0),
        call("all zero", [torch.zeros(3, dtype=DOUBLE), torch.zeros(2, 2, dtype=DOUBLE)], 0.5),
        call("one gradient", draw((2, 3)), 1.5),
        call("a 0-d and a 3-D gradient", draw((), (2, 1, 3), (4,)), 3.0),
        call("float32", singles, 0.9),
        call("float32, none too long", singles, 7.0),
        call("short", [0.01 * g for g in draw(*shapes)], 0.5),
    ]


RECURRENT = """\
def last(W, v, X):  # a recurrent network: the same two parameters at each of the 20 steps
    h = torch.zeros(len(X), len(W))
    for t in range(20):
        h = torch.relu(h @ W + X[:, t : t + 1] * v)
    return h.sum(dim=1)


clip, curves = yours(clip_by_global_norm), {}
X = torch.rand(100, 20, generator=torch.Generator().manual_seed(0))"""

TRAINED = """\
for name, change in (("clipped at 1", lambda grads: clip(grads, 1.0)), ("not clipped", list)):
    params, curves[name] = [1.1 * torch.eye(8), torch.full((8,), 0.1)], []
    for step in range(100):
        W, v = (p.requires_grad_() for p in params)
        loss = ((last(W, v, X) - X.sum(dim=1)) ** 2).mean()
        grads = list(torch.autograd.grad(loss, (W, v)))
        params = [(p - 0.003 * g).detach() for p, g in zip(params, change(grads), strict=True)]
        curves[name].append(loss.item())
show.loss_curves(curves, ylabel="mean squared error")"""

clip_by_global_norm = Exercise(
    answer=reference.clip_by_global_norm,
    probe=Function(_clip_cases),
    points=2,
    hints=(
        "All gradients together are one long vector. How long is it? If it is too long, every number in it is "
        "multiplied by the same factor; if not, nothing happens.",
        "The length is the root of the sum of all squares, over all tensors. The factor is `max_norm / norm` where "
        "`norm > max_norm`, and else 1.",
        "`norm = torch.stack([(g**2).sum() for g in grads]).sum().sqrt()`, then a factor, then "
        "`return [factor * g for g in grads]`.",
    ),
    slips=CLIP,
    conventions=CLIP_CONVENTIONS,
    also_right=CLIP_RIGHT,
    refuse=CLIPPERS,
    task="Gradients that are all 0 stay 0. What holds inf or NaN needs no care of yours.",
    use=(
        "# %% [markdown]\n**Your clipping at work.** A recurrent network multiplies by the same matrix 20 times, so "
        "its gradient may grow like the 20th power of a number. It learns to add up numbers, once with your clipping "
        "and once without. Before you run it: what happens to the one without?",
        RECURRENT,
        TRAINED,
        "# %% [markdown]\nWithout clipping one step is enough: it is so long that every ReLU ends on its flat side, "
        "where nothing comes out and no gradient comes back. The loss stays at that of an output of 0.",
    ),
)


# ---- critical points


def _matrix(generator: torch.Generator, size: int, signs: tuple[int, ...]) -> Tensor:
    """A symmetric matrix with curvatures of these signs, and zeros for the rest; its numbers have two decimals."""
    while True:
        axes = torch.randint(-15, 16, (size, len(signs)), generator=generator).to(DOUBLE)
        matrix = axes @ torch.diag(torch.tensor(signs, dtype=DOUBLE)) @ axes.T / 100
        sizes = torch.linalg.eigvalsh(matrix).abs().sort(descending=True).values[: len(signs)]
        if sizes[-1] > 0.03 * sizes[0]:
            return matrix


def _hessian_cases(generator: torch.Generator) -> list[Call]:
    def call(what: str, hessian: Tensor) -> Call:
        return Call((hessian,), label=f"classify_critical_point, {what}")

    def case(size: int, *signs: int) -> Call:
        up, down = signs.count(1), signs.count(-1)
        flat = f", {size - up - down} flat" if size > up + down else ""
        return call(f"{size} x {size}, {up} up, {down} down{flat}", _matrix(generator, size, signs))

    def diagonal(*curvatures: float, dtype: torch.dtype = DOUBLE) -> Call:
        single = ", float32" if dtype is torch.float32 else ""
        words = ", ".join(f"{x:g}" for x in curvatures)
        return call(f"curvatures {words}{single}", torch.diag(torch.tensor(curvatures, dtype=dtype)))

    between = 2 + _whole(generator, 0, 100) / 100
    bent = torch.tensor([[1.0, between], [between, 0.5]], dtype=DOUBLE)
    flat = _matrix(generator, 3, (1, 1))
    return [
        case(3, 1, 1, -1),
        case(3, 1, 1, 1),
        case(3, -1, -1, -1),
        case(4, 1, 1, -1, -1),
        case(4, 1, -1, -1, -1),
        call("2 x 2, saddle between the axes", bent),
        call("2 x 2, saddle between the axes, upside down", -bent),
        call("3 x 3, 2 up, 0 down, 1 flat", flat),
        call("3 x 3, 0 up, 2 down, 1 flat", -flat),
        call("3 x 3, 2 up, 0 down, 1 flat, times 1e10", 1e10 * flat),
        case(4, 1, 1, -1),
        case(5, 1, -1, -1),
        call("2 x 2 of zeros", torch.zeros(2, 2, dtype=DOUBLE)),
        diagonal(0.7),
        diagonal(-0.7),
        diagonal(0.0),
        diagonal(3.0, 0.0, -1.0),
        diagonal(0.0, 2.0),
        call("3 x 3, 3 up, times 1e-10", 1e-10 * _matrix(generator, 3, (1, 1, 1))),
        call("3 x 3, 2 up, 1 down, times 1e-10", 1e-10 * _matrix(generator, 3, (1, 1, -1))),
        diagonal(1.0, 5e-8),
        diagonal(-5e-8, 1.0),
        diagonal(-1.0, -5e-8),
        diagonal(1.0, -2e-9),
        diagonal(-1.0, 2e-9),
        diagonal(2.0, 8.0, dtype=torch.float32),
        diagonal(2.0, -8.0, dtype=torch.float32),
    ]


RARE = """\
kind, generator = yours(classify_critical_point), torch.Generator().manual_seed(0)
print("directions   minima   saddles   one coin for each curvature")
for d in range(1, 8):
    matrices = torch.randn(1000, d, d, generator=generator, dtype=torch.float64)
    kinds = [kind(H + H.T) for H in matrices]
    share = {k: kinds.count(k) / len(kinds) for k in ("minimum", "saddle")}
    print(f"{d:10} {share['minimum']:8.1%} {share['saddle']:9.1%} {0.5**d:29.1%}")"""

KNOWN = """\
himmelblau = engine.SURFACES["himmelblau"]
for what in ("minima", "saddles", "maxima"):
    for x, y in getattr(himmelblau, what):
        H = torch.autograd.functional.hessian(himmelblau, torch.tensor([x, y], dtype=torch.float64))
        print(f"himmelblau at ({x:6.3f}, {y:6.3f}), listed under {what:7}: {kind(H)}")
flat = {
    "x² + y⁴": lambda p: p[0] ** 2 + p[1] ** 4,
    "x² - y⁴": lambda p: p[0] ** 2 - p[1] ** 4,
    "x³ - 3xy²": lambda p: p[0] ** 3 - 3 * p[0] * p[1] ** 2,
}
for name, f in flat.items():
    H = torch.autograd.functional.hessian(f, torch.zeros(2, dtype=torch.float64))
    print(f"{name:9} at 0: {kind(H)}")"""

classify_critical_point = Exercise(
    answer=reference.classify_critical_point,
    probe=Function(_hessian_cases),
    points=2,
    hints=(
        "At a flat point the loss is curved along each eigenvector of the Hessian by its eigenvalue: upwards where it "
        "is positive, downwards where it is negative. What does it take to be the lowest point around?",
        "`torch.linalg.eigvalsh(hessian)` gives the curvatures. Decide first which count as 0: `zero = 1e-8 * "
        "curvatures.abs().max()`. Then ask: is any above `zero`, is any below `-zero`? Both: a saddle.",
        '`up = (curvatures > zero).any()`, `down` likewise; `if up and down: return "saddle"`; then `if ...: return '
        '"degenerate"` for a curvature that is at most `zero` in size; then minimum or maximum.',
    ),
    slips=CRITICAL,
    also_right=CRITICAL_RIGHT,
    task="Both signs make a saddle, whatever else is 0. One sign and a zero, or zeros alone, are degenerate. The "
    "matrices of the check are symmetric; where one counts as singular, it is in float64.",
    use=(
        "# %% [markdown]\n**Your test at work.** If each curvature were up or down by the toss of a coin, minima would "
        "be rare where there are many directions. Random symmetric matrices, classified by your function: are they "
        "rarer than that, or less rare?",
        RARE,
        "# %% [markdown]\nThe nine critical points of a surface with four valleys, and three places so flat that the "
        "Hessian does not tell a valley from a saddle:",
        KNOWN,
    ),
)


# ---- gradients layer by layer


def _layer_cases(generator: torch.Generator) -> list[Call]:
    def case(rows: int, *widths: int, slope: float, height: float) -> Call:
        weights = [numbers(generator, a, b) for a, b in itertools.pairwise(widths)]
        act = Bend(slope, height)
        layers = f"{len(weights)} layer{'s' if len(weights) > 1 else ''} of widths {', '.join(map(str, widths))}"
        label = f"gradient_norms, {layers}, {rows} example{'s' if rows > 1 else ''}, {slope:g} h + {height:g} tanh(h)"
        return Call((weights, numbers(generator, rows, widths[0]), act), differentiates=True, label=label)

    return [
        # the first matrix has a shape that others have too, so that no shape parts right from wrong
        case(4, 3, 4, 2, slope=0.3, height=1.0),
        case(5, 3, 4, 4, 3, slope=0.0, height=1.0),
        case(3, 4, 2, 3, slope=1.0, height=0.0),
        case(1, 3, 4, 2, slope=0.5, height=-0.4),
        case(4, 4, 4, 4, 4, slope=0.2, height=0.7),
        case(6, 3, 4, slope=0.1, height=2.0),
        case(2, 4, 2, 3, 2, 4, 3, 2, slope=0.4, height=0.5),
    ]


VANISHING = """\
digits, norms = engine.digits(device="cpu"), yours(gradient_norms)
x, generator = digits.x_train[:200], torch.Generator().manual_seed(0)
kaiming, xavier = float(yours(kaiming_std)(64)), float(yours(xavier_std)(64, 64))
networks = {
    "ReLU, kaiming_std": (torch.relu, kaiming),
    "ReLU, half of that": (torch.relu, kaiming / 2),
    "tanh, xavier_std": (torch.tanh, xavier),
    "tanh, twice that": (torch.tanh, 2 * xavier),
    "sigmoid, xavier_std": (torch.sigmoid, xavier),
}
curves = {}
for name, (activation, std) in networks.items():
    weights = [std * torch.randn(64, 64, generator=generator) for layer in range(25)]
    curves[name] = [float(norm) for norm in norms(weights, x, activation)]
show.gradient_norms(curves)"""

gradient_norms = Exercise(
    answer=reference.gradient_norms,
    probe=Function(_layer_cases),
    points=2,
    hints=(
        "Forward first: through all layers, one after the other, to one number. Autograd then knows the gradient of "
        "that number to every matrix that it was told to watch.",
        "Copies to watch: `W.detach().requires_grad_()`. In a loop `h = activation(h @ W)`. Then `h.sum().backward()` "
        "fills each `W.grad`, or `torch.autograd.grad(h.sum(), weights)` returns them all. The length is `.norm()`.",
        "`weights = [W.detach().requires_grad_() for W in weights]`, the loop, then `grads = torch.autograd.grad(..., "
        "weights)` and `return [... for grad in grads]`.",
    ),
    slips=LAYERS,
    also_right=LAYERS_RIGHT,
    task="Autograd is yours to use: `backward()` or `torch.autograd.grad`. Numbers may be plain or 0-d tensors.",
    use=(
        "# %% [markdown]\n**Your norms at work.** Digits go into networks of 25 layers, with the first weights that "
        "your two functions give. Before you run it: in which of the five is the gradient lost, and in which of them "
        "from layer to layer?",
        VANISHING,
        "# %% [markdown]\nThe slope of a sigmoid is at most 1/4, and that is paid at every layer. With a ReLU at half "
        "the spread all layers get equally little: what an early layer loses on the way back, a late one lacks in its "
        "input, which has shrunk on the way forward.",
    ),
)

chapter = Chapter(
    number=13,
    topic="landscapes",
    title="Landscapes",
    exercises=(kaiming_std, xavier_std, clip_by_global_norm, classify_critical_point, gradient_norms),
    quizzes=QUIZZES,
    intro="How large first weights are to be, what keeps a gradient from exploding, what kind of place a flat point "
    "is, and what of the gradient arrives in each layer. The lesson is `notebooks/13_landscapes.ipynb`.",
    setup="from coursekit import engine, show",
)
