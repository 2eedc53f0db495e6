import CVector

/// Brings `rows` rows of `depth` contiguous numbers into columns: target[p * step + i] = source[i * stride + p].
/// Writes whole vectors: up to `vectorWidth` numbers behind column p are overwritten, before column p + 1 is written.
public let packRows:
  @convention(c) (
    _ depth: Int, _ rows: Int, _ source: UnsafeRawPointer, _ stride: Int,
    _ target: UnsafeMutableRawPointer,
    _ step: Int
  ) -> Void = { depth, rows, source, stride, target, step in
    let (source, target) = (reals(source), reals(target))
    let width = Vector.scalarCount
    guard depth >= width else {
      for p in 0..<depth {
        for i in 0..<rows { target[p &* step &+ i] = source[i &* stride &+ p] }
      }
      return
    }
    // Along the rows, as the processor expects it: they come from memory, and this many streams it follows. The last rows
    // first, since what their vectors overwrite are the first rows of the next column.
    var i = (rows &- 1) / width &* width
    while i >= 0 {
      var p = 0
      while p < depth {
        // The last columns overlap those before them.
        p = min(p, depth &- width)
        transposeVectors(
          source + i &* stride + p, stride, min(rows &- i, width), target + p &* step + i, step)
        p &+= width
      }
      i &-= width
    }
  }

/// Brings `depth` rows of `columns` contiguous numbers together: target[p * step + j] = source[p * stride + j], and
/// zeros up to `step`.
public let packColumns:
  @convention(c) (
    _ depth: Int, _ columns: Int, _ source: UnsafeRawPointer, _ stride: Int,
    _ target: UnsafeMutableRawPointer, _ step: Int
  ) -> Void = { depth, columns, source, stride, target, step in
    let (source, target) = (reals(source), reals(target))
    if columns < step { target.update(repeating: 0, count: depth &* step) }
    let wide = columns >= lanes
    if wide && columns <= 2 &* lanes {
      copyRows(Lanes.self, depth, columns, source, stride, target, step)
    } else if !wide && columns >= 8 {
      copyRows(SIMD8<Real>.self, depth, columns, source, stride, target, step)
    } else if !wide && columns >= 4 {
      copyRows(SIMD4<Real>.self, depth, columns, source, stride, target, step)
    } else if !wide && columns >= 2 {
      copyRows(SIMD2<Real>.self, depth, columns, source, stride, target, step)
    } else {
      for p in 0..<depth { target[p &* step] = source[p &* stride] }
    }
  }

/// Rows of one to two vectors: the first and the last vector of each, which overlap.
@inline(__always)
private func copyRows<V: SIMD>(
  _: V.Type, _ depth: Int, _ columns: Int, _ source: UnsafePointer<Real>, _ stride: Int,
  _ target: UnsafeMutablePointer<Real>, _ step: Int
) {
  let size = MemoryLayout<Real>.size
  let second = columns &- V.scalarCount
  var from = UnsafeRawPointer(source)
  var to = UnsafeMutableRawPointer(target)
  for _ in 0..<depth {
    let first = from.loadUnaligned(as: V.self)
    let last = (from + size &* second).loadUnaligned(as: V.self)
    to.storeBytes(of: first, as: V.self)
    (to + size &* second).storeBytes(of: last, as: V.self)
    from += size &* stride
    to += size &* step
  }
}
