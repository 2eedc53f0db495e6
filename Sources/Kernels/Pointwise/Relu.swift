/// max(x, 0); the derivative at 0 is taken as 0, and NaN passes.
enum Relu: PointwiseFunction {
  static var name: String { "relu" }
  static var reads: PointwiseReads { .output }
  static var domain: ExampleDomain { .separated }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L {
    L.select(L(0), greaterThan: x, L(0), x)
  }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    L.select(y, greaterThan: L(0), L(1), L(0))
  }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(0) }
  static var bends: Bool { false }
  static var commutesWithMaximum: Bool { true }
}
