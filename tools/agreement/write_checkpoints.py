"""Random-weight checkpoints of the architectures that docs/models.md names, as transformers and open_clip write them, with what they compute.

    pip install torch==2.9.1 transformers==5.24.0 open_clip_torch==3.3.0 pillow==12.3.0 sentencepiece==0.2.3 protobuf
    python tools/agreement/write_checkpoints.py FOLDER
    npx tsx --conditions teststrip-source tools/agreement/compare.ts FOLDER > tools/agreement/RESULT.md

Layers, heads, patches, sides, activations, pooling, padding and tokenizers are those of the published models; widths are an eighth or so, so that
all of it takes minutes. Every parameter is random, biases included. The CLIPs' vocabulary is the published one, which comes with open_clip; a
Unigram vocabulary with the character map that sentencepiece compiles, and one of byte pairs, are trained here on the repository's own pages.
"""

import io
import json
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import open_clip
import PIL
import sentencepiece
import sentencepiece.sentencepiece_model_pb2 as sentencepiece_model
import tokenizers
import torch
import transformers
from PIL import Image
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (CLIPConfig, CLIPImageProcessorPil, CLIPModel, CLIPTokenizer, PreTrainedTokenizerFast, Siglip2Tokenizer,
                          SiglipConfig, SiglipImageProcessorPil, SiglipModel)

ROOT = Path(__file__).parent.parent.parent
OUT = Path(sys.argv[1])
TEXTS = 6000
EMBEDDED = 4
SPECIALS = ["<|startoftext|>", "<|endoftext|>", "<pad>", "</s>", "<unk>", "<eos>", "<bos>", "<mask>"]


def main() -> None:
    torch.manual_seed(1)
    OUT.mkdir(parents=True, exist_ok=True)
    write_pictures()
    texts = adversarial_texts()
    (OUT / "texts.json").write_text(json.dumps(texts))
    versions = dict(torch=torch.__version__, transformers=transformers.__version__, open_clip=open_clip.__version__,
                    tokenizers=tokenizers.__version__, sentencepiece=sentencepiece.__version__, pillow=PIL.__version__)
    (OUT / "versions.json").write_text(json.dumps(versions))
    clip = clip_tokenizer()
    huge = ((32, 16, 128, 14, 224), (24, 16, 128), "gelu")
    write_clip("openai-vit-b-32", clip, (12, 12, 96, 32, 224), (12, 8, 64), "quick_gelu")
    write_clip("openai-vit-b-16", clip, (12, 12, 96, 16, 224), (12, 8, 64), "quick_gelu", save=save_pickled)
    write_clip("openai-vit-l-14", clip, (24, 16, 128, 14, 224), (12, 12, 96), "quick_gelu")
    write_clip("openai-vit-l-14-336", clip, (24, 16, 128, 14, 336), (12, 12, 96), "quick_gelu")
    write_clip("laion-vit-h-14", clip, *huge)
    write_clip("pickscore", clip, *huge, save=lambda model, folder: model.save_pretrained(folder, max_shard_size="8MB"))
    write_open_clip("open_clip-vit-b-32", dict(layers=12, width=96, head_width=8, patch_size=32, image_size=224), (12, 8, 64), "shortest", True)
    write_open_clip("open_clip-vit-h-14", dict(layers=32, width=128, head_width=8, patch_size=14, image_size=224), (24, 16, 128), "shortest", False)
    write_open_clip("hpsv2", dict(layers=32, width=128, head_width=8, patch_size=14, image_size=224), (24, 16, 128), "longest", False)
    unigram = unigram_tokenizer()
    write_siglip("siglip-base-patch16-224", unigram, (12, 12, 96, 16, 224, 384), (12, 12, 96, 384))
    write_siglip("siglip-so400m-patch14-384", unigram, (27, 16, 144, 14, 384, 538), (27, 16, 144, 538))
    gemma = gemma_tokenizer()
    write_siglip("siglip2-base-patch16-256", gemma, (12, 12, 96, 16, 256, 384), (12, 12, 96, 384))
    write_siglip("siglip2-so400m-patch14-384", gemma, (27, 16, 144, 14, 384, 538), (27, 16, 144, 538), save=save_pickled)


