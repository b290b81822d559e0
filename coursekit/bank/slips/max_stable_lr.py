"""The mistakes that are made between a Hessian and the largest rate that it bears."""

from __future__ import annotations

from coursekit.exercise import Slip

# Which hint opens first after a mistake of this kind.
IDEA, FORM, LINE = 1, 2, 3

LARGEST = "torch.linalg.eigvalsh(hessian).max().item()"
RATE = f"2 / {LARGEST}"
EACH = "torch.linalg.eigvalsh(hessian)"

EIGENVALUES = (
    Slip(
        "smallest eigenvalue",
        (".max()", ".min()"),
        "You take the smallest eigenvalue, the flattest direction, which bears the largest rate: {yours:.4g} for "
        "{expected:.4g}. All directions share one rate, so the steepest decides.",
    ),
    Slip(
        "mean of the eigenvalues",
        (".max()", ".mean()"),
        "You take the mean of the eigenvalues: {yours:.4g} for {expected:.4g}. At that rate the steepest direction "
        "diverges, whatever the others do: the largest decides.",
    ),
    Slip(
        "largest in size",
        (EACH, f"{EACH}.abs()"),
        "Right where all eigenvalues are positive. But with `abs()`, or with singular values, a negative one may come "
        "out as the largest. Along it the loss curves downwards, and no rate, however small, would converge: it has no "
        "say here.",
        hint=FORM,
    ),
    Slip(
        "largest in size, with its sign",
        (LARGEST, f"max({EACH}.tolist(), key=abs)"),
        "Right where all eigenvalues are positive. But you take the one that is largest in *size*, as power iteration "
        "does, and where that is negative so is your rate. The largest positive one is wanted.",
        hint=FORM,
    ),
    Slip(
        "sum of the eigenvalues",
        (LARGEST, "hessian.trace().item()"),
        "You divide by the trace, the sum of all eigenvalues: {yours:.4g} for {expected:.4g}. Each direction goes its "
        "own way with its own eigenvalue; the largest decides.",
    ),
    Slip(
        "determinant",
        (LARGEST, "torch.linalg.det(hessian).item()"),
        "You divide by the determinant, the product of all eigenvalues: {yours:.4g} for {expected:.4g}. Each direction "
        "goes its own way with its own eigenvalue; the largest decides.",
    ),
    Slip(
        "largest on the diagonal",
        (LARGEST, "hessian.diagonal().max().item()"),
        "You take the largest number on the diagonal: the curvature along the axes. Between the axes it may be larger, "
        "so your rate is too large: {yours:.4g} for {expected:.4g}. The eigenvalues look in every direction.",
        hint=FORM,
    ),
    Slip(
        "largest entry",
        (LARGEST, "hessian.max().item()"),
        "You take the largest entry of the matrix: {yours:.4g} for {expected:.4g}. How curved the loss is in its "
        "steepest direction is the largest *eigenvalue*; an entry sees two axes at most.",
        hint=FORM,
    ),
    Slip(
        "Frobenius norm",
        (LARGEST, "hessian.norm().item()"),
        "You divide by the root of the sum of all squares, the Frobenius norm: {yours:.4g} for {expected:.4g}. It is "
        "never below the largest eigenvalue, so your rate is safe, but smaller than it need be.",
        hint=FORM,
    ),
    Slip(
        "largest row sum",
        (LARGEST, "hessian.abs().sum(dim=1).max().item()"),
        "You divide by the largest row sum. It is a bound: no eigenvalue is above it, so your rate is safe, but "
        "smaller than it need be: {yours:.4g} for {expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "eigenvalue of the square",
        (EACH, "torch.linalg.eigvalsh(hessian @ hessian)"),
        "You take the eigenvalues of H H, which are the squares of those of H: {yours:.4g} for {expected:.4g}. With "
        "the singular values of a matrix a root would follow; take those of H itself.",
        hint=FORM,
    ),
)

FORMULA = (
    Slip(
        "1 over the eigenvalue",
        (RATE, f"1 / {LARGEST}"),
        "You have 1 over the largest eigenvalue, half of what is right. At that rate one step ends on the floor of the "
        "steepest direction; up to twice that it overshoots and still comes nearer, since 1 - lr * eigenvalue stays "
        "above -1.",
        hint=FORM,
    ),
    Slip(
        "half the eigenvalue",
        (RATE, f"{LARGEST} / 2"),
        "The fraction stands on its head: a steeper loss would bear a larger rate. It is 2 over the eigenvalue: "
        "{yours:.4g} for {expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "1 over twice the eigenvalue",
        (RATE, f"1 / (2 * {LARGEST})"),
        "The 2 stands below the line; it belongs above: you have a quarter of what is right.",
        hint=FORM,
    ),
    Slip(
        "twice the eigenvalue",
        (RATE, f"2 * {LARGEST}"),
        "You multiply by the eigenvalue; it stands below the line: {yours:.4g} for {expected:.4g}. A steeper loss "
        "bears a smaller rate.",
        hint=FORM,
    ),
    Slip(
        "eigenvalue itself",
        (RATE, LARGEST),
        "This is the largest eigenvalue itself, the curvature of the steepest direction. The rate that it bears is 2 "
        "over it: {expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "2 over the root",
        (RATE, f"2 / {LARGEST} ** 0.5"),
        "You take the root of the eigenvalue: {yours:.4g} for {expected:.4g}. A step multiplies the distance by "
        "1 - lr * eigenvalue, with no root in it.",
        hint=FORM,
    ),
    Slip(
        "best rate for both ends",
        (RATE, f"2 / ({EACH}.max() + {EACH}.min()).item()"),
        "2 over the sum of the largest and the smallest eigenvalue is the *best* rate where both are positive: both "
        "directions then shrink alike. Asked for is the *largest* that still converges: {yours:.4g} for "
        "{expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "ratio of the eigenvalues",
        (RATE, f"({EACH}.max() / {EACH}.min()).item()"),
        "This is the condition number, how much steeper the steepest direction is than the flattest. It says how many "
        "steps are needed, not how long they may be: {yours:.4g} for {expected:.4g}.",
        hint=FORM,
    ),
    Slip(
        "a rate for each direction",
        (RATE, f"2 / {EACH}"),
        "One rate for each eigenvalue comes back. Gradient descent has one rate for all directions, so the smallest of "
        "yours that is positive counts: the one of the largest eigenvalue.",
        hint=LINE,
    ),
    Slip(
        "largest of the rates",
        (RATE, f"(2 / {EACH}).max().item()"),
        "Of the rates that each direction bears you take the largest: {yours:.4g} for {expected:.4g}. All directions "
        "share one, so it has to be small enough for the steepest.",
        hint=FORM,
    ),
    Slip(
        "smallest of the rates",
        (RATE, f"(2 / {EACH}).min().item()"),
        "Right where all eigenvalues are positive. But a negative eigenvalue gives a negative rate, which is then the "
        "smallest. Take the largest eigenvalue first, then divide.",
        hint=FORM,
    ),
    Slip(
        "cut to a whole number",
        (RATE, f"2 // {LARGEST}"),
        "`//` cuts what is behind the point: {yours:.4g} for {expected:.4g}. Divide with `/`.",
        hint=LINE,
    ),
)

MAX_STABLE_LR = EIGENVALUES + FORMULA
