import CVector

/// The transforms of Winograd convolution F(4x4,3x3), vectors along channels: y = A' [(G w G') . (B' x B)] A for tiles of
/// 4 x 4 outputs, which read 6 x 6 pixels (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
///
/// Interpolation at 0, +-sqrt(1/2), +-sqrt(2) and infinity: points whose magnitudes are reciprocal keep the matrices'
/// entries near 1, which rounds better than the usual 0, +-1, +-2 (Barabasz et al., "Error Analysis and Improving the
/// Accuracy of Winograd Convolution for Deep Neural Networks", 2020).
private let near: Float = 0.707106781
private let far: Float = 1.41421356

/// Six vectors.
private struct Six {
  var v0: Vector
  var v1: Vector
  var v2: Vector
  var v3: Vector
  var v4: Vector
  var v5: Vector

  @inline(__always)
  init(_ v0: Vector, _ v1: Vector, _ v2: Vector, _ v3: Vector, _ v4: Vector, _ v5: Vector) {
    (self.v0, self.v1, self.v2, self.v3, self.v4, self.v5) = (v0, v1, v2, v3, v4, v5)
  }

  @inline(__always)
  init(_ p: UnsafePointer<Float>, _ step: Int) {
    self.init(
      load(p), load(p + step), load(p + 2 &* step), load(p + 3 &* step), load(p + 4 &* step),
      load(p + 5 &* step))
  }

  @inline(__always)
  func write(_ p: UnsafeMutablePointer<Float>, _ step: Int) {
    store(v0, p)
    store(v1, p + step)
    store(v2, p + 2 &* step)
    store(v3, p + 3 &* step)
    store(v4, p + 4 &* step)
    store(v5, p + 5 &* step)
  }

  /// B' times them.
  @inline(__always)
  func input() -> Six {
    let (even, odd) = (plus(v4, v2, -2), plus(v3, v1, -2))
    let (evenFar, oddFar) = (plus(v4, v2, -0.5), plus(v3, v1, -0.5))
    return Six(
      plus(v0 + v4, v2, -2.5), plus(even, odd, near), plus(even, odd, -near),
      plus(evenFar, oddFar, far), plus(evenFar, oddFar, -far), plus(v1 + v5, v3, -2.5))
  }

  /// A' times them.
  @inline(__always)
  func output() -> (Vector, Vector, Vector, Vector) {
    let (even, odd, evenFar, oddFar) = (v1 + v2, v1 - v2, v3 + v4, v3 - v4)
    return (
      v0 + even + evenFar, plus(near * odd, oddFar, far), plus(0.5 * even, evenFar, 2),
      plus(plus(v5, odd, 0.5 * near), oddFar, 2 * far)
    )
  }
}

/// a + x b
@inline(__always)
private func plus(_ a: Vector, _ b: Vector, _ x: Float) -> Vector {
  multiplyAdd(Vector(repeating: x), b, a)
}

/// G times a column of the kernel.
@inline(__always)
private func weights(_ a: Vector, _ b: Vector, _ c: Vector) -> Six {
  let (even, odd) = (plus(a, c, 0.5), near * b)
  let (evenFar, oddFar) = (plus(a, c, 2), far * b)
  return Six(
    a, (-2 / 3 as Float) * (even + odd), (-2 / 3 as Float) * (even - odd),
    (1 / 6 as Float) * (evenFar + oddFar), (1 / 6 as Float) * (evenFar - oddFar), c)
}

public func transformWinogradInput(_ operands: UnsafePointer<cv_winograd_input>) {
  let c = operands.pointee
  let (width, plane, channels) = (Vector.scalarCount, Int(c.plane), Int(c.channels))
  withUnsafeTemporaryAllocation(of: Vector.self, capacity: 36) { columns in
    let columns = UnsafeMutableRawPointer(columns.baseAddress!).assumingMemoryBound(to: Float.self)
    var at = 0
    while at < channels {
      // The last vector overlaps the one before.
      at = min(at, channels &- width)
      for i in 0..<6 {
        let p = c.pixels! + i
        Six(
          load(p[0]! + at), load(p[6]! + at), load(p[12]! + at), load(p[18]! + at), load(p[24]! + at),
          load(p[30]! + at)
        ).input().write(columns + i &* width, 6 &* width)
        // Four columns of six are new; too many rows lie apart for the processor to see them coming.
        let next = c.next! + 6 &* i
        cv_prefetch_near(next[2]! + at)
        cv_prefetch_near(next[3]! + at)
        cv_prefetch_near(next[4]! + at)
        cv_prefetch_near(next[5]! + at)
      }
      for i in 0..<6 {
        Six(columns + 6 &* i &* width, width).input().write(c.transformed! + (6 &* i &* plane &+ at), plane)
      }
      at &+= width
    }
  }
}

