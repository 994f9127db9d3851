"""Random checkpoints of ViT-B/32, ViT-L/14 and SigLIP B/16 as transformers writes them, embeddings by torch, and the speed of a bare torch loop.

    python3 write_models.py FOLDER RESULT.json NAME [NAME ...]     NAME: b32, l14 or siglip

Each FOLDER/NAME holds the checkpoint, reference.pixels (8 pictures, 8-bit RGB) and reference.json (torch, f32, CPU). TOKENIZER names the
folder whose tokenizer files are copied, LAYERS makes both towers so deep. Run with torch 2.11 and 2.9, transformers 5.17 and 5.24.
"""

import json
import os
import shutil
import sys
import time

import torch
from transformers import CLIPConfig, CLIPModel, SiglipConfig, SiglipModel

SIDE = 224
CLIP_COLOURS = (torch.tensor([0.48145466, 0.4578275, 0.40821073]), torch.tensor([0.26862954, 0.26130258, 0.27577711]))
SIGLIP_COLOURS = (torch.tensor([0.5] * 3), torch.tensor([0.5] * 3))
VOCABULARY = 49408
SIGLIP_VOCABULARY = 32000
SIGLIP_LENGTH = 64
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
    "siglip": dict(
        text=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, projection_size=768),
        vision=dict(hidden_size=768, intermediate_size=3072, num_attention_heads=12, num_hidden_layers=12, patch_size=16),
        gflop=35.9,
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
    vision = {**shape["vision"], **depth}
    if end is None:
        text = {**shape["text"], **depth, "vocab_size": SIGLIP_VOCABULARY, "max_position_embeddings": SIGLIP_LENGTH}
        model = SiglipModel(SiglipConfig(text_config=text, vision_config={**vision, "image_size": SIDE})).eval()
    else:
        text = {**shape["text"], **depth, "vocab_size": VOCABULARY, "eos_token_id": end}
        model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=shape["projection_dim"])).eval()
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


def write_unigram(directory):
    """The smallest tokenizer of a SigLIP's kind; its texts are not asked for here."""
    pieces = ["<pad>", "</s>", "<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz"]
    tokenizer = {
        "added_tokens": [{"id": id, "content": pieces[id], "special": True} for id in range(3)],
        "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                           "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
        "model": {"type": "Unigram", "unk_id": 2, "byte_fallback": False, "vocab": [[piece, 0.0 if id < 3 else -2.0] for id, piece in enumerate(pieces)]},
    }
    for name, value in (("tokenizer.json", tokenizer), ("tokenizer_config.json", {"pad_token": "</s>", "eos_token": "</s>", "unk_token": "<unk>", "padding_side": "right"})):
        with open(os.path.join(directory, name), "w", encoding="utf8") as file:
            json.dump(value, file)


def colours(name):
    return SIGLIP_COLOURS if name == "siglip" else CLIP_COLOURS


def texts_as_ids(end):
    """Two texts; a SigLIP's are as long as its tower reads them."""
    texts = [[9000, 320, 1125, 539, 320, 2368], [9000, 1005, 1006, 1007, 1008, 1009, 1010]]
    if end is None:
        return torch.tensor([text + [1] * (SIGLIP_LENGTH - len(text)) for text in texts])
    return torch.tensor([text + [end] * (8 - len(text)) for text in texts])


def unit(features):
    rows = getattr(features, "pooler_output", features)
    return rows / rows.norm(dim=-1, keepdim=True)


def write(folder, name, tokenizer):
    """Writes one checkpoint with its reference. Returns the model."""
    directory, shape = os.path.join(folder, name), SHAPES[name]
    end = None if name == "siglip" else end_of_text(tokenizer)
    os.makedirs(directory, exist_ok=True)
    model = new_model(shape, end)
    model.save_pretrained(directory)
    preprocessing = {"size": SIDE, "crop_size": SIDE}
    if end is None:
        write_unigram(directory)
        preprocessing = {"size": {"height": SIDE, "width": SIDE}, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "resample": 3}
    else:
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(os.path.join(tokenizer, file), directory)
    with open(os.path.join(directory, "preprocessor_config.json"), "w") as file:
        json.dump(preprocessing, file)
    pixels = reference_pixels()
    with open(os.path.join(directory, "reference.pixels"), "wb") as file:
        file.write(pixels.numpy().tobytes())
    ids = texts_as_ids(end)
    mean, deviation = colours(name)
    values = ((pixels / 255.0 - mean) / deviation).permute(0, 3, 1, 2).contiguous()
    with torch.inference_mode():
        images = unit(model.get_image_features(pixel_values=values))
        texts = unit(model.get_text_features(input_ids=ids))
    reference = {"ids": ids.tolist(), "images": images.tolist(), "texts": texts.tolist(), "gflopPerImage": shape["gflop"]}
    with open(os.path.join(directory, "reference.json"), "w") as file:
        json.dump(reference, file)
    return model


def images_per_second(model, name, batch, dtype):
    """From pixels in host memory to embeddings in host memory, as an engine has to."""
    host = torch.randint(0, 256, (batch, SIDE, SIDE, 3), dtype=torch.uint8).pin_memory()
    mean, deviation = ((one * 255).to(DEVICE).view(1, 3, 1, 1) for one in colours(name))

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


def speeds(model, name):
    found = {}
    for precision in ("f32", "tf32", "f16"):
        torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
        dtype = torch.float16 if precision == "f16" else torch.float32
        moved = model.to(DEVICE, dtype)
        found[precision] = {batch: images_per_second(moved, name, batch, dtype) for batch in BATCHES}
    return found


def main(folder, result_file, *names):
    torch.manual_seed(0)
    tokenizer = os.environ.get("TOKENIZER", folder)
    result = {"torch": torch.__version__, "device": torch.cuda.get_device_name(0) if DEVICE == "cuda" else "cpu"}
    for name in names:
        try:
            model = write(folder, name, tokenizer)
            result[name] = speeds(model, name) if DEVICE == "cuda" else "no GPU: no loop"
        except Exception as error:  # the other models are still of use
            result[name] = repr(error)
        with open(result_file, "w") as file:
            json.dump(result, file, indent=1)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
