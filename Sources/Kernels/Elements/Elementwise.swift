/// Loops over whole contiguous buffers. Raw pointers hold elements of `T`; entry points dispatch on the type they get.

/// out = a + alpha b
@specialized(where T == Float)
@specialized(where T == Double)
public func addScaled<T: Scalar>(
  _: T.Type, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ alpha: Double, _ out: UnsafeMutableRawPointer,
  _ n: Int
) {
  let a = a.assumingMemoryBound(to: T.self)
  let b = b.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  let width = T.Vector.width
  let factor = T.Vector(alpha)
  parallelRanges(n) { low, high in
    var i = low
    while i &+ width <= high {
      T.Vector.load(b + i).fused(times: factor, plus: T.Vector.load(a + i)).store(out + i)
      i &+= width
    }
    if i < high {
      let rest = high - i
      T.Vector.load(b + i, count: rest).fused(times: factor, plus: T.Vector.load(a + i, count: rest))
        .store(out + i, count: rest)
    }
  }
}

/// out = a + weight (b - a)
@specialized(where T == Float)
@specialized(where T == Double)
public func interpolate<T: Scalar>(
  _: T.Type, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ weight: Double, _ out: UnsafeMutableRawPointer,
  _ n: Int
) {
  let a = a.assumingMemoryBound(to: T.self)
  let b = b.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  let width = T.Vector.width
  let factor = T.Vector(weight)
  parallelRanges(n) { low, high in
    var i = low
    while i &+ width <= high {
      let from = T.Vector.load(a + i)
      (T.Vector.load(b + i) - from).fused(times: factor, plus: from).store(out + i)
      i &+= width
    }
    if i < high {
      let rest = high - i
      let from = T.Vector.load(a + i, count: rest)
      (T.Vector.load(b + i, count: rest) - from).fused(times: factor, plus: from)
        .store(out + i, count: rest)
    }
  }
}

/// out (+)= a * b
@specialized(where T == Float)
@specialized(where T == Double)
public func multiply<T: Scalar>(
  _: T.Type, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ out: UnsafeMutableRawPointer, _ n: Int,
  _ accumulate: Bool
) {
  let a = a.assumingMemoryBound(to: T.self)
  let b = b.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  let width = T.Vector.width
  parallelRanges(n) { low, high in
    var i = low
    while i &+ width <= high {
      let product = T.Vector.load(a + i) * T.Vector.load(b + i)
      (accumulate ? T.Vector.load(UnsafePointer(out + i)) + product : product).store(out + i)
      i &+= width
    }
    if i < high {
      let rest = high - i
      let product = T.Vector.load(a + i, count: rest) * T.Vector.load(b + i, count: rest)
      (accumulate ? T.Vector.load(UnsafePointer(out + i), count: rest) + product : product)
        .store(out + i, count: rest)
    }
  }
}

/// out = a / b
@specialized(where T == Float)
@specialized(where T == Double)
public func divide<T: Scalar>(
  _: T.Type, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ out: UnsafeMutableRawPointer, _ n: Int
) {
  let a = a.assumingMemoryBound(to: T.self)
  let b = b.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  let width = T.Vector.width
  parallelRanges(n) { low, high in
    var i = low
    while i &+ width <= high {
      (T.Vector.load(a + i) / T.Vector.load(b + i)).store(out + i)
      i &+= width
    }
    if i < high {
      let rest = high - i
      (T.Vector.load(a + i, count: rest) / T.Vector.load(b + i, count: rest)).store(out + i, count: rest)
    }
  }
}

/// out (+)= alpha a
@specialized(where T == Float)
@specialized(where T == Double)
public func scale<T: Scalar>(
  _: T.Type, _ a: UnsafeRawPointer, _ alpha: Double, _ out: UnsafeMutableRawPointer, _ n: Int,
  _ accumulate: Bool
) {
  let a = a.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  let width = T.Vector.width
  let factor = T.Vector(alpha)
  parallelRanges(n) { low, high in
    var i = low
    while i &+ width <= high {
      let v = T.Vector.load(a + i) * factor
      (accumulate ? T.Vector.load(UnsafePointer(out + i)) + v : v).store(out + i)
      i &+= width
    }
    if i < high {
      let rest = high - i
      let v = T.Vector.load(a + i, count: rest) * factor
      (accumulate ? T.Vector.load(UnsafePointer(out + i), count: rest) + v : v).store(out + i, count: rest)
    }
  }
}

/// g = max(min(factor g, limit), -limit)
@specialized(where T == Float)
@specialized(where T == Double)
public func clip<T: Scalar>(
  _: T.Type, _ g: UnsafeMutableRawPointer, _ n: Int, scale factor: Double, limit: Double
) {
  let g = g.assumingMemoryBound(to: T.self)
  let (factor, limit) = (T(factor), T(limit))
  for i in 0..<n { g[i] = max(min(g[i] * factor, limit), -limit) }
}

@specialized(where T == Float)
@specialized(where T == Double)
public func fill<T: Scalar>(_: T.Type, _ out: UnsafeMutableRawPointer, _ n: Int, _ value: Double) {
  out.assumingMemoryBound(to: T.self).update(repeating: T(value), count: n)
}

/// Sum of a[i] b[i] in double precision, in blocks of fixed length so that it does not depend on the threads.
@specialized(where T == Float)
@specialized(where T == Double)
public func innerProduct<T: Scalar>(_: T.Type, _ a: UnsafeRawPointer, _ b: UnsafeRawPointer, _ n: Int)
  -> Double
{
  let a = a.assumingMemoryBound(to: T.self)
  let b = b.assumingMemoryBound(to: T.self)
  let blocks = (n + blockLength - 1) / blockLength
  if blocks <= 1 { return innerProductRange(a, b, 0, n) }
  return withUnsafeTemporaryAllocation(of: Double.self, capacity: blocks) { partial in
    let partials = partial.baseAddress!
    ThreadPool.shared.run(blocks) { block in
      partials[block] = innerProductRange(a, b, block * blockLength, min(n, (block + 1) * blockLength))
    }
    var total = 0.0
    for block in 0..<blocks { total += partials[block] }
    return total
  }
}

@inline(__always)
func innerProductRange<T: Scalar>(_ a: UnsafePointer<T>, _ b: UnsafePointer<T>, _ low: Int, _ high: Int)
  -> Double
{
  let width = SIMD8<Double>.width
  var s0 = SIMD8<Double>(0)
  var s1 = SIMD8<Double>(0)
  var i = low
  while i &+ 2 * width <= high {
    s0 = T.widen(a + i).fused(times: T.widen(b + i), plus: s0)
    s1 = T.widen(a + i + width).fused(times: T.widen(b + i + width), plus: s1)
    i &+= 2 * width
  }
  var rest = 0.0
  while i < high {
    rest += Double(a[i]) * Double(b[i])
    i &+= 1
  }
  return (s0 + s1).sum() + rest
}
