"""Figures that stand still. Each function draws what it is given, computes nothing else, and returns the figure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from matplotlib.colors import LogNorm, Normalize
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from coursekit.show import style
from coursekit.show.picture import Picture, array, dashes, end_labels
from coursekit.show.relief import LEVELS, find_surface, relief

if TYPE_CHECKING:
    from coursekit.engine.surfaces import Surface

LOG_PAYS = 30.0  # a log axis from this ratio of largest to smallest value on


def trajectories(surface: Surface | str, paths: Mapping[str, Any], *, title: str = "", theme: str = "light") -> Picture:
    """Draw paths over the contours of a surface, with the start and the surface's minima marked.

    Args:
        surface: a `Surface`, or its name.
        paths: the points of each path, shape (steps + 1, 2), under the name that stands beside it.
        title: a line above the figure.
        theme: "light" or "dark".

    Returns:
        The figure; `.describe()` says where each path ends.

    Raises:
        ValueError: no path, or a path of another shape.
    """
    surface = find_surface(surface)
    points = {name: _path(name, path) for name, path in _named(paths, "path").items()}
    heights = relief(surface)
    (x0, x1), (y0, y1) = surface.domain
    with style.context(theme):
        ratio = min(max((y1 - y0) / (x1 - x0), 0.55), 0.9)
        figure = Picture(figsize=(7.4, 5.2 * ratio + 0.7), layout="constrained")
        axes = figure.add_subplot(xlabel="x", ylabel="y", title=title, xlim=(x0, x1), ylim=(y0, y1))
        axes.grid(False)
        axes.contourf(*heights, levels=np.linspace(0, 1, 3 * len(LEVELS) + 4), cmap="cividis")
        axes.contour(*heights, levels=LEVELS, colors="black", linewidths=0.7, alpha=0.55)
        for index, (name, path) in enumerate(points.items()):
            _draw_path(axes, surface, name, path, style.series(index))
        start: Any = {"marker": "s", "color": "white", "markeredgecolor": "black", "ls": "none", "zorder": 5}
        for k, point in enumerate(np.unique([path[0] for path in points.values()], axis=0)):
            axes.plot(*point, ms=8, label="start" if k == 0 else None, **start)
        for k, (x, y) in enumerate(surface.minima):
            label = ("minimum" if len(surface.minima) == 1 else "minima") if k == 0 else None
            axes.plot(x, y, "*", ms=16, color="white", mec="black", zorder=4, ls="none", label=label)
        figure.legend(loc="outside right upper", frameon=False, handlelength=3.2)
    ends = "; ".join(_path_words(surface, name, path) for name, path in points.items())
    many = f"{len(points)} path{'s' if len(points) > 1 else ''}"
    return figure.say(f"Contours of the {surface.name.replace('_', ' ')} surface with {many}: {ends}.")


def _path(name: str, values: Any) -> np.ndarray:
    path = array(values, f"the path of {name!r}", (2,))
    if path.shape[1] != 2:
        raise ValueError(f"the path of {name!r} must have the shape (steps + 1, 2); got {path.shape}")
    return path


def _draw_path(axes: Any, surface: Surface, name: str, path: np.ndarray, line: style.Series) -> None:
    low, high = np.array(surface.domain).T
    far = ~((path >= 2 * low - high) & (path <= 2 * high - low)).all(axis=1)
    # one that ends a whole picture away is drawn to its first point out there
    seen = path[: int(far.argmax()) + 1] if far[-1] else path
    seen = np.clip(seen[np.isfinite(seen).all(axis=1)], 6 * low - 5 * high, 6 * high - 5 * low)
    axes.plot(*seen.T, color="white", lw=4.6, solid_joinstyle="round", zorder=3)
    axes.plot(*seen.T, color=line.color, lw=2.4, ls=dashes(line), zorder=3, label=name)
    axes.plot(*seen[-1:].T, "o", ms=8, color=line.color, mec="white", mew=1.6, zorder=6)


def _path_words(surface: Surface, name: str, path: np.ndarray) -> str:
    bad = ~np.isfinite(path).all(axis=1)
    if bad.any():
        return f"{name} diverges: not a finite number from step {int(bad.argmax())} on"
    x, y = (style.fixed(v) if abs(v) < 1e4 else style.number(v) for v in path[-1])
    loss = style.number(float(surface(torch.from_numpy(path[-1]))))
    (x0, x1), (y0, y1) = surface.domain
    outside = "" if x0 <= path[-1, 0] <= x1 and y0 <= path[-1, 1] <= y1 else ", outside the picture"
    steps = f"{len(path) - 1} step{'' if len(path) == 2 else 's'}"
    return f"{name} ends after {steps} at ({x}, {y}){outside}, loss {loss}"


def lines(
    x: Any,
    curves: Mapping[str, Any],
    xlabel: str,
    ylabel: str,
    *,
    log: bool | None = None,
    title: str = "",
    theme: str = "light",
) -> Picture:
    """Draw curves over a common x.

    Args:
        x: where the values stand, shape (n,).
        curves: the values of each curve under its name: shape (n,), or (seeds, n), drawn as the median over the seeds
            and a band from the lowest to the highest seed.
        xlabel, ylabel: what the axes show, with units where there are some.
        log: whether y is on a log axis; None decides by the values.
        title: a line above the figure.
        theme: "light" or "dark".

    Returns:
        The figure; `.describe()` says where each curve starts and ends.

    Raises:
        ValueError: no curve, or a curve whose length is not x's.
    """
    at = array(x, "x", (1,))
    values = {name: array(curve, f"the curve of {name!r}", (1, 2)) for name, curve in _named(curves, "curve").items()}
    for name, curve in values.items():
        if curve.shape[-1] != len(at):
            raise ValueError(f"the curve of {name!r} must have {len(at)} values, as x has; got {curve.shape[-1]}")
    return _draw_lines({name: (at, curve) for name, curve in values.items()}, xlabel, ylabel, log, title, theme)


def loss_curves(
    curves: Mapping[str, Any],
    *,
    xlabel: str = "step",
    ylabel: str = "loss",
    first: int = 0,
    log: bool | None = None,
    title: str = "",
    theme: str = "light",
) -> Picture:
    """Draw losses against steps or epochs, on a log axis where they span more than a factor of 30.

    Args:
        curves: the losses of each run under its name: shape (steps,), or (seeds, steps), drawn as the median over the
            seeds and a band from the lowest to the highest seed. Runs may differ in length.
        first: number of the first step; 1 for epochs that are counted from 1.
        xlabel, ylabel, log, title, theme: as in `lines`.

    Returns:
        The figure; `.describe()` says where each curve starts and ends, and which diverges.

    Raises:
        ValueError: no curve, or a curve of another shape.
    """
    values = {name: array(curve, f"the curve of {name!r}", (1, 2)) for name, curve in _named(curves, "curve").items()}
    drawn = {name: (np.arange(first, first + curve.shape[-1]), curve) for name, curve in values.items()}
    return _draw_lines(drawn, xlabel, ylabel, log, title, theme)


def gradient_norms(norms: Mapping[str, Any], *, title: str = "", theme: str = "light") -> Picture:
    """Draw the norm of the gradient by layer, on a log axis, where a straight slope is one factor a layer.

    Args:
        norms: for each network under its name the norms of its layers' gradients, the layer nearest to the input first:
            shape (layers,), or (seeds, layers), drawn as median and band. Networks may differ in depth.
        title, theme: as in `lines`.

    Returns:
        The figure; `.describe()` says how many times the last layer's gradient arrives at the first.

    Raises:
        ValueError: no network, a negative norm, or norms of another shape.
    """
    values = {name: array(v, f"the norms of {name!r}", (1, 2)) for name, v in _named(norms, "norm").items()}
    for name, v in values.items():
        if (v < 0).any():
            raise ValueError(f"a norm is 0 or more; those of {name!r} go down to {v.min():.3g}")
    medians = {name: np.median(v, axis=0) if v.ndim == 2 else v for name, v in values.items()}
    seen = {name: (np.arange(1, v.shape[-1] + 1), np.where(v > 0, v, np.nan)) for name, v in values.items()}
    figure = _draw_lines(seen, "layer, counted from the input", "norm of the gradient", True, title, theme)
    figure.axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure.say(f"Norm of the gradient by layer: {'; '.join(_norm_words(*item) for item in medians.items())}.")


def _norm_words(name: str, norm: np.ndarray) -> str:
    lost = np.flatnonzero(~(np.isfinite(norm) & (norm > 0)))
    if lost.size:
        return f"{name}, layer {lost[-1] + 1} has {norm[lost[-1]]:g}"
    share = style.number(float(norm[0] / norm[-1]))
    return f"{name}, layer 1 has {share} times that of layer {len(norm)}"


def _named(curves: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(curves, Mapping) or not curves:
        raise ValueError(f"the {what}s must come as a dict with a name for each, and at least one; got {curves!r:.80}")
    return curves


def _draw_lines(
    curves: dict[str, tuple[np.ndarray, np.ndarray]], xlabel: str, ylabel: str, log: bool | None, title: str, theme: str
) -> Picture:
    medians = {name: np.median(curve, axis=0) if curve.ndim == 2 else curve for name, (_, curve) in curves.items()}
    finite = np.concatenate([y[np.isfinite(y)] for y in medians.values()])
    if log is None:
        log = finite.size > 0 and finite.min() > 0 and finite.max() / finite.min() > LOG_PAYS
    with style.context(theme):
        figure = Picture(figsize=(7.4, 4.2), layout="constrained")
        axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel, title=title, yscale="log" if log else "linear")
        ends = []
        for index, (name, (x, curve)) in enumerate(curves.items()):
            line, y = style.series(index), medians[name]
            if curve.ndim == 2:
                axes.fill_between(x, curve.min(axis=0), curve.max(axis=0), color=line.color, alpha=0.18, lw=0)
            axes.plot(x, y, color=line.color, ls=dashes(line))
            known = np.flatnonzero(np.isfinite(y))
            ends.append((name, line, x[known[-1]] if known.size else x[0], y[known[-1]] if known.size else np.nan))
        _limits(axes, [x for x, _ in curves.values()], list(medians.values()), log)
        if len(curves) > 1:
            end_labels(axes, ends)
    words = "; ".join(_curve_words(name, x, medians[name], xlabel) for name, (x, _) in curves.items())
    axis = " on a log axis" if log else ""
    seeds = sorted({curve.shape[0] for _, curve in curves.values() if curve.ndim == 2})
    band = f" Lines are medians of {seeds[-1]} seeds, bands go from the lowest to the highest." if seeds else ""
    return figure.say(f"{ylabel[:1].upper()}{ylabel[1:]} against {xlabel}{axis}: {words}.{band}")


def _limits(axes: Any, xs: Sequence[np.ndarray], ys: Sequence[np.ndarray], log: bool) -> None:
    low, high = min(x.min() for x in xs), max(x.max() for x in xs)
    axes.set_xlim(low, high if high > low else low + 1)
    starts = [abs(y[0]) for y in ys if np.isfinite(y[0])]
    top = max((np.nanmax(np.where(np.isfinite(y), y, np.nan)) for y in ys if np.isfinite(y).any()), default=1)
    if starts and max(starts) > 0 and top > 1e3 * max(starts):  # a run that explodes must not flatten the others
        bottom = min(np.nanmin(np.where(np.isfinite(y), y, np.nan)) for y in ys if np.isfinite(y).any())
        axes.set_ylim(bottom / 2 if log else min(bottom, 0), (100 if log else 3) * max(starts))


def _curve_words(name: str, x: np.ndarray, y: np.ndarray, xlabel: str) -> str:
    bad = np.flatnonzero(~np.isfinite(y))
    if bad.size:
        return f"{name} is not a finite number from {xlabel} {style.number(float(x[bad[0]]))} on"
    words = f"{name} goes from {style.number(float(y[0]))} to {style.number(float(y[-1]))}"
    low = int(y.argmin())
    if y[low] < min(y[0], y[-1]) - 0.05 * (y.max() - y.min()) - 1e-9 * abs(y[low]):  # a constant has rounding errors
        words += f", lowest {style.number(float(y[low]))} at {xlabel} {style.number(float(x[low]))}"
    return words


def heatmap(
    values: Any,
    axes: Mapping[str, Any] | None = None,
    *,
    label: str = "final loss",
    best: str | None = "min",
    title: str = "",
    theme: str = "light",
) -> Picture:
    """Draw a matrix as coloured cells, the best cell marked; cells that are not finite are hatched.

    Args:
        values: a `Sweep` over two grids, of which the final loss is drawn, a `Grid` with two axes, of which the median
            validation loss is drawn, or a matrix of shape (rows, columns).
        axes: for a matrix, its two axes with their values in the order (rows, columns), such as
            `{"weight_decay": [...], "lr": [...]}`.
        label: what the colours show.
        best: "min" or "max" marks that cell; None marks none.
        title: a line above the figure.
        theme: "light" or "dark".

    Returns:
        The figure; `.describe()` says where the best cell is and how many cells are not finite.

    Raises:
        ValueError: not a matrix, or axes that do not fit it.
    """
    ceiling = math.inf
    if hasattr(values, "losses"):
        axes = {name: grid for name, grid in values.axes.items() if len(grid) > 1} if axes is None else axes
        ceiling = float(values.losses.flatten()[0].nan_to_num(nan=math.inf))  # above the start: no need to tell apart
        values = values.losses[..., -1].squeeze()
    elif hasattr(values, "validation_loss"):
        seeds = f"median of {len(values.seeds)} seeds" if len(values.seeds) > 1 else "one seed"
        label = f"validation loss, {seeds}" if label == "final loss" else label
        axes, values = values.axes if axes is None else axes, values.median()
    matrix = array(values, "the values of a heat map", (2,))
    (row_name, rows), (column_name, columns) = _matrix_axes(matrix, axes)
    found = _best_cell(matrix, best)
    with style.context(theme):
        figure = Picture(figsize=(7.0, 4.6), layout="constrained")
        ax = figure.add_subplot(xlabel=column_name, ylabel=row_name, title=title, facecolor="#b9bec4")
        ax.grid(False)
        ax.patch.set(hatch="////", edgecolor="#6b7178")
        norm = _norm(matrix, ceiling, log=best != "max")  # what is to be large is a share, such as accuracy
        shown = np.ma.masked_invalid(matrix)
        image = ax.imshow(shown, cmap="cividis", norm=norm, origin="lower", aspect="auto", interpolation="nearest")
        over = "max" if np.ma.max(shown) > (norm.vmax or math.inf) else "neither"
        figure.colorbar(image, ax=ax, label=label, extend=over)
        _ticks(ax.set_xticks, columns)
        _ticks(ax.set_yticks, rows)
        few = matrix.size <= 48 and len(columns) <= 8
        for (row, column), value in np.ndenumerate(matrix) if few else ():
            ink = "white" if norm(value) < 0.55 else "black"
            text = style.number(float(value)) if np.isfinite(value) else ""
            ax.text(column, row, text, ha="center", va="center", color=ink)
        if found:
            for ink, width in (("black", 4.5), ("white", 2.0)):
                cell = Rectangle((found[1] - 0.5, found[0] - 0.5), 1, 1, fill=False, ec=ink, lw=width, zorder=3)
                ax.add_patch(cell).set_clip_on(False)
    words = f"{label[:1].upper()}{label[1:]} over {column_name} (across) and {row_name} (up)"
    if found:
        where = f"{column_name} {style.number(columns[found[1]])} and {row_name} {style.number(rows[found[0]])}"
        words += f"; the frame marks the {'lowest' if best == 'min' else 'highest'}, "
        words += f"{style.number(float(matrix[found]))}, at {where}"
    lost = int((~np.isfinite(matrix)).sum())
    return figure.say(f"{words}; {lost} of {matrix.size} cells are not finite, hatched." if lost else f"{words}.")


def _matrix_axes(matrix: np.ndarray, axes: Mapping[str, Any] | None) -> list[tuple[str, np.ndarray]]:
    if not isinstance(axes, Mapping) or len(axes) != 2:
        raise ValueError(f"a heat map needs two named axes, {{row name: [...], column name: [...]}}; got {axes!r:.80}")
    made = [(name, array(grid, f"axis {name!r}", (1,))) for name, grid in axes.items()]
    if tuple(len(grid) for _, grid in made) != matrix.shape:
        sizes = ", ".join(f"{name} {len(grid)}" for name, grid in made)
        raise ValueError(f"the axes must have the matrix's lengths {matrix.shape}; got {sizes}")
    return made


def _best_cell(matrix: np.ndarray, best: str | None) -> tuple[int, int] | None:
    if best not in ("min", "max", None):
        raise ValueError(f'best must be "min", "max" or None; got {best!r}')
    if best is None or not np.isfinite(matrix).any():
        return None
    signed = matrix if best == "min" else -matrix
    row, column = np.unravel_index(np.where(np.isfinite(signed), signed, np.inf).argmin(), matrix.shape)
    return int(row), int(column)


def _norm(matrix: np.ndarray, ceiling: float, log: bool) -> Normalize:
    finite = matrix[np.isfinite(matrix)]
    low, high = (float(finite.min()), min(float(finite.max()), ceiling)) if finite.size else (0.0, 1.0)
    high = high if high > low else low + 1
    return LogNorm(low, high) if log and low > 0 and high / low > LOG_PAYS else Normalize(low, high)


def _ticks(put: Any, grid: np.ndarray) -> None:
    every = range(0, len(grid), math.ceil(len(grid) / 8))
    put(list(every), [style.number(float(grid[i])) for i in every])


def digits_grid(
    images: Any, labels: Any = None, *, columns: int = 10, title: str = "", theme: str = "light"
) -> Picture:
    """Draw square grey images in a grid, each with its label beneath.

    Args:
        images: shape (n, side, side) or (n, side * side).
        labels: n labels, numbers or text, or None.
        columns: images in a row.
        title: a line above the figure.
        theme: "light" or "dark".

    Returns:
        The figure; `.describe()` says how many images there are and of what.

    Raises:
        ValueError: images that are not square, or another number of labels.
    """
    pixels = array(images, "images", (2, 3))
    side = math.isqrt(math.prod(pixels.shape[1:]))
    if pixels.shape[1:] not in ((side, side), (side * side,)):
        raise ValueError(f"images must have the shape (n, side, side) or (n, side * side); got {pixels.shape}")
    names = [""] * len(pixels) if labels is None else [str(v) for v in _plain(labels)]
    if len(names) != len(pixels):
        raise ValueError(f"{len(pixels)} images need as many labels; got {len(names)}")
    columns = min(columns, len(pixels))
    rows = math.ceil(len(pixels) / columns)
    with style.context(theme):
        size = (0.72 * columns, (0.95 if labels is not None else 0.75) * rows)
        figure = Picture(figsize=size, layout="constrained")
        if title:
            figure.suptitle(title, fontsize=11)
        for i, (image, name) in enumerate(zip(pixels.reshape(-1, side, side), names, strict=True)):
            ax = figure.add_subplot(rows, columns, i + 1, xticks=[], yticks=[])
            ax.imshow(image, cmap="gray_r", interpolation="nearest", vmin=pixels.min(), vmax=pixels.max())
            ax.spines[:].set_visible(True)
            ax.set_xlabel(name, fontsize=10, labelpad=2)
    listed = f", labelled {', '.join(names)}" if labels is not None and len(names) <= 30 else ""
    many = f"{len(pixels)} image{'s' if len(pixels) > 1 else ''}"
    return figure.say(f"{many} of {side} by {side} pixels, dark where the value is high{listed}.")


def _plain(labels: Any) -> list[Any]:
    return labels.tolist() if hasattr(labels, "tolist") else list(labels)
