// Pillow's 8-bit resampling (Resample.c) on 128-bit vectors, bit for bit: see libs/scoring/src/preprocessing/resampling.ts for the same in TypeScript.
// A 22-bit weight does not fit into the 16-bit products that WebAssembly has, so each is split: weight = high · 2^11 + low. All sums are modulo 2^32.
#include <stdint.h>
#include <wasm_simd128.h>

#define PRECISION_BITS 22
#define LOW_BITS 11

static inline v128_t whole(v128_t high, v128_t low) {
  v128_t sum = wasm_i32x4_add(wasm_i32x4_shl(high, LOW_BITS), low);
  return wasm_i32x4_shr(wasm_i32x4_add(sum, wasm_i32x4_splat(1 << (PRECISION_BITS - 1))), PRECISION_BITS);
}

static inline void put(uint8_t *output, v128_t high, v128_t low, int is_last) {
  v128_t sum = whole(high, low);
  v128_t levels = wasm_i16x8_narrow_i32x4(sum, sum);
  v128_t bytes = wasm_u8x16_narrow_i16x8(levels, levels);
  if (!is_last) {
    // A fourth byte, which the next pixel writes over.
    wasm_v128_store32_lane(output, bytes, 0);
    return;
  }
  output[0] = wasm_u8x16_extract_lane(bytes, 0);
  output[1] = wasm_u8x16_extract_lane(bytes, 1);
  output[2] = wasm_u8x16_extract_lane(bytes, 2);
}

// Horizontal pass over `rows` rows of RGB, two at a time: an odd one more is written behind the last.
// Weights come in groups of four taps: two pairs of high parts, two pairs of low parts, 16 bits each.
__attribute__((export_name("rows"))) void
resample_rows(const uint8_t *input, int rows, int row_bytes, uint8_t *output, int count, const int32_t *starts,
              const int32_t *groups, const int32_t *weights, int most_groups) {
  // Taps 0 and 1, 2 and 3 of four pixels: red, green, blue beside each other as 16-bit numbers; -128 is zero.
  const v128_t first = wasm_i8x16_const(0, -128, 3, -128, 1, -128, 4, -128, 2, -128, 5, -128, -128, -128, -128, -128);
  const v128_t second = wasm_i8x16_const(6, -128, 9, -128, 7, -128, 10, -128, 8, -128, 11, -128, -128, -128, -128, -128);
  for (int row = 0; row < rows; row += 2, input += 2 * row_bytes, output += 3 * count) {
    uint8_t *below = output + 3 * count;
    for (int column = 0; column < count; column++, output += 3, below += 3) {
      const uint8_t *at = input + starts[column];
      const int32_t *weight = weights + column * most_groups * 4;
      v128_t high = wasm_i32x4_splat(0), low = high, high_below = high, low_below = high;
      for (int group = groups[column]; group > 0; group--, at += 12, weight += 4) {
        v128_t high_weight = wasm_v128_load32_splat(weight), high_other = wasm_v128_load32_splat(weight + 1);
        v128_t low_weight = wasm_v128_load32_splat(weight + 2), low_other = wasm_v128_load32_splat(weight + 3);
        v128_t pixels = wasm_v128_load(at);
        v128_t one = wasm_i8x16_swizzle(pixels, first);
        v128_t other = wasm_i8x16_swizzle(pixels, second);
        high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(one, high_weight));
        low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(one, low_weight));
        high = wasm_i32x4_add(high, wasm_i32x4_dot_i16x8(other, high_other));
        low = wasm_i32x4_add(low, wasm_i32x4_dot_i16x8(other, low_other));
        pixels = wasm_v128_load(at + row_bytes);
        one = wasm_i8x16_swizzle(pixels, first);
        other = wasm_i8x16_swizzle(pixels, second);
        high_below = wasm_i32x4_add(high_below, wasm_i32x4_dot_i16x8(one, high_weight));
        low_below = wasm_i32x4_add(low_below, wasm_i32x4_dot_i16x8(one, low_weight));
        high_below = wasm_i32x4_add(high_below, wasm_i32x4_dot_i16x8(other, high_other));
        low_below = wasm_i32x4_add(low_below, wasm_i32x4_dot_i16x8(other, low_other));
      }
      int is_last = column + 1 == count;
      put(output, high, low, is_last);
      put(below, high_below, low_below, is_last);
    }
  }
}

// Vertical pass: `count` rows of `row_bytes` bytes, which may be written up to the next multiple of 16. Weights come in pairs of taps: high parts, low parts.
__attribute__((export_name("columns"))) void
resample_columns(const uint8_t *strip, int row_bytes, uint8_t *output, int count, const int32_t *starts,
                 const int32_t *pairs, const int32_t *weights, int most_pairs) {
  for (int row = 0; row < count; row++, output += row_bytes) {
    const uint8_t *top = strip + starts[row] * row_bytes;
    const int32_t *weight = weights + row * most_pairs * 2;
    for (int column = 0; column < row_bytes; column += 16) {
      v128_t high[4], low[4];
      for (int part = 0; part < 4; part++) high[part] = low[part] = wasm_i32x4_splat(0);
      const uint8_t *at = top + column;
      for (int pair = 0; pair < pairs[row]; pair++, at += 2 * row_bytes) {
        v128_t above = wasm_v128_load(at);
        v128_t below = wasm_v128_load(at + row_bytes);
        v128_t left = wasm_i8x16_shuffle(above, below, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        v128_t right = wasm_i8x16_shuffle(above, below, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
        v128_t levels[4] = {wasm_u16x8_extend_low_u8x16(left), wasm_u16x8_extend_high_u8x16(left),
                            wasm_u16x8_extend_low_u8x16(right), wasm_u16x8_extend_high_u8x16(right)};
        v128_t high_weight = wasm_v128_load32_splat(weight + 2 * pair);
        v128_t low_weight = wasm_v128_load32_splat(weight + 2 * pair + 1);
        for (int part = 0; part < 4; part++) {
          high[part] = wasm_i32x4_add(high[part], wasm_i32x4_dot_i16x8(levels[part], high_weight));
          low[part] = wasm_i32x4_add(low[part], wasm_i32x4_dot_i16x8(levels[part], low_weight));
        }
      }
      v128_t first = wasm_i16x8_narrow_i32x4(whole(high[0], low[0]), whole(high[1], low[1]));
      v128_t second = wasm_i16x8_narrow_i32x4(whole(high[2], low[2]), whole(high[3], low[3]));
      wasm_v128_store(output + column, wasm_u8x16_narrow_i16x8(first, second));
    }
  }
}
