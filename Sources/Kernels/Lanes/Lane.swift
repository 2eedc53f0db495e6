import CVector
import Vocabulary

/// What element-wise arithmetic is written against: a number, a vector of numbers, or a dual number over either.
/// Update rules and pointwise functions are generic over their lane, so one text serves training steps and the
/// same steps with tangents.
public protocol Lane {
  init(_ constant: Double)
  static func + (a: Self, b: Self) -> Self
  static func - (a: Self, b: Self) -> Self
  static func * (a: Self, b: Self) -> Self
  static func / (a: Self, b: Self) -> Self
  func squareRoot() -> Self
  /// `x` where `a > b`, else `y`; a NaN in `a` or `b` selects `y`.
  static func select(_ a: Self, greaterThan b: Self, _ x: Self, _ y: Self) -> Self
}

extension Lane {
  @inlinable @inline(__always)
  public static func maximum(_ a: Self, _ b: Self) -> Self { select(a, greaterThan: b, a, b) }
  @inlinable @inline(__always)
  public static func minimum(_ a: Self, _ b: Self) -> Self { select(a, greaterThan: b, b, a) }
  @inlinable @inline(__always)
  public static prefix func - (a: Self) -> Self { Self(0) - a }
}

/// A lane that is a SIMD vector of `Element`s in memory, with the transcendental functions of `LaneMath.swift`.
public protocol VectorLane: Lane {
  associatedtype Element
  /// Accumulates products of this lane in double precision.
  associatedtype Wide: WideLane
  static var width: Int { get }
  static func load(_ p: UnsafePointer<Element>) -> Self
  /// The first `count` elements, the rest zero.
  static func load(_ p: UnsafePointer<Element>, count: Int) -> Self
  /// Zeros in all but the first `count` lanes.
  func first(_ count: Int) -> Self
  /// Zeros in the lanes whose bit is not set.
  func keeping(_ bits: UInt32) -> Self
  func store(_ p: UnsafeMutablePointer<Element>)
  /// Sum over the lanes in double precision.
  func sum() -> Double
  var absoluteValue: Self { get }
  func fused(times b: Self, plus c: Self) -> Self
  /// With the sign of `x`.
  func signed(like x: Self) -> Self
  /// Half as much again as the number from which on neighbors are 1 apart.
  static var roundingShift: Double { get }
  /// self times 2^n for `shifted` = n + `roundingShift`, while both are normal.
  func scaled(byExponentOf shifted: Self) -> Self
  /// self = mantissa 2^exponent with the mantissa in [1/sqrt 2, sqrt 2), for positive normal numbers.
  var exponent: Self { get }
  var mantissa: Self { get }
  /// Below which e^x is 0, below which it is no normal number, and from which on it is infinite.
  static var exponentialLimits: (least: Double, low: Double, high: Double) { get }
  static var ln2: (high: Double, low: Double) { get }
  /// The smallest number above 0, and the smallest of full precision.
  static var smallest: Double { get }
  static var smallestNormal: Double { get }
  static func addProduct(_ a: Self, _ b: Self, _ sum: Wide) -> Wide
  func mapLanes(_ f: (Double) -> Double) -> Self
}

/// Double-precision partial sums.
public protocol WideLane {
  init(_ constant: Double)
  func sum() -> Double
}

extension VectorLane {
  @inlinable @inline(__always)
  public func store(_ p: UnsafeMutablePointer<Element>, count: Int) {
    withUnsafeBytes(of: self) {
      UnsafeMutableRawPointer(p).copyMemory(
        from: $0.baseAddress!, byteCount: count * MemoryLayout<Element>.stride)
    }
  }
}

/// Asks for what a loop over several vectors reads at p some steps later: from three vectors on the processor does not
/// foresee them all. Any address may be given.
@inlinable @inline(__always)
public func readSoon<T>(_ p: UnsafePointer<T>) { cv_prefetch_near(UnsafeRawPointer(p) + bytesAhead) }
@inlinable @inline(__always)
public func writeSoon<T>(_ p: UnsafeMutablePointer<T>) { cv_prefetch_write(UnsafeRawPointer(p) + bytesAhead) }
@inlinable @inline(__always)
public var bytesAhead: Int { 2048 }

/// A floating type that tensors are made of, and the vector its loops run on.
public protocol Scalar: BinaryFloatingPoint, SIMDScalar, Codable {
  associatedtype Vector: VectorLane where Vector.Element == Self
  static var dtype: DType { get }
  /// Eight elements in double precision.
  static func widen(_ p: UnsafePointer<Self>) -> SIMD8<Double>
}

extension Float: Scalar {
  public typealias Vector = SIMD16<Float>
  public static var dtype: DType { .float32 }
  @inlinable @inline(__always)
  public static func widen(_ p: UnsafePointer<Float>) -> SIMD8<Double> {
    cv_widen(UnsafeRawPointer(p).loadUnaligned(as: SIMD8<Float>.self))
  }
}

extension Double: Scalar {
  public typealias Vector = SIMD8<Double>
  public static var dtype: DType { .float64 }
  @inlinable @inline(__always)
  public static func widen(_ p: UnsafePointer<Double>) -> SIMD8<Double> { SIMD8<Double>.load(p) }
}

extension DType {
  /// The Swift type of a floating tensor's elements. Whoever calls this has checked `isFloating`.
  public var scalar: any Scalar.Type {
    self == .float64 ? Double.self : Float.self
  }
}
