/// |x|; the derivative at 0 is taken as 0.
enum Absolute: PointwiseFunction {
  static var name: String { "abs" }
  static var reads: PointwiseReads { .input }
  static var domain: ExampleDomain { .separated }

  @inline(__always)
  static func value<L: VectorLane>(_ x: L, _ p: PointwiseParameters) -> L { x.absoluteValue }
  @inline(__always)
  static func first<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L {
    L.select(x, greaterThan: L(0), L(1), L.select(L(0), greaterThan: x, L(-1), L(0)))
  }
  @inline(__always)
  static func second<L: VectorLane>(_ x: L, _ y: L, _ p: PointwiseParameters) -> L { L(0) }
  static var bends: Bool { false }
}
