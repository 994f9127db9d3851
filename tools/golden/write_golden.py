"""Writes golden.json of a CLIP's or a SigLIP's directory: embeddings that every engine is held against when it starts.

    python tools/golden/write_golden.py models/scenes-clip

Float32 on the CPU by transformers, normalised in double precision. The pictures are those of `goldenPixels` in
libs/scoring/src/engines/golden.ts; any model with torch >= 2.5 and transformers >= 4.50 gives the same within 1e-6.
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
import transformers

PICTURES = 4


def main(directory: Path) -> None:
    model = transformers.AutoModel.from_pretrained(directory, torch_dtype=torch.float32).eval()
    steps = json.loads((directory / "preprocessor_config.json").read_text())
    side, text = model.config.vision_config.image_size, model.config.text_config
    at = np.arange(PICTURES * side * side * 3, dtype=np.int64)
    pixels = ((at * 37 + (at >> 9) * 11 + (at >> 17) * 5) % 251).reshape(PICTURES, side, side, 3)
    scaled = torch.tensor(pixels).float() * steps["rescale_factor"]
    ready = (scaled - torch.tensor(steps["image_mean"])) / torch.tensor(steps["image_std"])
    end = text.vocab_size - 1
    longest = min(20, text.max_position_embeddings) - 2
    ids = [[end - 1, *((k * 7919 + row * 13) % (end - 3) for k in range(n)), end] for row, n in enumerate((0, 3, longest))]
    if model.config.model_type == "siglip":  # read at the last place: texts fill the context
        ids = [row + [1] * (text.max_position_embeddings - len(row)) for row in ids]
    with torch.inference_mode():
        pictures = unit(model.get_image_features(pixel_values=ready.permute(0, 3, 1, 2)))
        texts = [unit(model.get_text_features(input_ids=torch.tensor([row])))[0] for row in ids]
    golden = {
        "source": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "pictures": pictures,
        "texts": [{"ids": row, "embedding": embedding} for row, embedding in zip(ids, texts)],
    }
    (directory / "golden.json").write_text(json.dumps(golden) + "\n")


def unit(features) -> list[list[float]]:
    rows = (features if torch.is_tensor(features) else features.pooler_output).double()
    return [[round(value, 7) for value in row] for row in (rows / rows.norm(dim=-1, keepdim=True)).tolist()]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