# Checkpoints


def write_clip(name, tokenizer, image, text, activation, save=None):
    layers, heads, width, patch, side = image
    config = CLIPConfig(
        projection_dim=64,
        vision_config=dict(num_hidden_layers=layers, num_attention_heads=heads, hidden_size=width, intermediate_size=4 * width,
                           patch_size=patch, image_size=side, hidden_act=activation),
        # 2, as the published files of before 4.33 say, would pool elsewhere than at the tokenizer's end.
        text_config=dict(num_hidden_layers=text[0], num_attention_heads=text[1], hidden_size=text[2], intermediate_size=4 * text[2],
                         hidden_act=activation, eos_token_id=49407, bos_token_id=49406, pad_token_id=49407))
    processor = CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})
    write(name, CLIPModel(config), tokenizer, processor, side, save)


def write_siglip(name, tokenizer, image, text, save=None):
    layers, heads, width, patch, side, mlp = image
    config = SiglipConfig(
        vision_config=dict(num_hidden_layers=layers, num_attention_heads=heads, hidden_size=width, intermediate_size=mlp,
                           patch_size=patch, image_size=side),
        text_config=dict(num_hidden_layers=text[0], num_attention_heads=text[1], hidden_size=text[2], intermediate_size=text[3],
                         vocab_size=len(tokenizer), projection_size=width))
    processor = SiglipImageProcessorPil(size={"height": side, "width": side})
    write(name, SiglipModel(config), tokenizer, processor, side, save)


def write(name, model, tokenizer, processor, side, save):
    folder = fresh(name)
    shake(model)
    tokenizer.save_pretrained(folder)
    processor.save_pretrained(folder)
    model.config.save_pretrained(folder)
    (save or (lambda one, place: one.save_pretrained(place)))(model, folder)
    squares = [np.asarray(processor(picture, do_rescale=False, do_normalize=False, return_tensors="np")["pixel_values"][0]) for picture in pictures()]
    mean, deviation = torch.tensor(processor.image_mean), torch.tensor(processor.image_std)
    length = model.config.text_config.max_position_embeddings
    ids = tokenizer(texts_of(), padding=False, truncation=True, max_length=length)["input_ids"]
    padded = tokenizer(texts_of()[:EMBEDDED], padding="max_length", truncation=True, max_length=length, return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        images = features(model.get_image_features(pixel_values=normalised(random_squares(side), mean, deviation)))
        texts = features(model.get_text_features(input_ids=padded))
    expect(folder, squares, ids, images, texts)
    print(name, flush=True)


def write_open_clip(name, vision, text, resize_mode, quick_gelu):
    """As a training run saves it: the converter has to make a model of it."""
    folder = fresh(name)
    cfg = dict(embed_dim=64, quick_gelu=quick_gelu, vision_cfg=vision,
               text_cfg=dict(context_length=77, vocab_size=49408, width=text[2], heads=text[1], layers=text[0]))
    model = open_clip.CLIP(**{key: value for key, value in cfg.items()}).eval()
    shake(model)
    torch.save({"epoch": 1, "name": name, "state_dict": {f"module.{key}": value for key, value in model.state_dict().items()}},
               folder / "epoch_1.pt")
    pictures_cfg = dict(mean=list(open_clip.OPENAI_DATASET_MEAN), std=list(open_clip.OPENAI_DATASET_STD), interpolation="bicubic", resize_mode=resize_mode)
    (folder / "open_clip_config.json").write_text(json.dumps(dict(model_cfg=cfg, preprocess_cfg=pictures_cfg)))
    clip_tokenizer().save_pretrained(folder)
    side = vision["image_size"]
    steps = open_clip.image_transform(side, is_train=False, mean=pictures_cfg["mean"], std=pictures_cfg["std"], interpolation="bicubic",
                                      resize_mode=resize_mode, fill_color=0).transforms
    squares = []
    for picture in pictures():
        for step in steps[:-2]:
            picture = step(picture)
        squares.append(np.asarray(picture.convert("RGB")).transpose(2, 0, 1))
    tokenize = open_clip.SimpleTokenizer()
    ids = [[int(one) for one in row[: int((row == 49407).nonzero()[0]) + 1]] for row in (tokenize(text)[0] for text in texts_of())]
    with torch.inference_mode():
        mean, deviation = torch.tensor(pictures_cfg["mean"]), torch.tensor(pictures_cfg["std"])
        images = features(model.encode_image(normalised(random_squares(side), mean, deviation)))
        texts = features(model.encode_text(tokenize(texts_of()[:EMBEDDED])))
    # open_clip cleans texts by ftfy and by unescaping HTML before it cuts them, which no tokenizer.json says.
    expect(folder, squares, None, images, texts, embedded=[row for row in ids[:EMBEDDED]])
    print(name, flush=True)


def save_pickled(model, folder):
    torch.save(model.state_dict(), folder / "pytorch_model.bin")


def fresh(name):
    folder = OUT / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def shake(model):
    """No parameter stays zero or one: a bias that is left out shows."""
    model.eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)


