"""An update rule as an optimizer of torch: parameter groups, state, schedulers, and the step itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from coursekit.engine.compiling import Plan, plan, step_of, warn_once
from coursekit.engine.flat import Flats
from coursekit.engine.rules import as_rule, outcome, settings
from coursekit.reference import RULES
from coursekit.reference.rule import hyperparameters

# What a parameter group may hold beside hyperparameters: torch's own entries.
TORCH_KEYS = {"params", "param_names", "name", "initial_lr"}


class Optimizer(torch.optim.Optimizer):
    """Any update rule of the course, or a learner's function, behind the interface of `torch.optim`.

    Parameter groups may override every hyperparameter; learning rate schedulers of torch work on `lr`; what the rule
    remembers of a parameter `p` is `optimizer.state[p]`, a dict of the fields of the rule's state. A step either
    happens whole or, when the rule fails, not at all. The gradients are never changed.

    A look-ahead rule, such as `nesterov`, asks for gradients at points of its own choosing, so its step needs a
    closure, as that of `torch.optim.LBFGS` does. It sees all parameters as one flat vector.

    With `compiled=True` the rule goes through `torch.compile`: parameters, gradients and state of a group become views
    of a few vectors, and a step is one loop over them. The first step takes seconds, to compile; from about a million
    parameters on the later ones make up for it. A rule that cannot be compiled (look-ahead, not elementwise, no
    compiler) runs eagerly after one warning. Saved states are the same, and load into either kind.

    Args:
        params: parameters, named parameters or parameter groups, as in `torch.optim`.
        function: an update rule, or a learner's function (see `as_rule`).
        compiled: whether to compile the rule.
        hyper: hyperparameters of the rule, for all groups that do not set their own.

    Raises:
        TypeError: a hyperparameter that the rule does not have, something that is no rule.
        ValueError: a hyperparameter outside its range; a parameter that is sparse, complex or integer; a rule to be
            compiled that changes its inputs.

    >>> from coursekit.reference import RULES
    >>> layer = torch.nn.Linear(2, 1)
    >>> optimizer = Optimizer(layer.parameters(), RULES["adam"], lr=0.1)
    >>> layer(torch.ones(4, 2)).sum().backward()
    >>> optimizer.step()
    >>> optimizer.state[layer.bias]["t"]
    1

    Where torch differs: there every hyperparameter has the name of its optimizer, so a scheduler that also moves
    `momentum` or `betas` (`OneCycleLR`, `CyclicLR`) needs `cycle_momentum=False` here.
    """

    def __init__(
        self, params: Iterable[Any], function: Callable[..., Any], *, compiled: bool = False, **hyper: Any
    ) -> None:
        if not isinstance(compiled, bool):
            raise TypeError(f"Optimizer: compiled must be True or False; got {compiled!r:.60}")
        self.rule = as_rule(function)
        self.names = tuple(hyperparameters(self.rule))
        self.compiled = compiled
        self._flats = Flats()
        if compiled and isinstance(reason := self._plan(), str):
            warn_once(self.rule.__name__, reason)
        super().__init__(params, settings(self.rule, hyper))

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group, with its own hyperparameters where it gives them; refused as a whole or added as a whole."""
        own = {key: value for key, value in param_group.items() if key not in TORCH_KEYS}
        settings(self.rule, {**{key: self.defaults[key] for key in self.names}, **own})
        super().add_param_group(param_group)
        try:
            self._check_parameters()
        except ValueError:
            self.param_groups.pop()
            raise

    def _check_parameters(self) -> None:
        params = [p for group in self.param_groups for p in group["params"]]
        for p in params:
            if not p.is_floating_point() or p.layout is not torch.strided:
                raise ValueError(
                    "Optimizer: parameters must be dense, of a real floating point dtype; "
                    f"got {p.dtype}, {p.layout}, of shape {tuple(p.shape)}"
                )
        kinds = {(str(p.dtype), str(p.device)) for p in params}
        if self.rule.takes_grad_fn and len(kinds) > 1:
            raise ValueError(
                f"Optimizer: {self.rule.__name__} sees all parameters as one vector, so they must have one dtype and "
                f"one device; got {', '.join(' on '.join(kind) for kind in sorted(kinds))}"
            )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """Take one step with the gradients at hand; parameters without one stay as they are.

        Args:
            closure: clears the gradients, computes the loss, calls `backward` and returns the loss; called before the
                step when given. A look-ahead rule needs it, and calls it at the point where it takes its gradients.

        Returns:
            What the (first) call of the closure returned, else None.
        """
        if self.rule.takes_grad_fn:
            return self._step_ahead(closure)
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        if self.compiled and isinstance(how := self._plan(), Plan):
            self._step_compiled(how)
            return loss
        updates = []
        for group in self.param_groups:
            hyper = self._hyper(group)
            for p in group["params"]:
                if p.grad is not None:
                    updates.append((p, *self._update(p.detach(), _dense(p), self._state(p), hyper)))
        self._commit(updates)
        return loss

    def _plan(self) -> Plan | str:
        return "it takes its gradients at a point ahead" if self.rule.takes_grad_fn else plan(self.rule)

    def _step_compiled(self, how: Plan) -> None:
        for index, group in enumerate(self.param_groups):
            for p in group["params"]:
                if p.grad is not None:
                    _dense(p)  # or a refusal, before anything has moved
            hyper = self._hyper(group)
            numbers = {key: _scalar(value) for key, value in hyper.items()}
            step = step_of(self.rule, how)
            for flat in self._flats.of(index, group["params"], how.fields):
                flat.gather(self.state, lambda p: self.rule.init(p.detach()))
                for params, part, t in flat.runs(lambda p: int(self.state[p].get("t", 0))):
                    powers = [numbers[key] ** (t + 1) for key in how.bases]
                    step(flat.param[part], flat.grad[part], [x[part] for x in flat.state], numbers, powers)
                    torch.autograd.graph.increment_version(params)  # a graph that used them must not go backward now
                    for p in params:
                        if "t" in self.state[p]:
                            self.state[p]["t"] = t + 1

    def _step_ahead(self, closure: Callable[[], Any] | None) -> Any:
        if closure is None:
            raise ValueError(
                f"{self.rule.__name__} takes its gradients at a point ahead: call optimizer.step(closure) with a "
                "function that clears the gradients, computes the loss, calls backward and returns the loss"
            )
        owned = [(p, group) for group in self.param_groups for p in group["params"] if p.requires_grad]
        params = [p for p, _ in owned]
        if not params:  # all frozen
            with torch.enable_grad():
                return closure()
        before = _flat(params)
        losses: list[Any] = []
        absent: set[Tensor] = set()

        def gradient(point: Tensor) -> Tensor:
            if not isinstance(point, Tensor) or point.shape != before.shape:
                got = tuple(point.shape) if isinstance(point, Tensor) else type(point).__name__
                raise ValueError(
                    f"{self.rule.__name__}: gradients are taken at points of shape {tuple(before.shape)}; got {got}"
                )
            _assign(params, point)
            with torch.enable_grad():
                losses.append(closure())
            absent.clear()
            absent.update(p for p in params if p.grad is None)
            return _flat([torch.zeros_like(p) if p.grad is None else _dense(p) for p in params])

        try:
            hyper = _joined([(p.numel(), self._hyper(group)) for p, group in owned], before)
            after, state = self._update(before, gradient, self._flat_state(params), hyper)
        finally:
            _assign(params, before)
        pieces = [_pieces(params, value) if isinstance(value, Tensor) else [value] * len(params) for value in state]
        states = [type(state)(*fields) for fields in zip(*pieces, strict=True)] if pieces else [state] * len(params)
        updates = zip(params, _pieces(params, after), states, strict=True)
        self._commit([(p, new, kept) for p, new, kept in updates if p not in absent])
        return losses[0] if losses else None

    def _hyper(self, group: dict[str, Any]) -> dict[str, Any]:
        return {key: group[key] for key in self.names}

    def _state(self, p: Tensor) -> Any:
        saved = self.state.get(p)
        return self.rule.State(**saved) if saved else self.rule.init(p.detach().clone())

    def _flat_state(self, params: list[Tensor]) -> Any:
        """The states of all parameters as the state of one vector."""
        states = [self._state(p) for p in params]
        fields = []
        for name, *values in zip(self.rule.State._fields, *states, strict=True):  # type: ignore[attr-defined]
            if not isinstance(values[0], Tensor) and len(set(values)) > 1:
                raise ValueError(
                    f"{self.rule.__name__} sees all parameters as one vector, but their {name} differ: "
                    f"{sorted(set(values))}; start a new optimizer for parameters that join later"
                )
            fields.append(_flat(values) if isinstance(values[0], Tensor) else values[0])
        return self.rule.State(*fields)

    def _update(self, param: Tensor, grad: Any, state: Any, hyper: dict[str, Any]) -> tuple[Tensor, Any]:
        if RULES.get(self.rule.__name__) is not self.rule:
            # a learner's function may still work in place: that must harm neither the model nor the gradients
            param, grad, *fields = (x.clone() if isinstance(x, Tensor) else x for x in (param, grad, *state))
            state = type(state)(*fields)
        return outcome(self.rule.__name__, self.rule(param, grad, state, **hyper), param, state)

    def _commit(self, updates: list[tuple[Tensor, Tensor, Any]]) -> None:
        for p, new, state in updates:
            p.copy_(new)
            self.state[p] = state._asdict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a saved state.

        Raises:
            ValueError: the state of another rule, or of other parameter groups.
        """
        name, fields = self.rule.__name__, list(self.rule.State._fields)  # type: ignore[attr-defined]
        for saved in state_dict["state"].values():
            if list(saved) != fields:
                raise ValueError(f"{name} keeps {fields} of each parameter; the saved state has {list(saved)}")
        for group in state_dict["param_groups"]:
            if missing := [key for key in self.names if key not in group]:
                raise ValueError(f"{name} needs {', '.join(self.names)} in each group; the saved ones lack {missing}")
        super().load_state_dict(state_dict)

    def __getstate__(self) -> dict[str, Any]:
        kept = {"rule": self.rule, "names": self.names, "compiled": self.compiled}
        return {**super().__getstate__(), **kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._flats = Flats()

    def __repr__(self) -> str:
        return super().__repr__().replace("Optimizer (", f"Optimizer of {self.rule.__name__} (", 1)


def _scalar(value: Any) -> Tensor:
    """A number as a tensor without dimensions: another number is then no reason to compile again."""
    return value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)


def _dense(p: Tensor) -> Tensor:
    assert p.grad is not None
    if p.grad.layout is not torch.strided:
        raise ValueError(
            f"Optimizer: the gradient of a parameter of shape {tuple(p.shape)} is sparse ({p.grad.layout}); "
            "use layers with sparse=False"
        )
    return p.grad.detach()


def _flat(tensors: Iterable[Tensor]) -> Tensor:
    return torch.cat([x.detach().reshape(-1) for x in tensors])


def _pieces(params: list[Tensor], vector: Tensor) -> list[Tensor]:
    """A vector cut into the shapes of the parameters; copies, so that no piece holds the memory of the whole."""
    sizes = [p.numel() for p in params]
    return [piece.view_as(p).clone() for p, piece in zip(params, vector.split(sizes), strict=True)]


def _assign(params: list[Tensor], vector: Tensor) -> None:
    for p, piece in zip(params, vector.split([p.numel() for p in params]), strict=True):
        p.copy_(piece.view_as(p))


def _joined(parts: list[tuple[int, dict[str, Any]]], like: Tensor) -> dict[str, Any]:
    """Hyperparameters for the vector of all parameters: a number where all agree, else one value for each element."""
    joined = {}
    for key, first in parts[0][1].items():
        values = [(n, hyper[key]) for n, hyper in parts]
        same = all(value is first or value == first for _, value in values)
        joined[key] = first if same else torch.cat([like.new_full((n,), float(value)) for n, value in values])
    return joined
