"""Embeddings that transformers computes of the checkpoint which libs/testing/src/tiny-clip/tiny-checkpoint.ts writes.

Prints them as they stand in libs/scoring/src/graphs/tower-graphs.spec.ts.
Run with torch 2.9.1, transformers 5.24.0:  python tools/agreement/tiny_checkpoint.py [gelu|quick_gelu|gelu_new|siglip]
"""

import json
import sys

import torch
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

kind = sys.argv[1] if len(sys.argv) > 1 else "quick_gelu"
text = dict(vocab_size=12, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=10)
vision = dict(hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=3, image_size=10,
              patch_size=4)
if kind == "siglip":
    model = SiglipModel(SiglipConfig(text_config={**text, "projection_size": 24}, vision_config=vision)).eval()
    # An end of text, then padding up to the context's length.
    ids = [[4, 7, 8, 1, 0, 0, 0, 0, 0, 0], [4, 11, 2, 9, 10, 1, 0, 0, 0, 0]]
else:
    model = CLIPModel(CLIPConfig(text_config={**text, "hidden_act": kind, "eos_token_id": 11},
                                 vision_config={**vision, "hidden_act": kind}, projection_dim=6)).eval()
    ids = [[10, 1, 2, 11, 11, 11], [10, 4, 5, 6, 9, 11]]

state = 7
with torch.no_grad():
    for name in sorted(model.state_dict()):
        if name.endswith("position_ids") or name.startswith("logit_"):
            continue
        tensor = model.state_dict()[name]
        values = []
        for _ in range(tensor.numel()):
            state = (state * 1_664_525 + 1_013_904_223) % 2**32
            values.append(state / 2**32 - 0.5)
        is_scale = "norm" in name and name.endswith("weight")
        tensor.copy_(torch.tensor(values, dtype=torch.float64).reshape(tensor.shape) + (1 if is_scale else 0))

    pixels = torch.tensor([(index * 37) % 251 for index in range(2 * 10 * 10 * 3)]).reshape(2, 10, 10, 3) / 255
    image = model(
        input_ids=torch.tensor(ids),
        pixel_values=((pixels - 0.5) / 0.5).permute(0, 3, 1, 2),
    )
print(json.dumps([[[round(value, 6) for value in row] for row in rows.tolist()] for rows in (image.image_embeds, image.text_embeds)]))