def features(outputs):
    rows = outputs if torch.is_tensor(outputs) else outputs.pooler_output
    return (rows.double() / rows.double().norm(dim=-1, keepdim=True)).tolist()


def expect(folder, squares, ids, images, texts, embedded=None):
    raw = b"".join(np.ascontiguousarray(square.astype(np.uint8).transpose(1, 2, 0)).tobytes() for square in squares)
    (folder / "squares.raw").write_bytes(raw)
    (folder / "expected.json").write_text(json.dumps(dict(ids=ids, embedded=embedded, images=images, texts=texts)))


# Pictures: what is resized, and squares that need no resizing


def write_pictures():
    rng = np.random.default_rng(5)
    for number, (width, height) in enumerate([(512, 512), (640, 427), (333, 600), (224, 224), (1024, 768), (97, 131)]):
        grid = rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)
        smooth = np.asarray(Image.fromarray(grid).resize((width, height), Image.BILINEAR), dtype=np.int16)
        noisy = np.clip(smooth + rng.integers(-40, 41, smooth.shape), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(OUT / f"picture-{number}.png")


def pictures():
    return [Image.open(path).convert("RGB") for path in sorted(OUT.glob("picture-*.png"))]


def random_squares(side):
    """`goldenPixels` of libs/scoring/src/engines/golden.ts."""
    at = np.arange(EMBEDDED * side * side * 3, dtype=np.int64)
    return torch.tensor(((at * 37 + (at >> 9) * 11 + (at >> 17) * 5) % 251).reshape(EMBEDDED, side, side, 3))


def normalised(squares, mean, deviation):
    return ((squares.float() / 255 - mean) / deviation).permute(0, 3, 1, 2)


# Texts


def texts_of():
    return json.loads((OUT / "texts.json").read_text())


def adversarial_texts():
    rng = random.Random(7)
    ranges = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF), (0x590, 0x6FF), (0x900, 0x97F), (0xE00, 0xE7F),
              (0x1100, 0x11FF), (0x1E00, 0x1EFF), (0x2000, 0x206F), (0x2070, 0x214F), (0x2460, 0x24FF), (0x2500, 0x27BF), (0x3000, 0x30FF),
              (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFB00, 0xFDFF), (0xFE00, 0xFE0F), (0xFF00, 0xFFEF), (0x1D400, 0x1D7FF), (0x1F300, 0x1FAFF)]
    words = ["a photo of a cat", "ΟΔΟΣ", "İstanbul", "Straße", "don't", "I'LL", "e\u0301te\u0301", "👩‍👩‍👧‍👦", "🏳️‍🌈", "１２３", "ﬁne", "①②", "①st", "½",
             "\u200bzero", "\ufeffmark", "\u0085next", "\u00a0hard", "tab\there", "line\nbreak", "\r\n", "...", "--", "!?", "C++", "@me #tag", "ÆØÅ",
             "ǅ", "ß", "ﷺ", "한글", "日本語テキスト", "中文字符", "العربية", "עברית", "हिन्दी", "ไทย", "ℌ𝔢𝔩𝔩𝔬", "Ω", "K", "Å", "\u3000wide", "2,000.50", "x" * 60]
    texts = ["", " ", "a", *words]
    while len(texts) < TEXTS:
        parts = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if kind < 0.4:
                parts.append(rng.choice(words))
            elif kind < 0.8:
                low, high = rng.choice(ranges)
                parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 8))))
            else:
                parts.append(rng.choice([" ", "  ", "\t", "\n", "\u2003", "-", "_", "/", "\\", "'", '"', "▁"]))
        text = rng.choice(["", " "]).join(parts)
        # Those have a meaning of their own in transformers, and are text to Teststrip.
        if not any(special in text for special in SPECIALS):
            texts.append(text)
    return texts