public func transformWinogradOutput(_ operands: UnsafePointer<cv_winograd_output>) {
  let c = operands.pointee
  let (width, plane, outputs) = (Vector.scalarCount, Int(c.plane), Int(c.outputs))
  withUnsafeTemporaryAllocation(of: Vector.self, capacity: 40) { columns in
    let columns = UnsafeMutableRawPointer(columns.baseAddress!).assumingMemoryBound(to: Float.self)
    let rest = columns + 24 &* width
    var at = 0
    while at < outputs {
      for i in 0..<6 {
        let (a, b, d, e) = Six(c.sums! + (i &* plane &+ at), 6 &* plane).output()
        store(a, columns + i &* width)
        store(b, columns + (6 &+ i) &* width)
        store(d, columns + (12 &+ i) &* width)
        store(e, columns + (18 &+ i) &* width)
      }
      let whole = at &+ width <= outputs && c.columns == 4
      for i in 0..<Int(c.rows) {
        let (a, b, d, e) = Six(columns + 6 &* i &* width, width).output()
        let y = c.y! + (i &* Int(c.y_row) &+ at)
        if whole {
          let step = Int(c.y_pixel)
          let next = c.next! + (i &* Int(c.y_row) &+ at)
          cv_prefetch_write(next)
          cv_prefetch_write(next + step)
          cv_prefetch_write(next + 2 &* step)
          cv_prefetch_write(next + 3 &* step)
          put(a, y, c.accumulate)
          put(b, y + step, c.accumulate)
          put(d, y + 2 &* step, c.accumulate)
          put(e, y + 3 &* step, c.accumulate)
        } else {
          store(a, rest)
          store(b, rest + width)
          store(d, rest + 2 &* width)
          store(e, rest + 3 &* width)
          for pixel in 0..<Int(c.columns) {
            let (from, to) = (rest + pixel &* width, y + pixel &* Int(c.y_pixel))
            if at &+ width <= outputs {
              put(load(from), to, c.accumulate)
            } else {
              for j in 0..<(outputs &- at) { to[j] = c.accumulate != 0 ? to[j] + from[j] : from[j] }
            }
          }
        }
      }
      at &+= width
    }
  }
}

@inline(__always)
private func put(_ v: Vector, _ p: UnsafeMutablePointer<Float>, _ accumulate: Int32) {
  store(accumulate != 0 ? load(p) + v : v, p)
}

public func transformWinogradWeights(_ operands: UnsafePointer<cv_winograd_weights>) {
  let c = operands.pointee
  let (width, columns, plane) = (Vector.scalarCount, Int(c.columns), Int(c.plane))
  withUnsafeTemporaryAllocation(of: Vector.self, capacity: 18 + 9) { rows in
    let rows = UnsafeMutableRawPointer(rows.baseAddress!).assumingMemoryBound(to: Float.self)
    let rest = rows + 18 &* width
    for channel in 0..<Int(c.channels) {
      var at = 0
      while at < Int(c.width) {
        var (from, tap) = (c.weights! + (channel &* Int(c.row) &+ at), Int(c.tap))
        if at &+ width > columns {
          rest.update(repeating: 0, count: 9 &* width)
          for i in 0..<9 {
            for j in 0..<max(0, columns &- at) { rest[i &* width &+ j] = from[i &* tap &+ j] }
          }
          (from, tap) = (UnsafePointer(rest), width)
        }
        for i in 0..<3 {
          weights(load(from + i &* tap), load(from + (3 &+ i) &* tap), load(from + (6 &+ i) &* tap))
            .write(rows + i &* width, 3 &* width)
        }
        let to = c.transformed! + (channel &* Int(c.width) &+ at)
        for i in 0..<6 {
          let row = rows + 3 &* i &* width
          weights(load(row), load(row + width), load(row + 2 &* width)).write(to + 6 &* i &* plane, plane)
        }
        at &+= width
      }
    }
  }
}
