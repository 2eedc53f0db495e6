import CVector

/// x^y in double precision, from the C library.
public func power(_ x: Double, _ y: Double) -> Double { cv_pow(x, y) }
/// e^x and the natural logarithm, likewise.
public func exponential(_ x: Double) -> Double { cv_exp(x) }
public func logarithm(_ x: Double) -> Double { cv_log(x) }

/// Transcendental functions on vectors, from the operations of `VectorLane`.
///
/// Errors, against libm on dense grids (`LaneMathTests`): at most 3 units in the last place for exp and log, 4 for tanh, 2
/// for erf.
extension VectorLane {
  /// exp: x = n ln 2 + r with |r| <= ln 2 / 2, then the Taylor polynomial of e^r by Horner's rule.
  @inline(__always)
  static func exp(_ x: Self) -> Self {
    let limits = exponentialLimits
    let clamped = maximum(minimum(x, Self(limits.high)), Self(limits.low))
    let n = (clamped * Self(1.4426950408889634)).rounded
    var r = n.fused(times: Self(-ln2.high), plus: clamped)
    r = n.fused(times: Self(-ln2.low), plus: r)
    var p = Self(1)
    var k = exponentialTerms
    while k >= 1 {
      p = (p * r).fused(times: Self(1 / Double(k)), plus: Self(1))
      k -= 1
    }
    let inside = p * n.powerOfTwo
    let above = select(x, greaterThan: Self(limits.high), Self(.infinity), inside)
    let below = select(Self(limits.low), greaterThan: x, Self(0), above)
    // x - x is NaN for NaN and for infinity; only NaN must survive.
    return select(x.absoluteValue, greaterThan: Self(-1), below, x)
  }

  /// log: x = m 2^e with m in [1/sqrt 2, sqrt 2), log m = 2 atanh((m - 1) / (m + 1)).
  @inline(__always)
  static func log(_ x: Self) -> Self {
    var m = x.mantissa
    var e = x.exponent
    let root2 = Self(1.4142135623730951)
    e = select(m, greaterThan: root2, e + Self(1), e)
    m = select(m, greaterThan: root2, m * Self(0.5), m)
    let f = m - Self(1)
    let s = f / (m + Self(1))
    let s2 = s * s
    var p = Self(0)
    var k = logarithmTerms
    while k >= 1 {
      p = p.fused(times: s2, plus: Self(2 / Double(2 * k + 1)))
      k -= 1
    }
    // log m = 2s + s^3 (2/3 + ...), and 2s = f - s f keeps the digits of f.
    let logM = f - s * (f - s2 * p)
    let regular = e.fused(times: Self(ln2.high), plus: e.fused(times: Self(ln2.low), plus: logM))
    let tiny = select(Self(smallestNormal), greaterThan: x, Self(-.infinity), regular)
    let signed = select(Self(0), greaterThan: x, Self(.nan), tiny)
    let infinite = select(x, greaterThan: Self(greatest), x, signed)
    return select(x.absoluteValue, greaterThan: Self(-1), infinite, x)
  }

  @inline(__always)
  private static var greatest: Double {
    MemoryLayout<Element>.stride == 4 ? Double(Float.greatestFiniteMagnitude) : Double.greatestFiniteMagnitude
  }

  /// tanh: Lambert's continued fraction near 0, (1 - e^-2|x|) / (1 + e^-2|x|) elsewhere.
  @inline(__always)
  static func tanh(_ x: Self) -> Self {
    let a = x.absoluteValue
    let e = exp(Self(-2) * a)
    let far = (Self(1) - e) / (Self(1) + e)
    let signedFar = select(Self(0), greaterThan: x, Self(0) - far, far)
    let s = x * x
    let top = ((s * Self(36) + Self(6930)) * s + Self(270270)) * s + Self(2_027_025)
    let bottom = (((s + Self(630)) * s + Self(51975)) * s + Self(945945)) * s + Self(2_027_025)
    let near = x * top / bottom
    return select(Self(0.6), greaterThan: a, near, signedFar)
  }

  @inline(__always)
  static func sigmoid(_ x: Self) -> Self { Self(1) / (Self(1) + exp(Self(0) - x)) }

  /// log(1 + e^x), without overflow.
  @inline(__always)
  static func softplus(_ x: Self) -> Self {
    let u = Self(1) + exp(Self(0) - x.absoluteValue)
    return maximum(x, Self(0)) + log(u)
  }

  /// The error function: in double precision lane by lane from the C library; in single precision
  /// x + x p(x^2) up to 0.95 and 1 - e^q(|x|) from there to 4, where it has rounded to 1. p and q interpolate
  /// erf(x) / x - 1 and log erfc(x) at Chebyshev nodes.
  @inline(__always)
  static func erf(_ x: Self) -> Self {
    guard MemoryLayout<Element>.stride == 4 else { return x.mapLanes(cv_erf) }
    let s = x * x
    var p = Self(-5.881639452e-4)
    p = p.fused(times: s, plus: Self(4.971958639e-3))
    p = p.fused(times: s, plus: Self(-2.675242024e-2))
    p = p.fused(times: s, plus: Self(1.128143708e-1))
    p = p.fused(times: s, plus: Self(-3.761245936e-1))
    p = p.fused(times: s, plus: Self(1.283791448e-1))
    let a = minimum(x.absoluteValue, Self(4))
    var q = Self(1.615045025e-6)
    q = q.fused(times: a, plus: Self(-4.561102107e-5))
    q = q.fused(times: a, plus: Self(5.929505306e-4))
    q = q.fused(times: a, plus: Self(-4.741117933e-3))
    q = q.fused(times: a, plus: Self(2.636741533e-2))
    q = q.fused(times: a, plus: Self(-1.099833023e-1))
    q = q.fused(times: a, plus: Self(-6.319313445e-1))
    q = q.fused(times: a, plus: Self(-1.130170294))
    q = q.fused(times: a, plus: Self(3.041767594e-4))
    let far = Self(1) - exp(q)
    let signed = select(Self(0), greaterThan: x, Self(0) - far, far)
    return select(a, greaterThan: Self(0.95), signed, p.fused(times: x, plus: x))
  }

  @inline(__always)
  static func pow(_ x: Self, _ exponent: Double) -> Self { x.mapLanes { cv_pow($0, exponent) } }
}
