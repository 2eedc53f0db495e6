/// Inner products that a rate needs of several vectors at once, from one pass over them, in double precision and in
/// blocks of fixed length, so that they do not depend on the threads.

/// Gradient g and parameters theta of this step, direction d and gradient g' of the one before.
public struct PreviousSums {
  /// <g, d>, |g|^2, |d|^2
  public var gradientDirection = 0.0, gradient2 = 0.0, direction2 = 0.0
  /// <theta, d>, <g, theta>, |theta|^2; 0 without theta
  public var parameterDirection = 0.0, gradientParameter = 0.0, parameter2 = 0.0
  /// <g - g', d> and |g - g'|^2; 0 without g'
  public var changeDirection = 0.0, change2 = 0.0

  static func + (a: Self, b: Self) -> Self {
    var sum = a
    sum.gradientDirection += b.gradientDirection
    sum.gradient2 += b.gradient2
    sum.direction2 += b.direction2
    sum.parameterDirection += b.parameterDirection
    sum.gradientParameter += b.gradientParameter
    sum.parameter2 += b.parameter2
    sum.changeDirection += b.changeDirection
    sum.change2 += b.change2
    return sum
  }
}

@specialized(where T == Float)
@specialized(where T == Double)
public func previousSums<T: Scalar>(
  _: T.Type, gradient: UnsafeRawPointer, direction: UnsafeRawPointer, parameter: UnsafeRawPointer?,
  gradientBefore: UnsafeRawPointer?, _ n: Int
) -> PreviousSums {
  let g = gradient.assumingMemoryBound(to: T.self)
  let d = direction.assumingMemoryBound(to: T.self)
  let theta = parameter?.assumingMemoryBound(to: T.self)
  let before = gradientBefore?.assumingMemoryBound(to: T.self)
  return blockSums(n, PreviousSums()) { low, high in
    var gd = EightSums()
    var (gg, dd, xd, gx, xx, yd, yy) = (gd, gd, gd, gd, gd, gd, gd)
    eights(T.self, low, high) { i, count in
      let a = wide(g + i, count)
      let b = wide(d + i, count)
      gd.add(a, b)
      gg.add(a, a)
      dd.add(b, b)
      if let theta {
        let x = wide(theta + i, count)
        xd.add(x, b)
        gx.add(a, x)
        xx.add(x, x)
      }
      if let before {
        // The change itself: a difference of inner products would cancel near a minimum.
        let y = a - wide(before + i, count)
        yd.add(y, b)
        yy.add(y, y)
      }
    }
    return PreviousSums(
      gradientDirection: gd.sum, gradient2: gg.sum, direction2: dd.sum, parameterDirection: xd.sum,
      gradientParameter: gx.sum, parameter2: xx.sum, changeDirection: yd.sum, change2: yy.sum)
  } combine: {
    $0 + $1
  }
}

/// Way from the start theta_0 to theta, beside the gradient g.
public struct TravelSums {
  /// |theta - theta_0|^2, <g, theta_0 - theta>, |theta_0|^2
  public var travelled2 = 0.0, startDot = 0.0, start2 = 0.0
}

@specialized(where T == Float)
@specialized(where T == Double)
public func travelSums<T: Scalar>(
  _: T.Type, gradient: UnsafeRawPointer, parameter: UnsafeRawPointer, start: UnsafeRawPointer, _ n: Int
) -> TravelSums {
  let g = gradient.assumingMemoryBound(to: T.self)
  let theta = parameter.assumingMemoryBound(to: T.self)
  let start = start.assumingMemoryBound(to: T.self)
  return blockSums(n, TravelSums()) { low, high in
    var way2 = EightSums()
    var (dot, start2) = (way2, way2)
    eights(T.self, low, high) { i, count in
      let origin = wide(start + i, count)
      let way = origin - wide(theta + i, count)
      way2.add(way, way)
      dot.add(wide(g + i, count), way)
      start2.add(origin, origin)
    }
    return TravelSums(travelled2: way2.sum, startDot: dot.sum, start2: start2.sum)
  } combine: { a, b in
    TravelSums(
      travelled2: a.travelled2 + b.travelled2, startDot: a.startDot + b.startDot, start2: a.start2 + b.start2)
  }
}

private struct EightSums {
  private var sums = SIMD8<Double>(0)

  @inline(__always)
  mutating func add(_ a: SIMD8<Double>, _ b: SIMD8<Double>) { sums = a.fused(times: b, plus: sums) }

  @inline(__always)
  var sum: Double { sums.sum() }
}

/// The elements at p as doubles, zero from the count-th on.
@inline(__always)
private func wide<T: Scalar>(_ p: UnsafePointer<T>, _ count: Int) -> SIMD8<Double> {
  if count == 8 { return T.widen(p) }
  var lanes = SIMD8<Double>(0)
  for i in 0..<count { lanes[i] = Double(p[i]) }
  return lanes
}

@inline(__always)
private func eights<T: Scalar>(_: T.Type, _ low: Int, _ high: Int, _ body: (Int, Int) -> Void) {
  var i = low
  while i &+ 8 <= high {
    body(i, 8)
    i &+= 8
  }
  if i < high { body(i, high &- i) }
}

@inline(__always)
private func blockSums<Sums>(
  _ n: Int, _ zero: Sums, _ block: (Int, Int) -> Sums, combine: (Sums, Sums) -> Sums
) -> Sums {
  let blocks = (n + blockLength - 1) / blockLength
  if blocks <= 1 { return block(0, n) }
  return withUnsafeTemporaryAllocation(of: Sums.self, capacity: blocks) { partial in
    let partials = partial.baseAddress!
    ThreadPool.shared.run(blocks) { b in
      (partials + b).initialize(to: block(b * blockLength, min(n, (b + 1) * blockLength)))
    }
    var total = zero
    for b in 0..<blocks { total = combine(total, partials[b]) }
    return total
  }
}
