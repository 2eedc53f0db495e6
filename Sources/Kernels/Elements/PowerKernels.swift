import Vocabulary

/// x^u of two arrays and its partial derivatives, element by element in double precision by the C library.
public struct PowerTerms {
  /// x^u, and its derivatives with respect to x and to u.
  public let value, byBase, byExponent: Double

  /// Where x^u is a number for x = 0, log x is multiplied by it and so left out; a negative base has a power for whole
  /// exponents alone, and no derivative with respect to them.
  @inline(__always)
  init(_ x: Double, _ u: Double) {
    value = power(x, u)
    byBase = u == 0 ? 0 : u * power(x, u - 1)
    byExponent = x == 0 && u > 0 ? 0 : value * logarithm(x)
  }
}

/// y = x^u
@specialized(where T == Float)
@specialized(where T == Double)
public func raise<T: Scalar>(
  _: T.Type, _ x: UnsafeRawPointer, _ u: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ n: Int
) {
  let x = x.assumingMemoryBound(to: T.self)
  let u = u.assumingMemoryBound(to: T.self)
  let y = y.assumingMemoryBound(to: T.self)
  parallelRanges(n) { low, high in
    for i in low..<high { y[i] = T(power(Double(x[i]), Double(u[i]))) }
  }
}

/// out (+)= the derivative of x^u with respect to x, or to u, times v.
@specialized(where T == Float)
@specialized(where T == Double)
public func powerDerivative<T: Scalar>(
  _: T.Type, _ x: UnsafeRawPointer, _ u: UnsafeRawPointer, byExponent: Bool, _ v: UnsafeRawPointer,
  _ out: UnsafeMutableRawPointer, _ n: Int, _ accumulate: Bool
) {
  let x = x.assumingMemoryBound(to: T.self)
  let u = u.assumingMemoryBound(to: T.self)
  let v = v.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  parallelRanges(n) { low, high in
    for i in low..<high {
      let terms = PowerTerms(Double(x[i]), Double(u[i]))
      let product = (byExponent ? terms.byExponent : terms.byBase) * Double(v[i])
      out[i] = T(accumulate ? Double(out[i]) + product : product)
    }
  }
}

/// out += the second derivatives of x^u in (x or u) and in both, along (dx, du), times g; a nil direction is 0.
@specialized(where T == Float)
@specialized(where T == Double)
public func powerCurvature<T: Scalar>(
  _: T.Type, _ x: UnsafeRawPointer, _ u: UnsafeRawPointer, byExponent: Bool, _ dx: UnsafeRawPointer?,
  _ du: UnsafeRawPointer?, _ g: UnsafeRawPointer, _ out: UnsafeMutableRawPointer, _ n: Int
) {
  let x = x.assumingMemoryBound(to: T.self)
  let u = u.assumingMemoryBound(to: T.self)
  let dx = dx?.assumingMemoryBound(to: T.self)
  let du = du?.assumingMemoryBound(to: T.self)
  let g = g.assumingMemoryBound(to: T.self)
  let out = out.assumingMemoryBound(to: T.self)
  parallelRanges(n) { low, high in
    for i in low..<high {
      let (a, b) = (Double(x[i]), Double(u[i]))
      var bend = 0.0
      if !byExponent, let dx, b != 0, b != 1 { bend += b * (b - 1) * power(a, b - 2) * Double(dx[i]) }
      if byExponent, let du, a != 0 || b <= 0 {
        bend += PowerTerms(a, b).byExponent * logarithm(a) * Double(du[i])
      }
      if let other = byExponent ? dx : du {
        // x^(u - 1) (1 + u log x)
        let logPart = a == 0 && b > 1 ? 0 : power(a, b - 1) * (1 + b * logarithm(a))
        bend += logPart * Double(other[i])
      }
      out[i] = T(Double(out[i]) + bend * Double(g[i]))
    }
  }
}
