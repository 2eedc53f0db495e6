/// Softmax of each row of an array [rows, width], and its derivatives. With y the softmax, its derivative along v is
///   J v = y (v - <y, v>),
/// which is its own transpose. A row stays in the cache from its sums to its results.

/// y = exp(x - max x) / sum. Where all of a row is -infinity: 0 if `emptyIsZero`, else no number. Above 0, `causal` is the
/// length of sequences: their first row sees its first element, the second two, and so on; the others are 0.
@specialized(where T == Float)
@specialized(where T == Double)
public func softmaxRows<T: Scalar>(
  _: T.Type, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ rows: Int, _ width: Int,
  emptyIsZero: Bool,
  causal: Int = 0
) {
  let x = x.assumingMemoryBound(to: T.self)
  let y = y.assumingMemoryBound(to: T.self)
  guard width > 0 else { return }
  parallelRanges(rows, length: max(1, blockLength / width)) { low, high in
    for row in low..<high {
      let (x, y) = (x + row &* width, y + row &* width)
      let seen = causal > 0 ? min(width, row % causal &+ 1) : width
      let top = largest(T.self, x, seen, scratch: y)
      if emptyIsZero && top == -T.infinity {
        for c in 0..<width { y[c] = 0 }
        continue
      }
      let shift = T.Vector(Double(top))
      var total = 0.0
      var at = 0
      while at < seen {
        // As many as may be added in their own precision.
        let end = min(seen, at &+ 2048)
        var sum = T.Vector(0)
        while at < end {
          let n = min(T.Vector.width, end &- at)
          let e = T.Vector.exp(T.Vector.load(x + at, count: n) - shift).first(n)
          e.store(y + at, count: n)
          sum = sum + e
          at &+= n
        }
        total += sum.sum()
      }
      scaleRow(T.self, y, 1 / total, seen)
      for c in seen..<width { y[c] = 0 }
    }
  }
}

@inline(__always)
private func scaleRow<T: Scalar>(_: T.Type, _ y: UnsafeMutablePointer<T>, _ factor: Double, _ width: Int) {
  let factor = T.Vector(factor)
  var at = 0
  while at < width {
    let n = min(T.Vector.width, width &- at)
    (T.Vector.load(y + at, count: n) * factor).store(y + at, count: n)
    at &+= n
  }
}

/// The largest element of a row, whatever stands beside NaN. scratch: memory of a row.
@inline(__always)
private func largest<T: Scalar>(
  _: T.Type, _ x: UnsafePointer<T>, _ width: Int, scratch: UnsafeMutablePointer<T>
) -> T {
  let lanes = T.Vector.width
  var (values, count) = (x, width)
  if width >= lanes {
    // The last vector may overlap the one before.
    var tops = T.Vector.load(x + (width &- lanes))
    var at = 0
    while at &+ lanes <= width {
      tops = T.Vector.maximum(T.Vector.load(x + at), tops)
      at &+= lanes
    }
    tops.store(scratch)
    (values, count) = (UnsafePointer(scratch), lanes)
  }
  var top = values[0]
  for c in 1..<max(1, count) where values[c] > top { top = values[c] }
  return top
}

/// out (+)= y (v - <y, v>).
@specialized(where T == Float)
@specialized(where T == Double)
public func softmaxDerivative<T: Scalar>(
  _: T.Type, _ y: UnsafeRawPointer, _ v: UnsafeRawPointer, _ out: UnsafeMutableRawPointer, _ rows: Int,
  _ width: Int, _ accumulate: Bool
) {
  let y = y.assumingMemoryBound(to: T.self)
  let v = v.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  parallelRanges(rows, length: max(1, blockLength / max(1, width))) { low, high in
    for row in low..<high {
      let (y, v, out) = (y + row &* width, v + row &* width, out + row &* width)
      let mean = T.Vector(innerProductRange(y, v, 0, width))
      var at = 0
      while at < width {
        let n = min(T.Vector.width, width &- at)
        var made = T.Vector.load(y + at, count: n) * (T.Vector.load(v + at, count: n) - mean)
        if accumulate { made = made + T.Vector.load(out + at, count: n) }
        made.store(out + at, count: n)
        at &+= n
      }
    }
  }
}

/// out += the tangent along dx of the pullback of g: with d = dx - <y, dx> and s = <y, g>,
///   dy = y d,  d(y (g - s)) = y (d (g - s) - <y, d g>).
@specialized(where T == Float)
@specialized(where T == Double)
public func softmaxCurvature<T: Scalar>(
  _: T.Type, _ y: UnsafeRawPointer, _ g: UnsafeRawPointer, _ dx: UnsafeRawPointer,
  _ out: UnsafeMutableRawPointer, _ rows: Int, _ width: Int, _ accumulate: Bool
) {
  let y = y.assumingMemoryBound(to: T.self)
  let g = g.assumingMemoryBound(to: T.self)
  let dx = dx.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  parallelRanges(rows, length: max(1, blockLength / max(1, width))) { low, high in
    for row in low..<high {
      let start = row &* width
      let (y, g, dx, out) = (y + start, g + start, dx + start, out + start)
      let moved = T.Vector(innerProductRange(y, dx, 0, width))
      let pulled = T.Vector(innerProductRange(y, g, 0, width))
      var total = 0.0
      var at = 0
      while at < width {
        let n = min(T.Vector.width, width &- at)
        let d = T.Vector.load(dx + at, count: n) - moved
        // Lanes past the end are zero, as those of y are.
        total += (T.Vector.load(y + at, count: n) * d * T.Vector.load(g + at, count: n)).sum()
        at &+= n
      }
      let change = T.Vector(total)
      at = 0
      while at < width {
        let n = min(T.Vector.width, width &- at)
        let d = T.Vector.load(dx + at, count: n) - moved
        var made = T.Vector.load(y + at, count: n) * (d * (T.Vector.load(g + at, count: n) - pulled) - change)
        if accumulate { made = made + T.Vector.load(out + at, count: n) }
        made.store(out + at, count: n)
        at &+= n
      }
    }
  }
}
