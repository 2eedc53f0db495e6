import CVector

extension SIMD16<Float>: Lane, VectorLane {
  public typealias Element = Float
  public typealias Wide = WidePair

  @inlinable @inline(__always)
  public init(_ constant: Double) { self.init(repeating: Float(constant)) }
  @inlinable @inline(__always)
  public func squareRoot() -> Self { cv_sqrt_f32(self) }
  @inlinable @inline(__always)
  public static func select(_ a: Self, greaterThan b: Self, _ x: Self, _ y: Self) -> Self {
    cv_select_greater_f32(a, b, x, y)
  }

  @inlinable @inline(__always)
  public static var width: Int { 16 }
  @inlinable @inline(__always)
  public static func load(_ p: UnsafePointer<Float>) -> Self {
    UnsafeRawPointer(p).loadUnaligned(as: Self.self)
  }
  @inlinable @inline(__always)
  public static func load(_ p: UnsafePointer<Float>, count: Int) -> Self {
    cv_load_first_f32(p, Int32(truncatingIfNeeded: count))
  }
  @inlinable @inline(__always)
  public func first(_ count: Int) -> Self { cv_first_f32(self, Int32(truncatingIfNeeded: count)) }
  @inlinable @inline(__always)
  public func keeping(_ bits: UInt32) -> Self { cv_keep_f32(self, bits) }
  @inlinable @inline(__always)
  public func store(_ p: UnsafeMutablePointer<Float>) {
    UnsafeMutableRawPointer(p).storeBytes(of: self, as: Self.self)
  }
  @inlinable @inline(__always)
  public func sum() -> Double { (cv_widen_low(self) + cv_widen_high(self)).sum() }
  @inlinable @inline(__always)
  public var absoluteValue: Self { cv_abs_f32(self) }
  @inlinable @inline(__always)
  public func fused(times b: Self, plus c: Self) -> Self { cv_fma_f32(self, b, c) }
  @inlinable @inline(__always)
  public func signed(like x: Self) -> Self { cv_copysign_f32(self, x) }
  @inlinable @inline(__always)
  public static var roundingShift: Double { 12_582_912 }
  @inlinable @inline(__always)
  public func scaled(byExponentOf shifted: Self) -> Self { cv_scale_f32(self, shifted) }
  @inlinable @inline(__always)
  public var exponent: Self { cv_exponent_f32(self) }
  @inlinable @inline(__always)
  public var mantissa: Self { cv_mantissa_f32(self) }

  @inlinable @inline(__always)
  public static var exponentialLimits: (least: Double, low: Double, high: Double) {
    (-103.97208, -87.336544, 88.72283935546875)
  }
  @inlinable @inline(__always)
  public static var ln2: (high: Double, low: Double) { (0.693359375, -2.12194440e-4) }
  @inlinable @inline(__always)
  public static var smallest: Double { Double(Float.leastNonzeroMagnitude) }
  @inlinable @inline(__always)
  public static var smallestNormal: Double { Double(Float.leastNormalMagnitude) }

  @inlinable @inline(__always)
  public static func addProduct(_ a: Self, _ b: Self, _ sum: WidePair) -> WidePair {
    WidePair(
      low: cv_fma_f64(cv_widen_low(a), cv_widen_low(b), sum.low),
      high: cv_fma_f64(cv_widen_high(a), cv_widen_high(b), sum.high))
  }

  public func mapLanes(_ f: (Double) -> Double) -> Self {
    var result = self
    for lane in 0..<16 { result[lane] = Float(f(Double(self[lane]))) }
    return result
  }
}

/// Sixteen double-precision partial sums.
public struct WidePair: WideLane {
  public var low: SIMD8<Double>
  public var high: SIMD8<Double>

  @inlinable @inline(__always)
  public init(low: SIMD8<Double>, high: SIMD8<Double>) {
    self.low = low
    self.high = high
  }
  @inlinable @inline(__always)
  public init(_ constant: Double) { self.init(low: SIMD8(constant), high: SIMD8(constant)) }
  @inlinable @inline(__always)
  public func sum() -> Double { (low + high).sum() }
}