def corpus():
    return [line for page in sorted((ROOT / "docs").rglob("*.md")) for line in page.read_text().splitlines() if line.strip()]


def clip_tokenizer():
    if not hasattr(clip_tokenizer, "made"):
        plain = open_clip.SimpleTokenizer()
        merges = [tuple(pair) for pair, _ in sorted(plain.bpe_ranks.items(), key=lambda item: item[1])]
        vocab = {{"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}.get(token, token): at for token, at in plain.encoder.items()}
        clip_tokenizer.made = CLIPTokenizer(vocab=vocab, merges=merges)
    return clip_tokenizer.made


def unigram_tokenizer():
    """Unigram as google/siglip-base-patch16-224 has it: compiled character map, small letters, no punctuation, `</s>` at the end."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(corpus()), model_writer=trained, vocab_size=2000, model_type="unigram",
                                             pad_id=0, eos_id=1, unk_id=2, bos_id=-1, pad_piece="<pad>", minloglevel=2)
    proto = sentencepiece_model.ModelProto.FromString(trained.getvalue())
    backend = Tokenizer(models.Unigram([(piece.piece, piece.score) for piece in proto.pieces], unk_id=2, byte_fallback=False))
    backend.normalizer = normalizers.Sequence([
        normalizers.Precompiled(proto.normalizer_spec.precompiled_charsmap), normalizers.Lowercase(),
        normalizers.Replace(Regex(r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"""), ""), normalizers.Replace(Regex(r"\s+"), " "),
        normalizers.Strip(left=True, right=True)])
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    backend.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="</s>", pad_token="</s>", unk_token="<unk>", model_max_length=64,
                                   padding_side="right")


def gemma_tokenizer():
    """Byte pairs as google/siglip2-base-patch16-256 has them: blanks are ▁, what is unknown is spelled by its bytes."""
    specials = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    backend = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    backend.normalizer = normalizers.Replace(" ", "▁")
    backend.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    bytes_of = [f"<0x{byte:02X}>" for byte in range(256)]
    backend.train_from_iterator([line.lower() for line in corpus()], trainers.BpeTrainer(vocab_size=3000, special_tokens=specials + bytes_of, limit_alphabet=400))
    trained = json.loads(backend.to_str())["model"]
    return Siglip2Tokenizer(vocab=trained["vocab"], merges=[tuple(pair) for pair in trained["merges"]], add_bos_token=False, add_eos_token=True,
                            padding_side="right", model_max_length=64)


if __name__ == "__main__":
    main()
