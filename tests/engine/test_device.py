"""The device that is used when none is asked for."""

from __future__ import annotations

import pytest
import torch

from coursekit.engine import SURFACES, device, sweep
from coursekit.reference import RULES


def test_cuda_where_there_is_one(monkeypatch):
    monkeypatch.delenv("COURSEKIT_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert device() == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert device() == torch.device("cuda")


def test_the_environment_overrides_and_is_followed(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setenv("COURSEKIT_DEVICE", " cpu ")
    assert device() == torch.device("cpu")
    assert sweep(RULES["adam"], SURFACES["bowl"], steps=1).paths.device.type == "cpu"


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "meta", "cpu:x"])
def test_a_device_that_is_not_there_is_refused(monkeypatch, name):
    monkeypatch.setenv("COURSEKIT_DEVICE", name)
    with pytest.raises(ValueError, match=f"COURSEKIT_DEVICE must name a device of this machine.*got '{name}'"):
        device()
