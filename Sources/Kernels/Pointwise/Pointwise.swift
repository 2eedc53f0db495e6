/// A function of one number, stated once: its value and its first two derivatives, as lane arithmetic.
/// `y` is the value at `x`, for functions whose derivatives are cheaper from it.
public protocol PointwiseFunction {
  /// Of its operation.
  static var name: String { get }
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L
  /// False: the second derivative is zero wherever there is one.
  static var bends: Bool { get }
  /// The value of the largest argument is the largest value, and where several arguments share it the derivative is zero.
  static var commutesWithMaximum: Bool { get }
  /// At most two, the first of which is `PointwiseParameters.a`.
  static var constants: [PointwiseConstant] { get }
  static var domain: ExampleDomain { get }
  /// What the derivatives are computed from.
  static var reads: PointwiseReads { get }
}

/// The numbers that derivatives of a pointwise function are computed from: a recorded step keeps no others.
public enum PointwiseReads: Sendable {
  case input
  case output
  case both
}

extension PointwiseFunction {
  static var bends: Bool { true }
  static var commutesWithMaximum: Bool { false }
  static var constants: [PointwiseConstant] { [] }
  static var domain: ExampleDomain { .any }
  static var reads: PointwiseReads { .both }
}

/// A number that a user gives, such as the exponent of a power.
public struct PointwiseConstant: Sendable {
  public let name: String
  /// nil: must be given.
  public let `default`: Double?
  /// To test the operation with.
  public let example: Double

  init(_ name: String, default fallback: Double?, example: Double) {
    (self.name, self.default, self.example) = (name, fallback, example)
  }
}

/// Where the inputs of an operation lie so that it is defined and smooth there.
public enum ExampleDomain: Sendable {
  case any
  case positive
  /// Distinct values, none near 0: away from kinks and ties.
  case separated
}

/// The constants of a function: scale and shift of an affine one, the exponent of a power.
public struct PointwiseParameters: Sendable {
  public var a: Double
  public var b: Double
  public init(_ a: Double = 0, _ b: Double = 0) {
    self.a = a
    self.b = b
  }

  /// In the order of the function's `constants`.
  public init(_ constants: [Double]) {
    self.init(constants.first ?? 0, constants.dropFirst().first ?? 0)
  }
}

/// The loops of one pointwise function for one element type.
public struct PointwiseKernels: Sendable {
  public typealias Raw = UnsafeRawPointer
  public typealias RawOut = UnsafeMutableRawPointer
  /// y = phi(x)
  public let value: @Sendable (_ x: Raw, _ y: RawOut, _ n: Int, _ p: PointwiseParameters) -> Void
  /// out (+)= phi'(x) v
  public let first:
    @Sendable (
      _ x: Raw, _ y: Raw, _ v: Raw, _ out: RawOut, _ n: Int, _ accumulate: Bool, _ p: PointwiseParameters
    )
      -> Void
  /// out += phi''(x) u v
  public let second:
    @Sendable (_ x: Raw, _ y: Raw, _ u: Raw, _ v: Raw, _ out: RawOut, _ n: Int, _ p: PointwiseParameters) ->
      Void
  public let bends: Bool
  public let commutesWithMaximum: Bool
  public let reads: PointwiseReads

  init(
    value: @escaping @Sendable (_ x: Raw, _ y: RawOut, _ n: Int, _ p: PointwiseParameters) -> Void,
    first:
      @escaping @Sendable (
        _ x: Raw, _ y: Raw, _ v: Raw, _ out: RawOut, _ n: Int, _ accumulate: Bool, _ p: PointwiseParameters
      ) -> Void,
    second:
      @escaping @Sendable (
        _ x: Raw, _ y: Raw, _ u: Raw, _ v: Raw, _ out: RawOut, _ n: Int, _ p: PointwiseParameters
      ) -> Void, bends: Bool, commutesWithMaximum: Bool, reads: PointwiseReads
  ) {
    (self.value, self.first, self.second) = (value, first, second)
    (self.bends, self.commutesWithMaximum, self.reads) = (bends, commutesWithMaximum, reads)
  }

