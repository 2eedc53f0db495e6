import CVector

/// Transcendental functions on vectors, from the operations of `VectorLane`.
///
/// Errors, against libm on dense grids (`LaneMathTests`): below 2 units in the last place in single precision, at most 3 in
/// double precision, of which libm has its part; numbers below the normal range are taken and given as any others.
extension VectorLane {
  /// x = n ln 2 + r with |r| <= ln 2 / 2: e^r - 1 by its Taylor polynomial, and n shifted as `scaled` takes it. A sum with
  /// `roundingShift` rounds to whole numbers and leaves them in the lowest bits.
  @inline(__always)
  private static func reduced(_ x: Self) -> (p: Self, shifted: Self) {
    let shifted = x.fused(times: Self(1.4426950408889634), plus: Self(roundingShift))
    let n = shifted - Self(roundingShift)
    var r = n.fused(times: Self(-ln2.high), plus: x)
    r = n.fused(times: Self(-ln2.low), plus: r)
    var q = Self(1.0 / 5040)
    if MemoryLayout<Element>.stride == 8 {
      q = Self(1.0 / 87_178_291_200)
      q = q.fused(times: r, plus: Self(1.0 / 6_227_020_800))
      q = q.fused(times: r, plus: Self(1.0 / 479_001_600))
      q = q.fused(times: r, plus: Self(1.0 / 39_916_800))
      q = q.fused(times: r, plus: Self(1.0 / 3_628_800))
      q = q.fused(times: r, plus: Self(1.0 / 362_880))
      q = q.fused(times: r, plus: Self(1.0 / 40_320))
      q = q.fused(times: r, plus: Self(1.0 / 5040))
    }
    q = q.fused(times: r, plus: Self(1.0 / 720))
    q = q.fused(times: r, plus: Self(1.0 / 120))
    q = q.fused(times: r, plus: Self(1.0 / 24))
    q = q.fused(times: r, plus: Self(1.0 / 6))
    q = q.fused(times: r, plus: Self(0.5))
    return (q.fused(times: r * r, plus: r), shifted)
  }

  @inline(__always)
  static func exp(_ x: Self) -> Self {
    let (p, shifted) = reduced(x)
    // A result below the normal range is made 2^64 times too large and rounded when that is taken back.
    let limit = Self(exponentialLimits.low)
    let lift = select(limit, greaterThan: x, Self(64), Self(0))
    let inside =
      (Self(1) + p).scaled(byExponentOf: shifted + lift)
      * select(limit, greaterThan: x, Self(0x1p-64), Self(1))
    // NaN is on neither side of the limit: it goes with what is too large, and stays NaN.
    let above = select(Self(exponentialLimits.high), greaterThan: x, inside, x + Self(.infinity))
    return select(Self(exponentialLimits.least), greaterThan: x, Self(0), above)
  }

  /// log: x = m 2^e with m in [1/sqrt 2, sqrt 2), f = m - 1. In single precision f - f^2 / 2 + f^3 p(f), with the polynomial
  /// of Moshier's Cephes library; in double precision log m = 2 atanh(f / (m + 1)).
  @inline(__always)
  static func log(_ x: Self) -> Self {
    // A number below the normal range is read 2^64 times larger.
    let normal = Self(smallestNormal)
    let lifted = select(normal, greaterThan: x, x * Self(0x1p64), x)
    let e = lifted.exponent - select(normal, greaterThan: x, Self(64), Self(0))
    let f = lifted.mantissa - Self(1)
    let regular: Self
    if MemoryLayout<Element>.stride == 4 {
      var p = Self(7.0376836292e-2)
      p = p.fused(times: f, plus: Self(-1.1514610310e-1))
      p = p.fused(times: f, plus: Self(1.1676998740e-1))
      p = p.fused(times: f, plus: Self(-1.2420140846e-1))
      p = p.fused(times: f, plus: Self(1.4249322787e-1))
      p = p.fused(times: f, plus: Self(-1.6668057665e-1))
      p = p.fused(times: f, plus: Self(2.0000714765e-1))
      p = p.fused(times: f, plus: Self(-2.4999993993e-1))
      p = p.fused(times: f, plus: Self(3.3333331174e-1))
      let square = f * f
      let tail = e.fused(times: Self(ln2.low), plus: p * (f * square))
      regular = e.fused(times: Self(ln2.high), plus: f + square.fused(times: Self(-0.5), plus: tail))
    } else {
      let s = f / (f + Self(2))
      let s2 = s * s
      var p = Self(2.0 / 25)
      var k = 11
      while k >= 1 {
        p = p.fused(times: s2, plus: Self(2 / Double(2 * k + 1)))
        k -= 1
      }
      // log m = 2s + s^3 (2/3 + ...), and 2s = f - s f keeps the digits of f.
      let logM = f - s * (f - s2 * p)
      regular = e.fused(times: Self(ln2.high), plus: e.fused(times: Self(ln2.low), plus: logM))
    }
    let finite = select(Self(.infinity), greaterThan: x, regular, x)
    let edge = select(Self(0), greaterThan: x, Self(.nan), Self(-.infinity))
    return select(Self(smallest), greaterThan: x, edge, finite)
  }

  /// tanh: h / (1 + h) with 2 h = e^(2|x|) - 1. What 1 + h loses in rounding is put back: without that the error is above 2
  /// units. 1 - t stands for 1 / (1 + h).
  @inline(__always)
  static func tanh(_ x: Self) -> Self {
    // From here on the quotient has rounded to 1; this way round NaN passes.
    let (p, shifted) = reduced(minimum(x.absoluteValue * Self(2), Self(40)))
    let half = Self(0.5).scaled(byExponentOf: shifted)
    let h = p.fused(times: half, plus: half - Self(0.5))
    let d = h + Self(1)
    let one = d - h
    let lost = (h - (d - one)) + (Self(1) - one)
    let t = h / d
    let slope = t.fused(times: -t, plus: t)
    return lost.fused(times: -slope, plus: t).signed(like: x)
  }

  /// 1 / (1 + e) or e / (1 + e) with e = e^-|x|, corrected as tanh is.
  @inline(__always)
  static func sigmoid(_ x: Self) -> Self {
    let e = exp(-x.absoluteValue)
    let d = Self(1) + e
    let t = select(x, greaterThan: Self(0), Self(1), e) / d
    return (e - (d - Self(1))).fused(times: -t, plus: t)
  }

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
