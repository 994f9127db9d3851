"""Random checkpoints of ViT-B/32 and ViT-L/14 as transformers writes them, embeddings by torch, and the speed of a bare torch loop.

    python3 write_models.py FOLDER RESULT.json NAME [NAME ...]     NAME: b32 or l14

Each FOLDER/NAME holds the checkpoint, reference.pixels (8 pictures, 8-bit RGB) and reference.json (torch, f32, CPU). TOKENIZER names the
folder whose tokenizer files are copied, LAYERS makes both towers so deep. Run with torch 2.11 and 2.9, transformers 5.17 and 5.24.
"""

import json
import os
import shutil
import sys
import time

import torch
from transformers import CLIPConfig, CLIPModel

SIDE = 224
MEAN = torch.tensor([0.48145466, 0.4578275, 0.40821073])
DEVIATION = torch.tensor([0.26862954, 0.26130258, 0.27577711])
VOCABULARY = 49408
SHAPES = {
    "b32": dict(
        projection_dim=512,
        text=dict(hidden_size=512, intermediate_size=2048, num_attention_heads=8, num_hidden_layers=12),
        vision=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, patch_size=32),
        gflop=8.82,
    ),
    "l14": dict(
        projection_dim=768,
        text=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12),
        vision=dict(hidden_size=1024, intermediate_size=4096, num_attention_heads=16, num_hidden_layers=24, patch_size=14),
        gflop=162,
    ),
}
BATCHES = (1, 16, 64, 256)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def end_of_text(tokenizer):
    """The id that ends a text, by the tokenizer that the checkpoint gets."""
    with open(os.path.join(tokenizer, "tokenizer.json"), encoding="utf8") as file:
        added = json.load(file)["added_tokens"]
    return next(token["id"] for token in added if token["content"] == "<|endoftext|>")


def new_model(shape, end):
    depth = {"num_hidden_layers": int(os.environ["LAYERS"])} if "LAYERS" in os.environ else {}
    text = {**shape["text"], **depth, "vocab_size": VOCABULARY, "eos_token_id": end}
    config = CLIPConfig(text_config=text, vision_config={**shape["vision"], **depth}, projection_dim=shape["projection_dim"])
    model = CLIPModel(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            # Fresh biases are 0 and fresh scales 1: a place where one is forgotten would not show.
            if parameter.dim() == 1:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    return model


def reference_pixels():
    """Four smooth pictures and four of noise."""
    pixels = torch.randint(0, 256, (8, SIDE, SIDE, 3), dtype=torch.uint8)
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    for index in range(4):
        channels = [(rows + 40 * index) % 256, (columns * (index + 1)) % 256, (columns + rows) % 256]
        pixels[index] = torch.stack(channels, -1).to(torch.uint8)
    return pixels


def unit(features):
    rows = getattr(features, "pooler_output", features)
    return rows / rows.norm(dim=-1, keepdim=True)


def write(folder, name, tokenizer):
    """Writes one checkpoint with its reference. Returns the model."""
    directory, shape, end = os.path.join(folder, name), SHAPES[name], end_of_text(tokenizer)
    os.makedirs(directory, exist_ok=True)
    model = new_model(shape, end)
    model.save_pretrained(directory)
    with open(os.path.join(directory, "preprocessor_config.json"), "w") as file:
        json.dump({"size": SIDE, "crop_size": SIDE}, file)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(os.path.join(tokenizer, file), directory)
    pixels = reference_pixels()
    with open(os.path.join(directory, "reference.pixels"), "wb") as file:
        file.write(pixels.numpy().tobytes())
    ids = torch.tensor([[9000, 320, 1125, 539, 320, 2368, end, end], [9000, 1005, 1006, 1007, 1008, 1009, 1010, end]])
    values = ((pixels / 255.0 - MEAN) / DEVIATION).permute(0, 3, 1, 2).contiguous()
    with torch.inference_mode():
        images = unit(model.get_image_features(pixel_values=values))
        texts = unit(model.get_text_features(input_ids=ids))
    reference = {"ids": ids.tolist(), "images": images.tolist(), "texts": texts.tolist(), "gflopPerImage": shape["gflop"]}
    with open(os.path.join(directory, "reference.json"), "w") as file:
        json.dump(reference, file)
    return model


def images_per_second(model, batch, dtype):
    """From pixels in host memory to embeddings in host memory, as an engine has to."""
    host = torch.randint(0, 256, (batch, SIDE, SIDE, 3), dtype=torch.uint8).pin_memory()
    mean, deviation = ((one * 255).to(DEVICE).view(1, 3, 1, 1) for one in (MEAN, DEVIATION))

    def run():
        values = host.to(DEVICE, non_blocking=True).permute(0, 3, 1, 2)
        with torch.inference_mode():
            return unit(model.get_image_features(pixel_values=((values - mean) / deviation).to(dtype).contiguous())).float().cpu()

    for _ in range(3):
        run()
    done, start = 0, time.time()
    while time.time() - start < 1:
        run()
        done += batch
    return round(done / (time.time() - start))


def speeds(model):
    found = {}
    for precision in ("f32", "tf32", "f16"):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        dtype = torch.float16 if precision == "f16" else torch.float32
        moved = model.to(DEVICE, dtype)
        found[precision] = {batch: images_per_second(moved, batch, dtype) for batch in BATCHES}
    return found


def main(folder, result_file, *names):
    torch.manual_seed(0)
    tokenizer = os.environ.get("TOKENIZER", folder)
    result = {"torch": torch.__version__, "device": torch.cuda.get_device_name(0) if DEVICE == "cuda" else "cpu"}
    for name in names:
        try:
            model = write(folder, name, tokenizer)
            result[name] = speeds(model) if DEVICE == "cuda" else "no GPU: no loop"
        except Exception as error:  # the other models are still of use
            result[name] = repr(error)
        with open(result_file, "w") as file:
            json.dump(result, file, indent=1)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
