/// Copies rows by index: y[j] (+)= x[index[j]], rows of `width` elements.
@specialized(where T == Float)
@specialized(where T == Double)
public func gatherRows<T: Scalar>(
  _: T.Type, _ x: UnsafeRawPointer, _ index: UnsafePointer<Int32>, _ y: UnsafeMutableRawPointer, _ rows: Int,
  _ width: Int, _ accumulate: Bool
) {
  let x = x.assumingMemoryBound(to: T.self)
  let y = y.assumingMemoryBound(to: T.self)
  parallelRanges(rows, length: max(1, blockLength / max(1, width))) { low, high in
    if width == 1 {
      for j in low..<high {
        let v = x[Int(index[j])]
        y[j] = accumulate ? y[j] + v : v
      }
      return
    }
    for j in low..<high {
      let from = x + Int(index[j]) * width
      let to = y + j * width
      for i in 0..<width { to[i] = accumulate ? to[i] + from[i] : from[i] }
    }
  }
}

/// The adjoint: x[index[j]] += y[j]. Rows may meet, so they are added in order; those of different `parts`, equal shares
/// of the rows, do not, and different threads may add them.
@specialized(where T == Float)
@specialized(where T == Double)
public func scatterRows<T: Scalar>(
  _: T.Type, _ y: UnsafeRawPointer, _ index: UnsafePointer<Int32>, _ x: UnsafeMutableRawPointer, _ rows: Int,
  _ width: Int, parts: Int = 1
) {
  let x = x.assumingMemoryBound(to: T.self)
  let y = y.assumingMemoryBound(to: T.self)
  ThreadPool.shared.run(parts) { part in
    let (low, high) = (rows / parts * part, rows / parts * (part + 1))
    if width == 1 {
      for j in low..<high { x[Int(index[j])] += y[j] }
      return
    }
    for j in low..<high {
      let to = x + Int(index[j]) * width
      let from = y + j * width
      for i in 0..<width { to[i] += from[i] }
    }
  }
}

/// x[index[j]] = 0.
@specialized(where T == Float)
@specialized(where T == Double)
public func clearRows<T: Scalar>(
  _: T.Type, _ x: UnsafeMutableRawPointer, _ index: UnsafePointer<Int32>, _ rows: Int, _ width: Int
) {
  let x = x.assumingMemoryBound(to: T.self)
  for j in 0..<rows {
    let to = x + Int(index[j]) * width
    for i in 0..<width { to[i] = 0 }
  }
}

/// Tells the watch where an element of x[index[j]] is not finite.
@specialized(where T == Float)
@specialized(where T == Double)
public func watchRows<T: Scalar>(
  _: T.Type, _ watch: FiniteWatch, _ x: UnsafeRawPointer, _ index: UnsafePointer<Int32>, _ rows: Int,
  _ width: Int
) {
  let x = x.assumingMemoryBound(to: T.self)
  parallelRanges(rows, length: max(1, blockLength / max(1, width))) { low, high in
    var sum = T(0)
    for j in low..<high {
      let from = x + Int(index[j]) * width
      // of what is finite this is 0
      for i in 0..<width { sum += from[i] - from[i] }
    }
    if sum != 0 { watch.fail() }
  }
}

/// Flat index of the largest (sign 1) or smallest (sign -1) element along the middle axis of [outer, n, inner]; the
/// first of equals, and NaN before all.
@specialized(where T == Float)
@specialized(where T == Double)
public func extremeIndices<T: Scalar>(
  _: T.Type, _ x: UnsafeRawPointer, _ outer: Int, _ n: Int, _ inner: Int, _ sign: Double,
  _ indices: UnsafeMutablePointer<Int32>
) {
  let x = x.assumingMemoryBound(to: T.self)
  let sign = T(sign)
  for o in 0..<outer {
    for i in 0..<inner {
      var best = o * n * inner + i
      for j in 1..<max(1, n) {
        let at = (o * n + j) * inner + i
        if sign * x[at] > sign * x[best] || (x[at].isNaN && !x[best].isNaN) { best = at }
      }
      indices[o * inner + i] = Int32(truncatingIfNeeded: best)
    }
  }
}

/// mask[i] = 1 where sign a[i] >= sign b[i] or a[i] is NaN, else 0.
@specialized(where T == Float)
@specialized(where T == Double)
public func greaterMask<T: Scalar>(
  _: T.Type, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ sign: Double, _ mask: UnsafeMutableRawPointer,
  _ n: Int
) {
  let a = a.assumingMemoryBound(to: T.self)
  let b = b.assumingMemoryBound(to: T.self)
  let mask = mask.assumingMemoryBound(to: T.self)
  let sign = T(sign)
  for i in 0..<n { mask[i] = sign * a[i] >= sign * b[i] || a[i].isNaN ? 1 : 0 }
}

/// out (+)= mask x where the mask is not 0, and 0 elsewhere: what is masked out may be infinite or NaN.
@specialized(where T == Float)
@specialized(where T == Double)
public func maskedCopy<T: Scalar>(
  _: T.Type, _ x: UnsafeRawPointer, _ mask: UnsafeRawPointer, _ out: UnsafeMutableRawPointer, _ n: Int,
  _ accumulate: Bool
) {
  let x = x.assumingMemoryBound(to: T.self)
  let mask = mask.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  let width = T.Vector.width
  let zero = T.Vector(0)
  parallelRanges(n) { low, high in
    var i = low
    while i < high {
      let rest = min(width, high &- i)
      let m = rest == width ? T.Vector.load(mask + i) : T.Vector.load(mask + i, count: rest)
      let v = rest == width ? T.Vector.load(x + i) : T.Vector.load(x + i, count: rest)
      var r = T.Vector.select(m, greaterThan: zero, v * m, zero)
      if rest == width {
        if accumulate { r = r + T.Vector.load(UnsafePointer(out + i)) }
        r.store(out + i)
      } else {
        if accumulate { r = r + T.Vector.load(UnsafePointer(out + i), count: rest) }
        r.store(out + i, count: rest)
      }
      i &+= width
    }
  }
}

/// mask = 1 - mask.
@specialized(where T == Float)
@specialized(where T == Double)
public func complement<T: Scalar>(
  _: T.Type, _ mask: UnsafeRawPointer, _ out: UnsafeMutableRawPointer, _ n: Int
) {
  let mask = mask.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  for i in 0..<n { out[i] = 1 - mask[i] }
}
