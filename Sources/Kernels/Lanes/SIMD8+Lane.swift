import CVector

extension SIMD8<Double>: Lane, VectorLane, WideLane {
  public typealias Element = Double
  public typealias Wide = Self

  @inlinable @inline(__always)
  public init(_ constant: Double) { self.init(repeating: Double(constant)) }
  @inlinable @inline(__always)
  public func squareRoot() -> Self { cv_sqrt_f64(self) }
  @inlinable @inline(__always)
  public static func select(_ a: Self, greaterThan b: Self, _ x: Self, _ y: Self) -> Self {
    cv_select_greater_f64(a, b, x, y)
  }

  @inlinable @inline(__always)
  public static var width: Int { 8 }
  @inlinable @inline(__always)
  public static func load(_ p: UnsafePointer<Double>) -> Self {
    UnsafeRawPointer(p).loadUnaligned(as: Self.self)
  }
  @inlinable @inline(__always)
  public static func load(_ p: UnsafePointer<Double>, count: Int) -> Self {
    cv_load_first_f64(p, Int32(truncatingIfNeeded: count))
  }
  @inlinable @inline(__always)
  public func first(_ count: Int) -> Self { cv_first_f64(self, Int32(truncatingIfNeeded: count)) }
  @inlinable @inline(__always)
  public func keeping(_ bits: UInt32) -> Self { cv_keep_f64(self, bits) }
  @inlinable @inline(__always)
  public func store(_ p: UnsafeMutablePointer<Double>) {
    UnsafeMutableRawPointer(p).storeBytes(of: self, as: Self.self)
  }
  @inlinable @inline(__always)
  public func sum() -> Double {
    let h = lowHalf + highHalf; let q = h.lowHalf + h.highHalf; return q[0] + q[1]
  }
  @inlinable @inline(__always)
  public var absoluteValue: Self { cv_abs_f64(self) }
  @inlinable @inline(__always)
  public func fused(times b: Self, plus c: Self) -> Self { cv_fma_f64(self, b, c) }
  @inlinable @inline(__always)
  public func signed(like x: Self) -> Self { cv_copysign_f64(self, x) }
  @inlinable @inline(__always)
  public static var roundingShift: Double { 6_755_399_441_055_744 }
  @inlinable @inline(__always)
  public func scaled(byExponentOf shifted: Self) -> Self { cv_scale_f64(self, shifted) }
  @inlinable @inline(__always)
  public var exponent: Self { cv_exponent_f64(self) }
  @inlinable @inline(__always)
  public var mantissa: Self { cv_mantissa_f64(self) }

  @inlinable @inline(__always)
  public static var exponentialLimits: (least: Double, low: Double, high: Double) {
    (-745.1332191019412, -708.396418532264, 709.7827128933841)
  }
  @inlinable @inline(__always)
  public static var ln2: (high: Double, low: Double) {
    (6.93147180369123816490e-01, 1.90821492927058770002e-10)
  }
  @inlinable @inline(__always)
  public static var smallest: Double { Double(Double.leastNonzeroMagnitude) }
  @inlinable @inline(__always)
  public static var smallestNormal: Double { Double(Double.leastNormalMagnitude) }

  @inlinable @inline(__always)
  public static func addProduct(_ a: Self, _ b: Self, _ sum: Self) -> Self { cv_fma_f64(a, b, sum) }

  public func mapLanes(_ f: (Double) -> Double) -> Self {
    var result = self
    for lane in 0..<8 { result[lane] = Double(f(Double(self[lane]))) }
    return result
  }
}
