#!/bin/bash
# The GPU check, from the folder that pack.sh made: see README.md. Results as JSON in $OUT. Every step is bounded, a failing one is passed over.
set -u
HERE=$(cd "$(dirname "$0")" && pwd)
OUT=${OUT:-$PWD/gpu-check-results}
ROOT=$(mktemp -d)
trap 'rm -rf "$ROOT"' EXIT
MODELS=${MODELS:-b32 l14}
STEPS=${STEPS:-'
  onnx-cuda f32 b32 1,16,64,256 40;   onnx-cuda f16 b32 1,16,64,256 40;   onnx-cuda f16 l14 1,16,64,256 50;   onnx-cuda f32 l14 1,16,64 50;
  onnx-webgpu f32 b32 1,16,64,256 40; onnx-webgpu f16 b32 1,16,64,256 40; onnx-webgpu f16 l14 1,16,64 45;
  tfjs-webgpu f32 b32 1,16,64,256 40; tfjs-webgpu f32 l14 1,16,64 40;     onnx f32 b32 1,16,64 30'}
mkdir -p "$OUT" "$ROOT/bin" "$ROOT/app" "$ROOT/debs"
say() { echo "[$SECONDS s] $*"; }

# --- unpacked side by side; the models, and torch's own loop, while that goes on ---
(xz -dc "$HERE/node.xz" > "$ROOT/bin/node" && chmod +x "$ROOT/bin/node") &
tar -xJf "$HERE/app.tar.xz" -C "$ROOT/app" || exit 1
LIBRARIES=$ROOT/app/node_modules/onnxruntime-node/bin/napi-v6/linux/x64
for library in libonnxruntime.so.1 libonnxruntime_providers_cuda.so; do xz -dc "$HERE/$library.xz" > "$LIBRARIES/$library" & done
TOKENIZER=$ROOT/app timeout "${TORCH_SECONDS:-110}" python3 "$ROOT/app/write_models.py" "$ROOT" "$OUT/torch.json" $MODELS > "$ROOT/torch.log" 2>&1 ||
  say "torch ended with $?: $(tail -c 700 "$ROOT/torch.log")"
wait
say "unpacked, models written"

# --- CUDA and cuDNN of torch's wheels; Vulkan, where the machine has none ---
PACKAGES=$(python3 -c "import sysconfig; print(sysconfig.get_paths()['purelib'])")
LD_LIBRARY_PATH=$(ls -d "$PACKAGES"/nvidia/*/lib 2>/dev/null | tr '\n' ':')${LD_LIBRARY_PATH:-}
if ! ldconfig -p | grep -q libvulkan.so.1; then
  for file in "$HERE"/debs/*.deb; do [ -e "$file" ] && dpkg -x "$file" "$ROOT/debs"; done
  LD_LIBRARY_PATH=$ROOT/debs/usr/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH
fi
export LD_LIBRARY_PATH
if [ -z "${VK_DRIVER_FILES:-}" ]; then
  DRIVER=$(find /etc/vulkan /usr/share/vulkan /usr/local -name nvidia_icd.json 2>/dev/null | head -1)
  [ -z "$DRIVER" ] || export VK_DRIVER_FILES=$DRIVER
fi

{
  nvidia-smi -L
  "$ROOT/bin/node" --version
  echo "VK_DRIVER_FILES=${VK_DRIVER_FILES:-}"
  ldd "$LIBRARIES/libonnxruntime_providers_cuda.so" | grep 'not found'
} > "$OUT/machine.txt" 2>&1

cd "$ROOT/app" || exit 1
step() { # engine precision model batches seconds
  local name="$3-$1-$2"
  say "$name"
  timeout -k 5 "$5" "$ROOT/bin/node" measure.js "$1" "$2" "$ROOT/$3" "$OUT/$name.json" "$4" "${SECONDS_EACH:-1}" > "$ROOT/$name.log" 2>&1
  local code=$?
  [ $code = 0 ] || { echo "  ended with $code: $(tail -c 700 "$ROOT/$name.log")"; cp "$ROOT/$name.log" "$OUT/$name.log"; }
  [ -e "$OUT/$name.json" ] && grep -E 'Worst1|conformance|PerSecond|"(1|16|64|256)"' "$OUT/$name.json" | tr -d '\n'
  echo
}
while read -r engine precision model batches seconds; do
  [ -n "$engine" ] && step "$engine" "$precision" "$model" "$batches" "$seconds" < /dev/null
done < <(echo "$STEPS" | tr ';' '\n')
say "done: results in $OUT"
