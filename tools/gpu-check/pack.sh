#!/bin/bash
# Packs the GPU check into one folder: see README.md.   pack.sh FOLDER [WHEEL of onnxruntime-gpu]
set -euo pipefail
HERE=$(cd "$(dirname "$0")" && pwd)
REPO=$(cd "$HERE/../.." && pwd)
[ $# -ge 1 ] || { echo "usage: pack.sh FOLDER [WHEEL]" >&2; exit 2; }
mkdir -p "$1"
FOLDER=$(cd "$1" && pwd)
WHEEL=${2:-}
[ -z "$WHEEL" ] || WHEEL=$(cd "$(dirname "$WHEEL")" && pwd)/$(basename "$WHEEL")
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
cd "$REPO"
MODULES=$REPO/node_modules
BIN=bin/napi-v6/linux/x64
XZ="xz -T0 ${XZ_LEVEL:--9}"

# --- the check and the workers of the engines, each one file; pictures are not decoded there, so the codecs stay here ---
APP=$WORK/app
mkdir -p "$APP"
echo 'export default undefined;' > "$WORK/no-codecs.js"
for entry in tools/gpu-check/measure libs/scoring/src/engines/{onnx-worker,onnx-self-test,tfjs/tfjs-worker}; do
  npx esbuild $entry.ts --bundle --platform=node --format=esm --target=node20 --conditions=teststrip-source \
    --alias:sharp="$WORK/no-codecs.js" --external:onnxruntime-node --log-level=warning --outfile="$APP/$(basename $entry).js" \
    --banner:js='import { createRequire as newRequire } from "node:module"; const require = newRequire(import.meta.url);'
done
echo '{ "type": "module" }' > "$APP/package.json"
cp models/scenes-clip/tokenizer.json models/scenes-clip/tokenizer_config.json tools/gpu-check/write_models.py "$APP/"
for package in onnxruntime-node onnxruntime-common; do
  mkdir -p "$APP/node_modules/$package"
  cp -r $MODULES/$package/package.json $MODULES/$package/dist "$APP/node_modules/$package/"
done
find "$APP/node_modules" \( -name '*.map' -o -name '*.d.ts' -o -name '*.min.js' \) -delete
mkdir -p "$APP/node_modules/onnxruntime-node/$BIN"
cp $MODULES/onnxruntime-node/$BIN/onnxruntime_binding.node "$APP/node_modules/onnxruntime-node/$BIN/"

# --- CUDA: the provider's libraries are in PyPI's wheel of the same version ---
VERSION=$(node -p "require('onnxruntime-node/package.json').version")
if [ -z "$WHEEL" ]; then
  python3 -m pip download --no-deps --only-binary=:all: --platform manylinux_2_28_x86_64 --python-version 3.12 --dest "$WORK" "onnxruntime-gpu==$VERSION"
  WHEEL=$(ls "$WORK"/onnxruntime_gpu-*.whl)
fi
case $(basename "$WHEEL") in
  onnxruntime_gpu-$VERSION-*) ;;
  *) echo "$WHEEL is another version, expected onnxruntime_gpu-$VERSION" >&2; exit 1 ;;
esac
python3 -m zipfile -e "$WHEEL" "$WORK/wheel"
cp "$WORK/wheel/onnxruntime/capi/libonnxruntime_providers_shared.so" "$APP/node_modules/onnxruntime-node/$BIN/"
python3 "$HERE/trim_provider.py" "$WORK/wheel/onnxruntime/capi/libonnxruntime_providers_cuda.so" "$WORK/libonnxruntime_providers_cuda.so" "${ARCHITECTURE:-90}"
rm -r "$WORK/wheel"

# --- TensorFlow.js, where it is installed ---
TFJS=${TFJS_MODULES:-$MODULES}
if [ -d "$TFJS/webgpu" ] && [ -d "$TFJS/@tensorflow/tfjs-backend-webgpu" ]; then
  for name in core backend-cpu backend-webgpu backend-wasm; do
    from=$TFJS/@tensorflow/tfjs-$name
    [ -d "$from" ] || continue
    mkdir -p "$APP/node_modules/@tensorflow/tfjs-$name/dist"
    cp "$from/package.json" "$APP/node_modules/@tensorflow/tfjs-$name/"
    cp "$from/$(node -p "require('$from/package.json').main")" "$APP/node_modules/@tensorflow/tfjs-$name/dist/"
    cp "$from"/wasm-out/*.wasm "$APP/node_modules/@tensorflow/tfjs-$name/dist/" 2>/dev/null || true
  done
  for name in long seedrandom node-fetch whatwg-url tr46 webidl-conversions; do cp -r "$TFJS/$name" "$APP/node_modules/"; done
  mkdir -p "$APP/node_modules/webgpu/dist"
  cp "$TFJS"/webgpu/{package.json,index.js} "$APP/node_modules/webgpu/"
  cp -r "$TFJS/webgpu/dist/linux-x64" "$APP/node_modules/webgpu/dist/"
  strip -s "$APP/node_modules/webgpu/dist/linux-x64/dawn.node" || true
else
  echo "TensorFlow.js with WebGPU is not installed and stays out (README.md says how)"
fi

# --- libraries of a display, which NVIDIA's Vulkan driver wants ---
mkdir -p "$FOLDER/debs"
(cd "$FOLDER/debs" && apt-get download libbsd0 libegl1 libgl1 libgles2 libglvnd0 libglx0 libmd0 libopengl0 libvulkan1 libx11-6 libxau6 libxcb1 libxdmcp6 libxext6) ||
  echo "no packages from apt: a machine without a display computes nothing through Vulkan"

# --- four archives, so that they unpack side by side ---
cp "$(node -p process.execPath)" "$WORK/node"
strip -s "$WORK/node" || true
tar -C "$APP" -cf - . | $XZ > "$FOLDER/app.tar.xz"
$XZ -c "$WORK/node" > "$FOLDER/node.xz"
$XZ -c $MODULES/onnxruntime-node/$BIN/libonnxruntime.so.1 > "$FOLDER/libonnxruntime.so.1.xz"
$XZ -c "$WORK/libonnxruntime_providers_cuda.so" > "$FOLDER/libonnxruntime_providers_cuda.so.xz"
cp "$HERE/run.sh" "$FOLDER/"
du -sm "$FOLDER" | awk '{ print $1 " MiB in " $2; if ($1 > 64) { print "that is more than 64 MiB"; exit 1 } }'
