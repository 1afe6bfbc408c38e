"""The lean attention of mpnet says what the library's says, and trains the same weights but the positions' bias."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

from newsgauge.training.attention import lean

IDS = torch.tensor([[0, 7, 12, 9, 30, 2], [0, 5, 8, 2, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])


def small_mpnet() -> Any:
    torch.manual_seed(3)
    config = transformers.MPNetConfig(
        vocab_size=40, hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=32, max_position_embeddings=20
    )
    encoder = transformers.MPNetModel(config, add_pooling_layer=False).eval()
    # Positions say nothing in a fresh network; here they must, or a forgotten bias would go unseen.
    torch.nn.init.normal_(encoder.encoder.relative_attention_bias.weight)
    return encoder


def states(encoder: Any) -> Any:
    return encoder(input_ids=IDS, attention_mask=MASK).last_hidden_state[MASK.bool()]


def test_the_states_and_gradients_are_the_library_s() -> None:
    theirs, ours = small_mpnet(), lean(small_mpnet())
    torch.testing.assert_close(states(ours), states(theirs))
    for encoder in (theirs, ours):
        states(encoder).square().sum().backward()
    expected = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        if "relative" in name:
            assert parameter.grad is None
        else:
            torch.testing.assert_close(parameter.grad, expected[name].grad)
    assert list(ours.state_dict()) == list(theirs.state_dict())


def test_in_bfloat16_it_stays_as_near_to_float32_as_the_library_s() -> None:
    exact = states(small_mpnet())
    with torch.autocast("cpu", torch.bfloat16):
        ours, theirs = states(lean(small_mpnet())).float(), states(small_mpnet()).float()
    assert (ours - exact).abs().max() < 2 * (theirs - exact).abs().max()


def test_another_encoder_is_left_alone() -> None:
    config = transformers.BertConfig(vocab_size=40, hidden_size=24, num_hidden_layers=1, num_attention_heads=3, intermediate_size=32)
    encoder = transformers.BertModel(config, add_pooling_layer=False)
    before = [type(module) for module in encoder.modules()]
    assert [type(module) for module in lean(encoder).modules()] == before
    assert all(parameter.requires_grad for parameter in encoder.parameters())
