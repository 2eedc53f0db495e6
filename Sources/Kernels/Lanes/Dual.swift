/// A value and its tangent: arithmetic that carries an exact first derivative along. An update rule run on duals is the
/// step with the tangents of weights and state, for forward-mode hypergradients.
public struct Dual<Base: Lane>: Lane {
  public var value: Base
  public var tangent: Base

  @inlinable @inline(__always)
  public init(_ value: Base, tangent: Base) {
    self.value = value
    self.tangent = tangent
  }

  @inlinable @inline(__always)
  public init(_ constant: Double) { self.init(Base(constant), tangent: Base(0)) }

  @inlinable @inline(__always)
  public static func + (a: Self, b: Self) -> Self { Self(a.value + b.value, tangent: a.tangent + b.tangent) }
  @inlinable @inline(__always)
  public static func - (a: Self, b: Self) -> Self { Self(a.value - b.value, tangent: a.tangent - b.tangent) }
  @inlinable @inline(__always)
  public static func * (a: Self, b: Self) -> Self {
    Self(a.value * b.value, tangent: a.tangent * b.value + a.value * b.tangent)
  }
  @inlinable @inline(__always)
  public static func / (a: Self, b: Self) -> Self {
    let quotient = a.value / b.value
    return Self(quotient, tangent: (a.tangent - quotient * b.tangent) / b.value)
  }

  /// The tangent at 0 is taken as 0: Adam on pixels that are always dark.
  @inlinable @inline(__always)
  public func squareRoot() -> Self {
    let root = value.squareRoot()
    return Self(root, tangent: Base.select(root, greaterThan: Base(0), tangent / (root + root), Base(0)))
  }

  @inlinable @inline(__always)
  public static func select(_ a: Self, greaterThan b: Self, _ x: Self, _ y: Self) -> Self {
    Self(
      Base.select(a.value, greaterThan: b.value, x.value, y.value),
      tangent: Base.select(a.value, greaterThan: b.value, x.tangent, y.tangent))
  }
}

/// A single number is a lane too: the plain version beside the vectors.
extension Double: Lane {
  @inlinable @inline(__always)
  public static func select(_ a: Double, greaterThan b: Double, _ x: Double, _ y: Double) -> Double {
    a > b ? x : y
  }
}