  @inline(__always)
  init<F: PointwiseFunction, T: Scalar>(_: F.Type, _: T.Type) {
    bends = F.bends
    commutesWithMaximum = F.commutesWithMaximum
    reads = F.reads
    value = { x, y, n, p in
      let x = x.assumingMemoryBound(to: T.self)
      let y = y.assumingMemoryBound(to: T.self)
      parallelRanges(n) { low, high in pointwiseValue(F.self, x, y, low, high, p) }
    }
    first = { x, y, v, out, n, accumulate, p in
      let x = x.assumingMemoryBound(to: T.self)
      let y = y.assumingMemoryBound(to: T.self)
      let v = v.assumingMemoryBound(to: T.self)
      let out = out.assumingMemoryBound(to: T.self)
      parallelRanges(n) { low, high in pointwiseFirst(F.self, x, y, v, out, low, high, accumulate, p) }
    }
    second = { x, y, u, v, out, n, p in
      let x = x.assumingMemoryBound(to: T.self)
      let y = y.assumingMemoryBound(to: T.self)
      let u = u.assumingMemoryBound(to: T.self)
      let v = v.assumingMemoryBound(to: T.self)
      let out = out.assumingMemoryBound(to: T.self)
      parallelRanges(n) { low, high in pointwiseSecond(F.self, x, y, u, v, out, low, high, p) }
    }
  }
}

@inline(__always)
func pointwiseValue<F: PointwiseFunction, T: Scalar>(
  _: F.Type, _ x: UnsafePointer<T>, _ y: UnsafeMutablePointer<T>, _ low: Int, _ high: Int,
  _ p: PointwiseParameters
) {
  let width = T.Vector.width
  var i = low
  while i &+ width <= high {
    F.value(T.Vector.load(x + i), p).store(y + i)
    i &+= width
  }
  if i < high { F.value(T.Vector.load(x + i, count: high - i), p).store(y + i, count: high - i) }
}

@inline(__always)
func pointwiseFirst<F: PointwiseFunction, T: Scalar>(
  _: F.Type, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ v: UnsafePointer<T>,
  _ out: UnsafeMutablePointer<T>,
  _ low: Int, _ high: Int, _ accumulate: Bool, _ p: PointwiseParameters
) {
  let width = T.Vector.width
  var i = low
  while i &+ width <= high {
    let d = F.first(T.Vector.load(x + i), T.Vector.load(y + i), p) * T.Vector.load(v + i)
    (accumulate ? T.Vector.load(UnsafePointer(out + i)) + d : d).store(out + i)
    i &+= width
  }
  if i < high {
    let n = high - i
    let d =
      F.first(T.Vector.load(x + i, count: n), T.Vector.load(y + i, count: n), p)
      * T.Vector.load(v + i, count: n)
    (accumulate ? T.Vector.load(UnsafePointer(out + i), count: n) + d : d).store(out + i, count: n)
  }
}

@inline(__always)
func pointwiseSecond<F: PointwiseFunction, T: Scalar>(
  _: F.Type, _ x: UnsafePointer<T>, _ y: UnsafePointer<T>, _ u: UnsafePointer<T>, _ v: UnsafePointer<T>,
  _ out: UnsafeMutablePointer<T>, _ low: Int, _ high: Int, _ p: PointwiseParameters
) {
  let width = T.Vector.width
  var i = low
  while i &+ width <= high {
    let uv = T.Vector.load(u + i) * T.Vector.load(v + i)
    let bend = F.second(T.Vector.load(x + i), T.Vector.load(y + i), p)
    (T.Vector.load(UnsafePointer(out + i)) + bend * uv).store(out + i)
    i &+= width
  }
  if i < high {
    let n = high - i
    let uv = T.Vector.load(u + i, count: n) * T.Vector.load(v + i, count: n)
    let bend = F.second(T.Vector.load(x + i, count: n), T.Vector.load(y + i, count: n), p)
    (T.Vector.load(UnsafePointer(out + i), count: n) + bend * uv).store(out + i, count: n)
  }
}
