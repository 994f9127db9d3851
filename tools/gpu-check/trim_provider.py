"""Keeps one GPU architecture's kernels in ONNX Runtime's CUDA provider, without those that no CLIP uses, so that it compresses to 13 MB.

    python3 trim_provider.py PROVIDER.so TRIMMED.so [ARCHITECTURE=90]

The section .nv_fatbin is a row of containers (magic, version, length of the header, length of the body), each with images for several
architectures (kind, version, length of the header, length; architecture at byte 28, flags at 40, unpacked length at 56), which are cubins
packed with zstd. The file keeps its length and all addresses: what goes is overwritten with zeros. Needs libzstd.so.1.
"""

import ctypes
import re
import struct
import sys

MAGIC = 0xBA55ED50
UNUSED = re.compile(
    r"MoeFC|fpA_intB|moe_|splitkv|GroupProblemShape|masked_multihead|cutlass_kernels|llm|GemmUniversal|bfloat16_tE|MoE|moe|Moe"
    r"|4bits|Bits|bnb|quant|Quant|flash_fwd_kernelINS0_23Flash_fwd_kernel_traitsILi(?!64E)|paged|Paged|xqa|decoder|beam|Beam|Sampling"
    r"|Sm70|Sm75|Sm50|fused_multihead|Qordered|LongFormer|longformer|conv|Conv|Lstm|lstm|rnn|roi|Roi|NonMax|Rotary"
)


def fatbin_of(data):
    """Offset and length of the section .nv_fatbin of an ELF file of 64 bits."""
    (table,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    sections = [struct.unpack_from("<IIQQQQ", data, table + index * size) for index in range(count)]
    strings = sections[names][4]
    for name, _, _, _, offset, length in sections:
        if data[strings + name : strings + name + 11] == b".nv_fatbin\0":
            return offset, length
    raise SystemExit("the file has no section .nv_fatbin")


def containers(data):
    """Start, start of the body and end of each container."""
    at, length = fatbin_of(data)
    end = at + length
    while at < end:
        magic, _, header, body = struct.unpack_from("<IHHQ", data, at)
        if magic != MAGIC:
            at += 8
            continue
        yield at, at + header, at + header + body
        at += header + body


def images(data, start, end):
    """Start, length of the header and length of each image of a container."""
    while start < end:
        header, length = struct.unpack_from("<IQ", data, start + 4)
        yield start, header, length
        start += header + length


def kernels(data, start, header, length, unpack):
    """Names of the kernels of an image; none where it can't be unpacked."""
    packed_length, unpacked_length = struct.unpack_from("<I", data, start + 16)[0], struct.unpack_from("<Q", data, start + 56)[0]
    payload = bytes(data[start + header : start + header + length])
    cubin = unpack(payload[:packed_length], unpacked_length)
    return {match.group(1).decode() for match in re.finditer(rb"\.text\.([A-Za-z0-9_]+)", cubin)}


def zstd():
    library = ctypes.CDLL("libzstd.so.1")
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]

    def unpack(payload, length):
        buffer = ctypes.create_string_buffer(length + 16)
        written = library.ZSTD_decompress(buffer, length + 16, payload, len(payload))
        return buffer.raw[:written] if written <= length + 16 else b""

    return unpack


def is_used(names):
    return sum(1 for name in names if UNUSED.search(name)) <= len(names) * 0.5


def main(source, target, architecture="90"):
    with open(source, "rb") as file:
        data = bytearray(file.read())
    unpack = zstd()
    kept = {
        image: image + header + length
        for _, start, end in containers(data)
        for image, header, length in images(data, start, end)
        if struct.unpack_from("<I", data, image + 28)[0] == int(architecture)
        and is_used(kernels(data, image, header, length, unpack))
    }
    if not kept:
        raise SystemExit(f"{source} has no kernels for architecture {architecture}")
    first, last = min(kept.items(), key=lambda place: place[1] - place[0])
    # A container may not be empty: where a kernel is missed after all, the driver says that it is not found.
    placeholder = bytes(data[first:last])
    whole = 0
    for place, start, end in list(containers(data)):
        parts = [bytes(data[image : kept[image]]) for image, _, _ in images(data, start, end) if image in kept]
        whole += len(parts) > 0
        if not parts and end - start < len(placeholder):
            continue
        body = b"".join(parts) or placeholder
        struct.pack_into("<Q", data, place + 8, len(body))
        data[start:end] = body + bytes(end - start - len(body))
    with open(target, "wb") as file:
        file.write(data)
    print(f"kept kernels for architecture {architecture} in {whole} containers")


if __name__ == "__main__":
    main(*sys.argv[1:])
