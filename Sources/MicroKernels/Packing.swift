import CVector

/// Brings `rows` rows of `depth` contiguous floats into columns: target[p * step + i] = source[i * stride + p].
/// Writes whole vectors: up to `vectorWidth` floats behind column p are overwritten, before column p + 1 is written.
public let packRows:
  @convention(c) (
    _ depth: Int, _ rows: Int, _ source: UnsafePointer<Float>, _ stride: Int,
    _ target: UnsafeMutablePointer<Float>,
    _ step: Int
  ) -> Void = { depth, rows, source, stride, target, step in
    let width = Vector.scalarCount
    guard depth >= width else {
      for p in 0..<depth {
        for i in 0..<rows { target[p &* step &+ i] = source[i &* stride &+ p] }
      }
      return
    }
    // Along the rows, as the processor expects it: they come from memory, and this many streams it follows.
    var i = 0
    while i < rows {
      var p = 0
      while p < depth {
        // The last columns overlap those before them.
        p = min(p, depth &- width)
        #if WIDE_VECTORS
          cv_transpose_f32(
            source + i &* stride + p, stride, min(rows &- i, width), target + p &* step + i, step)
        #else
          cv_transpose_f32x8(
            source + i &* stride + p, stride, min(rows &- i, width), target + p &* step + i, step)
        #endif
        p &+= width
      }
      i &+= width
    }
  }

/// Brings `depth` rows of `columns` contiguous floats together: target[p * step + j] = source[p * stride + j], and
/// zeros up to `step`.
public let packColumns:
  @convention(c) (
    _ depth: Int, _ columns: Int, _ source: UnsafePointer<Float>, _ stride: Int,
    _ target: UnsafeMutablePointer<Float>, _ step: Int
  ) -> Void = { depth, columns, source, stride, target, step in
    if columns < step { target.update(repeating: 0, count: depth &* step) }
    switch columns {
    case 16...32: copyRows(SIMD16<Float>.self, depth, columns, source, stride, target, step)
    case 8..<16: copyRows(SIMD8<Float>.self, depth, columns, source, stride, target, step)
    case 4..<8: copyRows(SIMD4<Float>.self, depth, columns, source, stride, target, step)
    case 2..<4: copyRows(SIMD2<Float>.self, depth, columns, source, stride, target, step)
    default: for p in 0..<depth { target[p &* step] = source[p &* stride] }
    }
  }

/// Rows of one to two vectors: the first and the last vector of each, which overlap.
@inline(__always)
private func copyRows<V: SIMD>(
  _: V.Type, _ depth: Int, _ columns: Int, _ source: UnsafePointer<Float>, _ stride: Int,
  _ target: UnsafeMutablePointer<Float>, _ step: Int
) {
  let second = columns &- V.scalarCount
  var from = UnsafeRawPointer(source)
  var to = UnsafeMutableRawPointer(target)
  for _ in 0..<depth {
    let first = from.loadUnaligned(as: V.self)
    let last = (from + 4 &* second).loadUnaligned(as: V.self)
    to.storeBytes(of: first, as: V.self)
    (to + 4 &* second).storeBytes(of: last, as: V.self)
    from += 4 &* stride
    to += 4 &* step
  }
}
