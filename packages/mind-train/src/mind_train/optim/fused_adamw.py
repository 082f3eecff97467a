"""torch's optimizers without torch's compiler.

Each method of ``torch.optim.Optimizer`` that is marked "not to be compiled" imports the compiler
the first time it runs: 80 MB and seconds, for nothing, as only blocks are ever compiled here. The
functions under the marks do the same. Where another torch has no marks, they are the methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def _unmarked(name: str) -> Callable[..., Any]:
    method = getattr(torch.optim.Optimizer, name)
    # functools.wraps leaves the function under a decorator in `__wrapped__`.
    plain: Callable[..., Any] = getattr(method, "__wrapped__", method)
    return plain


class OptimizerBase(torch.optim.Optimizer):
    """An optimizer whose methods, ``step`` of the subclass aside, are torch's, unmarked."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group of parameters."""
        _unmarked("add_param_group")(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Let the gradients go."""
        _unmarked("zero_grad")(self, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Give states and groups, parameters by number."""
        described: dict[str, Any] = _unmarked("state_dict")(self)
        return described

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what ``state_dict`` gave."""
        _unmarked("load_state_dict")(self, state_dict)


class FusedAdamW(OptimizerBase):
    """AdamW by torch's fused kernel: one pass over each parameter, no temporary tensors.

    The state of a parameter is ``step``, ``exp_avg`` and ``exp_avg_sq``, and its values are those
    of ``torch.optim.AdamW(fused=True)`` to the bit.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        # By this flag torch's load_state_dict knows that ``step`` lies beside its parameter: the
        # kernel refuses a count on the CPU and moments on a GPU.
        super().__init__(params, {**defaults, "fused": True})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        # A closure would compute loss and gradient again; here both are there before the step.
        assert closure is None
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            chosen = [p for p in group["params"] if p.grad is not None]
            states = [self._state(p) for p in chosen]
            if not chosen:
                continue
            steps = [state["step"] for state in states]
            # Before the update: Adam's bias correction divides by 1 - β^t with t counted from 1.
            torch._foreach_add_(steps, 1)
            torch._fused_adamw_(
                chosen,
                [p.grad for p in chosen],
                [state["exp_avg"] for state in states],
                [state["exp_avg_sq"] for state in states],
                # No maxima of second moments: those are AMSGrad's.
                [],
                steps,
                lr=group["lr"],
                beta1=beta1,
                beta2=beta2,
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _state(self, p: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[p]
        if not state:
            # Where the parameter is, as the kernel reads it there.
            state["step"] = torch.zeros((), device=p.device)
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(p), torch.zeros_like(p)
        return state
